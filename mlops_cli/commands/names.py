"""`mlops __names KIND [PREFIX]`: the words that completion offers, from the cache that list commands refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Context


def answer(arguments: list[str]) -> str:
    """The words of that kind, one a line; nothing for a kind that nobody knows."""
    from ..config.paths import locate

    kind, prefix = (*arguments, "", "")[:2]
    try:
        lines = locate().names_cache.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    head = f"{kind}\t{prefix}"
    return "".join(line[len(kind) + 1 :] + "\n" for line in lines if kind and line.startswith(head))


def refresh(context: Context, docs: Iterable[Any] = (), projects: Iterable[str] = ()) -> None:
    """Remember what a list has just shown."""
    from ..client.names import names_of, remember

    remember(context.settings.paths.names_cache, names_of(docs, projects))


def forget(context: Context, kind: str, names: Iterable[str]) -> None:
    from ..client.names import forget as drop

    drop(context.settings.paths.names_cache, kind, names)
