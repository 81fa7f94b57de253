"""The table of commands, and the root group that imports a command's module only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer.main
from typer.core import TyperCommand, TyperGroup


class Row(NamedTuple):
    """Where a command lives (module of this package) and what the root help says of it."""

    module: str
    help: str
    panel: str


EVERYDAY, ASSETS, TOOL = "Experiments", "Projects", "Tool"

TABLE: dict[str, Row] = {
    "plugin": Row("plugin", "Commands that other packages add.", TOOL),
    "version": Row("version", "Show the version, the interpreter and the platform.", TOOL),
}

ALIASES = {
    "list": "ls", "describe": "show", "info": "show", "inspect": "show", "log": "logs", "fork": "clone",
    "restore": "checkout", "submit": "enqueue", "launch": "enqueue", "ui": "top", "remove": "rm", "delete": "rm",
    "add": "create", "new": "create",
}  # fmt: skip
"""Habits from other tools: they work, and no help mentions them."""


class Stub(TyperCommand):
    """A name and a help text that stand for a command until it is called."""

    def load(self) -> Any:
        assert self.name is not None
        found = typer.main.get_command(import_module(f"{__package__}.{TABLE[self.name].module}").app)
        found.name = self.name
        return found


class Group(TyperGroup):
    """A group whose commands also answer to the habits of other tools, with help in panels."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = ALIASES.get(args[0])
        if args[0] not in self.commands and name in self.commands:
            args = [name, *args[1:]]  # type: ignore[list-item]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, found in self.commands.items():
            if not found.hidden:
                panel = getattr(found, "rich_help_panel", None)
                row = (name, found.get_short_help_str(limit=70))
                panels.setdefault(panel if isinstance(panel, str) else "Commands", []).append(row)
        longest = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(longest), text) for name, text in rows])


class RootGroup(Group):
    """The root: filled with stubs from the table; plugins are looked for only when a name is unknown."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, row in TABLE.items():
            self.commands[name] = Stub(name, help=row.help, rich_help_panel=row.panel, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and ALIASES.get(args[0]) not in self.commands:
            from .plugin import find_command

            outside = find_command(args[0])
            if outside is not None:
                return args[0], outside, args[1:]
        name, found, rest = super().resolve_command(ctx, args)
        return name, found.load() if isinstance(found, Stub) else found, rest
