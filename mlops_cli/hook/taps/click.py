"""Notes the effective options of the commands that a click or typer program runs, with where each value came from."""

from __future__ import annotations

import functools
import sys

from .. import notes, parameters
from .argparse import INTERNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("click.core", "typer._click.core")


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """make_context parses a command's line; tapping it keeps us out of the traceback of the command itself."""
    # Click before 8.2 has it on a base class of all commands.
    owner = getattr(module, "BaseCommand", None) or module.Command
    for candidate in (module.Command, owner):
        if "make_context" in vars(candidate):
            owner = candidate
            break
    original = owner.make_context
    if hasattr(original, "__wrapped__"):
        return
    roots: list[Any] = []

    @functools.wraps(original)
    def make_context(command: Any, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        is_own = parent is None and list(args) == sys.argv[1:]
        context = original(command, info_name, args, parent, **extra)
        try:
            if is_own:
                roots[:] = [context]
            if roots and context.find_root() is roots[0] and not _is_internal(command):
                parameters.send(note, "Args", "click", list(_rows(command, context)))
        except Exception as error:
            notes.warn(error)
        return context

    owner.make_context = make_context


def _is_internal(command: Any) -> bool:
    return (getattr(command.callback, "__module__", None) or "").split(".")[0] in INTERNAL


def _rows(command: Any, context: Any) -> Any:
    for parameter in command.params:
        name = parameter.name
        if name not in context.params:
            continue
        value = "<hidden>" if getattr(parameter, "hide_input", False) else context.params[name]
        default = None if callable(parameter.default) else parameter.default
        if type(default).__module__ != "builtins" and type(default).__name__ in ("Sentinel", "object"):
            default = None
        source = context.get_parameter_source(name) if hasattr(context, "get_parameter_source") else None
        yield name, value, default, getattr(parameter, "help", None) or "", getattr(source, "name", "").lower()
    if context.parent is not None and "command" not in context.params:
        yield "command", _path(context), None, ""


def _path(context: Any) -> str:
    """The words of the sub-command, as they were typed after the program's name."""
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(words)
