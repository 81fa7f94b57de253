"""Did you mean: the nearest of the names that exist, as a hint."""

from __future__ import annotations

from collections.abc import Iterable


def suggest(word: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.6) -> str:
    """`did you mean ...?` with the nearest names, or nothing."""
    near = nearest(word, known, count=count, cutoff=cutoff)
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""


def nearest(word: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.6) -> list[str]:
    import difflib  # noqa: PLC0415 - only on the way to an error

    by_fold: dict[str, str] = {}
    for name in known:
        by_fold.setdefault(name.casefold(), name)
    return [by_fold[fold] for fold in difflib.get_close_matches(word.casefold(), list(by_fold), count, cutoff)]
