"""Turns option values into the parameters of the tracking API, text and a type word each, and notes them."""

from __future__ import annotations

import os

from . import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

_LONGEST = 64 * 1024


def send(note: Callable[[dict[str, Any]], None], section: str, source: str, rows: Iterable[Any]) -> None:
    """Note `rows` of (name, value, default, help[, origin]); nothing at all when there are none."""
    items: dict[str, dict[str, str]] = {}
    for row in rows:
        name, value, default, words = row[:4]
        text, kind = as_text(value)
        if len(text) > _LONGEST:
            note({"k": "left_out", "what": "parameter %s/%s" % (section, name), "why": "longer than 64 KiB"})
            continue
        items[_clean(str(name))] = {"value": text, "type": kind, "default": as_text(default)[0][:1000], "help": words}
        if len(row) > 4:
            items[_clean(str(name))]["from"] = row[4]
    if items:
        note({"k": "params", "section": section, "source": source, "inner": notes.is_inside_first(), "items": items})


def as_text(value: Any) -> tuple[str, str]:
    """The API keeps every value as text with a type word; None is empty text without a type."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return repr(value), "bool"
    if _is_enum(value):
        return as_text(value.value)
    if isinstance(value, float):
        # Of the base class: numpy's float64 is a float that prints itself as a call.
        return float.__repr__(value), "float"
    if isinstance(value, int):
        return _digits(value), "int"
    if isinstance(value, str):
        return _clean(value), "str"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace"), "str"
    if isinstance(value, (list, tuple, set, frozenset)):
        return _json(sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value), "list"
    if isinstance(value, dict):
        return _json(value), "dict"
    return _object(value)


def _object(value: Any) -> tuple[str, str]:
    """A path, a numpy number, an open file, a namespace, a type; anything else as it prints itself."""
    if isinstance(value, os.PathLike):
        return _clean(os.fsdecode(value)), "str"
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return as_text(value.item())
    if isinstance(value, type) or callable(value):
        return _clean(str(getattr(value, "__qualname__", None) or type(value).__qualname__)), "str"
    if hasattr(value, "read") or hasattr(value, "write"):
        return _clean(str(getattr(value, "name", ""))), "str"
    if type(value).__name__ == "Namespace":
        return _json(vars(value)), "dict"
    try:
        return _clean(str(value)), "str"
    except Exception:
        # A broken __str__ of one value must not take the others with it.
        return "<%s>" % type(value).__name__, "str"


def _is_enum(value: Any) -> bool:
    return any(base.__name__ == "Enum" and base.__module__ == "enum" for base in type(value).__mro__)


def _digits(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:
        # Python refuses to print integers of more than 4300 digits in decimal.
        return hex(value)


def _json(value: Any) -> str:
    import json  # some milliseconds, and few programs have lists among their options

    try:
        return _clean(json.dumps(value, default=lambda item: as_text(item)[0], ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return _clean(repr(value))


def _clean(text: str) -> str:
    """Records are strict UTF-8; a byte of argv that is none is spelled out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
