"""`mlops checkout EXP [DIR]`: its exact code, in a new folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import one, short

app = new_app()


@command(
    app,
    "checkout",
    reads=READS,
    example="mlops checkout @latest\nmlops checkout @best:val/acc ../best\nmlops checkout 1f3a --worktree ../try",
)
def checkout(
    context: Context,
    exp: options.Exp,
    folder: Annotated[
        str, Argument(metavar="[DIR]", help="A new or empty folder; else named after the experiment.")
    ] = "",
    worktree: Annotated[bool, Option("--worktree", help="As a git worktree of the repository at hand.")] = False,
) -> None:
    """Put the exact code of an experiment into a new folder, byte for byte."""
    from ..code.restore import restore
    from .code import repository_at_hand, version_of

    doc = context.api.tasks.document(one(context, exp))
    version = version_of(context, doc)
    done = restore(
        version.script,
        version.artifacts,
        Path(folder or f"{_plain(doc.get('name') or 'experiment')}-{short(doc['id'])}"),
        repository=repository_at_hand([doc]),
        as_worktree=worktree,
    )
    output = context.output
    for altered in done.altered:
        output.warn(f"{altered.path}:{altered.line}: a secret was hidden in the record")
    for left in done.left_out:
        output.warn(f"{left.path} is not there: {left.why}")
    for note in done.notes:
        output.note(note)
    if output.is_json:
        output.document({"path": str(done.path), "commit": done.commit or None, "files": done.files})
    else:
        output.write(f"{done.path}\n")


def _plain(name: str) -> str:
    """A name as one part of a path."""
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name).strip(".-")[:60] or "experiment"
