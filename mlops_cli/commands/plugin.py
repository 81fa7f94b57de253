"""`mlops plugin ls`, and how the root finds a command that is not built in: an entry point, or `mlops-NAME` on PATH."""

from __future__ import annotations

import os
from typing import Any

from typer.core import TyperCommand

from ..errors import RunFailed
from ..render.table import KEEP, Column
from .context import Context
from .define import READS, command, new_app
from .lazy import Group

GROUP = "mlops_cli.commands"
PREFIX = "mlops-"

app = new_app(cls=Group, help="Commands that other packages add.", no_args_is_help=True)


@app.callback()
def plugin() -> None:
    """Commands that other packages add."""


@command(app, "ls", reads=READS, example="mlops plugin ls\nmlops plugin ls --json")
def ls(context: Context) -> None:
    """List the commands found as entry points and as mlops-NAME programs on PATH."""
    from .. import plugins

    rows = [(name, "entry point", GROUP) for name in plugins.names(GROUP)]
    rows += [(name, "program", path) for name, path in sorted(_programs().items())]
    columns = [Column("name", rank=KEEP), Column("kind"), Column("where", flexible=True)]
    context.output.records(columns, rows, ids=[row[0] for row in rows], empty="no plugins")


def find_command(name: str) -> Any:
    """The command of that name from outside, or None. A broken plugin is an error that names it."""
    if not name or name.startswith("-") or os.sep in name:
        return None
    from .. import plugins

    if name in plugins.names(GROUP):
        import typer.main

        found = typer.main.get_command(plugins.load(GROUP, name))
        found.name = name
        return found
    path = _programs().get(name)
    return _Program(name, path) if path else None


def _programs() -> dict[str, str]:
    """`mlops-NAME` on PATH, the first of each name, as a shell would find it."""
    found: dict[str, str] = {}
    for folder in os.get_exec_path():
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(PREFIX) and os.access(entry.path, os.X_OK) and entry.is_file():
                found.setdefault(entry.name.removeprefix(PREFIX), entry.path)
    return found


class _Program(TyperCommand):
    """Hands everything after its name to a program, and becomes that program."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, add_help_option=False, rich_markup_mode=None)
        self.path = path

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = args
        return args

    def invoke(self, ctx: Any) -> None:
        try:
            os.execv(self.path, [self.path, *ctx.args])  # noqa: S606 - no shell is wanted
        except OSError as error:
            raise RunFailed(f"cannot start {self.path}: {error.strerror}", exit_code=126) from error
