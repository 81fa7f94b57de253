"""Notes the effective options of the program's own argparse parser, with types, defaults and help."""

from __future__ import annotations

import functools
import sys

from .. import notes, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("argparse",)

# Launchers and machinery that parse a command line of their own; their options are no parameters of the experiment.
INTERNAL = frozenset(
    "torch torchx accelerate deepspeed horovod hydra joblib loky multiprocessing concurrent ray ipykernel IPython"
    " jupyter_core traitlets coverage pytest _pytest pip setuptools distutils build wheel unittest doctest pdb"
    " cProfile timeit triton ninja".split()
)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """parse_args, and subclasses such as transformers' HfArgumentParser, all end in these two."""
    calls = _Calls(note)
    for name in ("parse_known_args", "parse_known_intermixed_args"):
        original = getattr(module.ArgumentParser, name)
        if not hasattr(original, "__wrapped__"):
            setattr(module.ArgumentParser, name, calls.tap(original))


class _Calls:
    """The outermost call in progress, and the parsers it went through: its own, then those of chosen sub-commands."""

    def __init__(self, note: Callable[[dict[str, Any]], None]) -> None:
        self._note = note
        self._parsers: list[Any] = []

    def tap(self, original: Any) -> Any:
        @functools.wraps(original)
        def parse(parser: Any, args: Any = None, namespace: Any = None, **more: Any) -> Any:
            is_outermost = not self._parsers
            if is_outermost and not _is_programs_own(args):
                return original(parser, args, namespace, **more)
            self._parsers.append(parser)
            parsers = list(self._parsers)
            try:
                result = original(parser, args, namespace, **more)
                parsers = list(self._parsers)
            finally:
                if is_outermost:
                    self._parsers.clear()
            if is_outermost:
                self._tell(parsers, result[0])
            return result

        return parse

    def _tell(self, parsers: list[Any], namespace: Any) -> None:
        try:
            parameters.send(self._note, "Args", "argparse", list(_rows(parsers, vars(namespace))))
        except Exception as error:
            notes.warn(error)


def _rows(parsers: list[Any], values: dict[str, Any]) -> Any:
    actions = {action.dest: (action, parser) for parser in parsers for action in parser._actions}
    for name, value in values.items():
        if name not in actions:
            # From set_defaults(): a function to dispatch to is no parameter, a number is.
            if not callable(value):
                yield name, value, value, ""
            continue
        action, parser = actions[name]
        yield name, value, _default(parser, action), _help(parser, action)


def _default(parser: Any, action: Any) -> Any:
    default = parser.get_default(action.dest)
    # A text default goes through the option's type, as argparse does it: "0.1" and 0.1 are the same default.
    if isinstance(default, str) and action.type is not None and callable(action.type):
        try:
            return action.type(default) if action.type in (int, float) else default
        except ValueError:
            return default
    return default if default != "==SUPPRESS==" else None


def _help(parser: Any, action: Any) -> str:
    words = action.help
    if not isinstance(words, str) or words == "==SUPPRESS==":
        return ""
    try:
        return words % dict(vars(action), prog=parser.prog)
    except (TypeError, ValueError, KeyError):
        return words


def _is_programs_own(args: Any) -> bool:
    """Whether the process's own argv is parsed, for the program's purposes: libraries parse lists of their own."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in ("argparse", __name__):
        frame = frame.f_back  # type: ignore[assignment]
    places = frame.f_globals if frame is not None else {}
    module = getattr(places.get("__spec__"), "name", None) or places.get("__name__") or ""
    if module.split(".")[0] in INTERNAL:
        return False
    if args is None:
        return True
    if list(args) != sys.argv[1:]:
        return False
    # An empty explicit list equals an empty argv by chance when a library asks for its defaults.
    return bool(args) or "-packages" not in str(places.get("__file__", ""))
