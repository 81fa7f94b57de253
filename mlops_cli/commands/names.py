"""`mlops __names KIND [PREFIX]`: the words that completion offers, from the cache that list commands refresh."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as type checkers read it; the import of `typing` costs more than the answer
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .context import Context


def answer(arguments: list[str]) -> str:
    """The words of that kind, one a line; nothing for a kind that nobody knows."""
    kind, prefix = (*arguments, "", "")[:2]
    try:
        with open(cache_file(), encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - 5 ms of pathlib
            lines = stream.read().split("\n")
    except OSError:
        return ""
    head = f"{kind}\t{prefix}"
    return "".join(line[len(kind) + 1 :] + "\n" for line in lines if kind and line.startswith(head))


def cache_file() -> str:
    """`config.paths.locate().names_cache`, as the completion scripts find it too; a test holds them equal."""
    env = os.environ
    home = env.get("MLOPS_HOME")
    if home:
        return f"{os.path.expanduser(home)}/cache/names"  # noqa: PTH111
    cache = env.get("XDG_CACHE_HOME", "")
    return f"{cache if cache.startswith('/') else os.path.expanduser('~/.cache')}/mlops/names"  # noqa: PTH111


def refresh(context: Context, docs: Iterable[Any] = (), projects: Iterable[str] = ()) -> None:
    """Remember what a list has just shown."""
    from ..client.names import names_of, remember

    remember(context.settings.paths.names_cache, names_of(docs, projects))


def forget(context: Context, kind: str, names: Iterable[str]) -> None:
    from ..client.names import forget as drop

    drop(context.settings.paths.names_cache, kind, names)
