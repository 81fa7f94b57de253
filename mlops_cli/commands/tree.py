"""The whole command tree, walked: for the generated help, the completion scripts and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from typer.main import get_command

from .lazy import Stub
from .root import app


class Node(NamedTuple):
    """One command or group. `options` maps each long or short flag to its help and whether it takes a value."""

    path: tuple[str, ...]
    command: Any
    help: str
    short: str

    @property
    def children(self) -> list[tuple[str, str]]:
        found = getattr(self.command, "commands", {})
        return [(name, item.get_short_help_str(70)) for name, item in found.items() if not item.hidden]

    @property
    def options(self) -> list[tuple[tuple[str, ...], str, bool]]:
        return [
            (tuple(param.opts), getattr(param, "help", None) or "", not (param.is_flag or param.count))
            for param in self.command.params
            if param.param_type_name == "option"
        ] + [(("-h", "--help"), "Show this message and exit.", False)]

    @property
    def arguments(self) -> list[str]:
        """The placeholders of its arguments: `EXP`, `PROJECT`, ..."""
        return [
            (p.metavar or p.name).split()[0].strip("[].")
            for p in self.command.params
            if p.param_type_name == "argument"
        ]


def walk() -> Iterator[Node]:
    """Every command that help shows, the root first, parents before their children."""
    yield from _walk(get_command(app), ("mlops",), None)


def _walk(command: Any, path: tuple[str, ...], parent: Any) -> Iterator[Node]:
    real = command.load() if isinstance(command, Stub) else command
    context = real.context_class(real, info_name=path[-1], parent=parent, **_settings(parent))
    yield Node(path, real, real.get_help(context) + "\n", real.get_short_help_str(70))
    for name, child in getattr(real, "commands", {}).items():
        if not child.hidden:
            yield from _walk(child, (*path, name), context)


def _settings(parent: Any) -> dict[str, Any]:
    return {"help_option_names": ["-h", "--help"]} if parent is None else {}
