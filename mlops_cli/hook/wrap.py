"""The one way in which taps patch: the original runs untouched, and its call is looked at after it succeeded."""

from __future__ import annotations

import functools
import os

from . import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def after(owner: Any, name: str, look: Callable[[tuple[Any, ...], dict[str, Any], Any], None]) -> None:
    """Replace `owner.name`, when there, by itself and then `look(args, kwargs, result)`, whose errors stay with us."""
    original = getattr(owner, name, None)
    if original is None or getattr(original, "_mlops_tapped", False):
        return

    @functools.wraps(original)
    def tapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        try:
            look(args, kwargs, result)
        except Exception as error:
            notes.warn(error)
        return result

    tapped._mlops_tapped = True  # type: ignore[attr-defined]
    setattr(owner, name, tapped)


def saver(note: Callable[[dict[str, Any]], None], framework: str, by: str, where: tuple[int, str]) -> Any:
    """A `look` for what saves a model to its argument `where` (position, keyword): a path, or a named file."""

    def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        position, keyword = where
        path = path_of(args[position] if len(args) > position else kwargs.get(keyword))
        if path:
            note({"k": "model", "path": path, "framework": framework, "by": by})

    return look


def path_of(target: Any) -> str:
    """The absolute path behind a path or a named file; empty for what has none: a buffer, a remote address."""
    if not isinstance(target, (str, bytes, os.PathLike)):
        target = getattr(target, "name", None)
    if not isinstance(target, (str, bytes, os.PathLike)):
        return ""
    name = os.fsdecode(target)
    if "://" in name or not name:
        return ""
    return os.path.abspath(name).encode("utf-8", "backslashreplace").decode("utf-8")
