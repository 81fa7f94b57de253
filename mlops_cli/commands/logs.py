"""`mlops logs`: the console of an experiment, whole, its end, or as it grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

from typer import Option

from ..errors import InvalidInput
from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import one, short

SCREENFUL = 1000
POLL_S = 0.3
WAIT_S = 30.0
"""How long a server of ours keeps us waiting for news: shorter than any proxy's patience."""


app = new_app()


@command(
    app,
    "logs",
    reads=READS,
    example="mlops logs @latest\nmlops logs @latest -f\nmlops logs 1f3a -n 20\nmlops logs 1f3a --raw > log",
)
def logs(
    context: Context,
    exp: options.Exp = "@latest",
    follow: Annotated[bool, Option("--follow", "-f", help="Go on as it grows, until the experiment ends.")] = False,
    limit: Annotated[
        int | None, Option("--limit", "-n", metavar="N", show_default=False, help="Only the last N lines.")
    ] = None,
    all_: options.All = False,
    raw: Annotated[bool, Option("--raw", help="The bytes as the program wrote them, nothing folded.")] = False,
) -> int:
    """Show what an experiment printed; progress bars are shown in their last state."""
    if limit is not None and limit < 1:
        raise InvalidInput(f"-n {limit}: at least one", hint="--all for all of them")
    task = one(context, exp)
    output = context.output
    bounded = limit if limit or all_ or not output.is_terminal or raw else SCREENFUL
    if raw:
        return _raw(context, task, last=bounded, follow=follow)
    if output.is_json:
        return _json(context, task, last=bounded, follow=follow)
    if follow:
        return _follow(context, task, last=bounded)
    shown = list(read_lines(context, task, last=bounded))
    output.lines(shown)
    if bounded == SCREENFUL and len(shown) >= SCREENFUL and limit is None:
        output.note(f"the last {SCREENFUL} lines; --all shows all, -n N so many")
    return 0


def read_lines(context: Context, task: str, *, last: int | None) -> list[str]:
    """The console's last lines (None: all), folded and safe."""
    from ..render.console import Lines

    lines = Lines(color=context.output.colored)
    found: list[str] = []
    for chunk in chunks(context, task, last=last):
        found += lines.feed(chunk["raw"])
    found += lines.finish()
    return found[-last:] if last else found


def chunks(context: Context, task: str, *, last: int | None) -> Iterator[dict[str, Any]]:
    """The raw pieces in the order in which they came."""
    after: int | None = None
    while True:
        page = context.api.events.console(task, after=after, tail_lines=last if after is None else None)
        for chunk in page["chunks"]:
            yield {**chunk, "raw": _bytes(chunk["raw"])}
        after = page["last"]
        if not page["more"]:
            return


def grow(context: Context, task: str, *, last: int | None) -> Iterator[dict[str, Any] | None]:
    """As `chunks`, and on until the experiment has ended; None at every moment when nothing is there."""
    # An answer that waits must come before the connection is taken for dead.
    wait_s = min(WAIT_S, float(context.settings["timeout"]) / 2)
    after: int | None = None
    says_end = True
    while True:
        # Where the pages do not say it, the state is read first: what came before the end is then on the next page.
        is_over = not says_end and _has_ended(context, task)
        asked = time.monotonic()
        page = context.api.events.console(task, after=after, tail_lines=last if after is None else None, wait_s=wait_s)
        for chunk in page["chunks"]:
            yield {**chunk, "raw": _bytes(chunk["raw"])}
        after = -1 if page["last"] is None else page["last"]
        if page["more"]:
            continue
        if page.get("ended", is_over):
            return
        yield None
        is_first, says_end = says_end and "ended" not in page, "ended" in page
        # A server of ours has waited for us; whoever answers at once is asked again a little later.
        if not is_first and not (says_end and page["chunks"]):
            time.sleep(max(0.0, POLL_S - (time.monotonic() - asked)))


def _has_ended(context: Context, task: str) -> bool:
    from ..schemas.status import ENDED

    query = {"id": [task], "only_fields": ["status"], "search_hidden": True}
    return context.api.tasks.find(query)[0]["status"] in ENDED


def _follow(context: Context, task: str, *, last: int | None) -> int:
    from ..render.console import Lines

    lines, output = Lines(color=context.output.colored), context.output
    try:
        for chunk in grow(context, task, last=last):
            for line in lines.feed(chunk["raw"]) if chunk else ():
                output.write(line + "\n")
            output.stdout.flush()
        for line in lines.finish():
            output.write(line + "\n")
    except KeyboardInterrupt:
        return _stopped(context, task)
    return 0


def _json(context: Context, task: str, *, last: int | None, follow: bool) -> int:
    """One document; with `-f`, or as ndjson, one a line as they come."""
    output = context.output
    if follow or output.form == "ndjson":
        output.choose("ndjson")
        try:
            pieces = grow(context, task, last=last) if follow else chunks(context, task, last=last)
            for chunk in pieces:
                if chunk is not None:
                    output.document(_event(chunk))
                output.stdout.flush()
        except KeyboardInterrupt:
            return _stopped(context, task)
    else:
        output.document([_event(chunk) for chunk in chunks(context, task, last=last)])
    return 0


def _raw(context: Context, task: str, *, last: int | None, follow: bool) -> int:
    stream = getattr(sys.stdout, "buffer", None)
    context.output.wrote = True
    try:
        for chunk in grow(context, task, last=last) if follow else chunks(context, task, last=last):
            if chunk is None:
                continue
            if stream is not None:
                stream.write(chunk["raw"])
                stream.flush()
            else:
                sys.stdout.write(chunk["raw"].decode("utf-8", "replace"))
    except KeyboardInterrupt:
        return _stopped(context, task)
    return 0


def _stopped(context: Context, task: str) -> int:
    context.output.note(f"stopped following; the experiment goes on (mlops logs {short(task)} -f)")
    return 130


def _event(chunk: dict[str, Any]) -> dict[str, Any]:
    from ..schemas.console import fold, read_text

    shown = {name: chunk.get(name) for name in ("id", "timestamp", "level", "worker")}
    return {**shown, "msg": fold(read_text(chunk["raw"]))}


def _bytes(raw: Any) -> bytes:
    if isinstance(raw, bytes):
        return raw
    import base64

    return base64.b64decode(raw)
