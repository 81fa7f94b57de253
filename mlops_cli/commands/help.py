"""`mlops help [COMMAND...]`: the same as `--help` behind the words."""

from __future__ import annotations

from typing import Annotated

from typer import Argument

from .context import Context
from .define import command, new_app

app = new_app()


@command(app, "help", example="mlops help\nmlops help diff\nmlops help config set")
def help_(
    context: Context,
    words: Annotated[
        list[str] | None, Argument(metavar="[COMMAND]...", help="A command, or a group and its verb.")
    ] = None,
) -> None:
    """Show the help of a command."""
    from .rendered import find
    from .root import execute

    known = find(words or [])
    if known is not None:
        context.output.lines(known.rstrip("\n").split("\n"))
    else:
        execute([*(words or []), "--help"], context)
