"""`mlops status`, `mlops sync`, and what `mlops` alone says: where we are, what runs, what is not sent yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

from .context import Context
from .define import READS, command, new_app

if TYPE_CHECKING:
    from ..spool.folder import RunFolder

status_app, sync_app = new_app(), new_app()


@command(status_app, "status", reads=READS, example="mlops status\nmlops status --json")
def status(context: Context) -> None:
    """Show where the experiments are kept, what runs on this machine, and what is not sent yet."""
    found = describe(context)
    if context.output.is_json:
        context.output.document(found)
    else:
        context.output.lines(summary(context, found))


@command(sync_app, "sync", reads=READS, example="mlops sync\nmlops sync 3f2a91c0")
def sync(
    context: Context,
    runs: Annotated[list[str] | None, Argument(metavar="[RUN]...", help="Runs, as `mlops status` names them.")] = None,
) -> int:
    """Send what earlier runs could not; doing it twice changes nothing."""
    from ..client.connect import connect
    from ..supervisor.sync import sync as send

    settings, output = context.settings, context.output
    done = send(settings.paths, lambda: connect(settings), runs or None)
    if output.is_json:
        output.document({"sent": done.sent, "running": done.running, "left": done.left})
    else:
        said = [f"{len(done.sent)} sent"] + ([f"{len(done.running)} still running"] if done.running else [])
        output.lines([", ".join(said)])
    for run, why in done.left:
        output.warn(f"run {run[:8]} is left: {why}")
    return 1 if done.left else 0


def describe(context: Context) -> dict[str, Any]:
    """What is true now; the store is not opened for it."""
    from ..spool.folder import RunFolder

    context.prune()
    settings = context.settings
    live = [_describe_run(folder) for folder in RunFolder.live(settings.paths.runs)]
    return {
        "server": settings.server or "embedded",
        "store": str(settings.paths.store),
        "project": settings.project,
        "running": [run for run in live if run["held"]],
        "unsent": [run for run in live if not run["held"]],
    }


def _describe_run(folder: RunFolder) -> dict[str, Any]:
    from ..supervisor.sync import unsent_bytes

    spec, recording = folder.read_json("spec.json") or {}, folder.read_json("recording.json") or {}
    return {
        "run": folder.run_id,
        "task": recording.get("task") or None,
        "name": spec.get("name") or " ".join(spec.get("argv") or ()),
        "started_at": spec.get("started_at"),
        "held": folder.is_locked(),
        "server": spec.get("server") or None,
        "unsent_bytes": unsent_bytes(folder),
    }


def summary(context: Context, found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    from ..render import values
    from ..render.blocks import Page

    page = Page(width=context.output.width, color=context.output.colored)
    where = "the store of this machine" if found["server"] == "embedded" else found["server"]
    page.pairs([("connected to", where), ("store", found["store"]), ("project", found["project"])], indent=0)
    now = time.time()
    for title, runs in (("Running", found["running"]), ("Not sent yet (mlops sync)", found["unsent"])):
        if runs:
            page.head(title)
            page.rows(
                [
                    [
                        (run["task"] or run["run"])[:8],
                        values.one_unit(now - (run["started_at"] or now)),
                        values.size(run["unsent_bytes"]),
                        run["name"],
                    ]
                    for run in runs
                ],
                right=frozenset({1, 2}),
            )
    if not found["running"] and not found["unsent"]:
        page.lines += ["", "nothing runs, everything is sent"]
    return page.lines
