"""A plain table for the terminal: aligned, no borders, fitted to the width.

Written here rather than with Rich, which needs 0.7 ms a row. `fit` drops whole columns, first those of least
importance, and the caller says on stderr which; it never drops one that is marked `keep`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import text, values

KEEP, USEFUL, METRIC, PARAMETER = 0, 1, 2, 3
"""How soon a column goes when the terminal is narrow: parameters first, then metrics, then what is merely useful."""


class Column(NamedTuple):
    """`key` names it in CSV and JSON, `title` heads it in the terminal; `show` makes the words for a person."""

    key: str
    title: str = ""
    rank: int = USEFUL
    right: bool = False
    numeric: bool = False
    flexible: bool = False
    show: Callable[[Any], str] | None = None
    style: Callable[[Any], str] | None = None

    @property
    def head(self) -> str:
        return self.title or self.key.upper()


class Fitted(NamedTuple):
    lines: list[str]
    dropped: list[str]


def cells(column: Column, raw: Sequence[Any]) -> list[str]:
    """The words of one column, cleaned for the terminal."""
    if column.show is not None:
        shown = [column.show(value) for value in raw]
    elif column.numeric:
        shown = values.column_of_numbers(raw)
    else:
        shown = [values.MISSING if value is None or value == "" else str(value) for value in raw]
    return [text.clean(item) for item in shown]


def layout(
    columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, width: int | None, color: bool, header: bool = True
) -> Fitted:
    """The table's lines in at most `width` cells (None: as wide as it is)."""
    grid = [cells(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    sizes = [
        max([text.width(column.head) if header else 0, *(text.width(item) for item in grid[at])], default=0)
        for at, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    if width is not None:
        kept = _fit(columns, sizes, width)
    lines = []
    if header:
        lines.append(_line([(columns[at].head, sizes[at], columns[at]) for at in kept]))
    for index, row in enumerate(rows):
        parts = [(grid[at][index], sizes[at], columns[at]) for at in kept]
        styles = [_style(columns[at], row[at]) if color else "" for at in kept]
        lines.append(_line(parts, styles))
    return Fitted(
        lines,
        [
            column.head.lower() if column.head.isupper() else column.head
            for at, column in enumerate(columns)
            if at not in kept
        ],
    )


def _fit(columns: Sequence[Column], sizes: list[int], width: int) -> list[int]:
    """Which columns stay; `sizes` of the flexible ones shrink in place when that is enough."""
    kept = list(range(len(columns)))

    def over() -> int:
        return sum(sizes[at] for at in kept) + 2 * (len(kept) - 1) - width

    def squeeze(least: int) -> None:
        for at in kept:
            if columns[at].flexible and over() > 0:
                sizes[at] = max(min(sizes[at], least), sizes[at] - over())

    squeeze(24)
    while over() > 0:
        worst = max(columns[at].rank for at in kept)
        if worst == KEEP:
            break
        kept.remove(max(at for at in kept if columns[at].rank == worst))
    squeeze(8)
    return kept


def _line(parts: list[tuple[str, int, Column]], styles: list[str] | None = None) -> str:
    out = []
    for at, (item, size, column) in enumerate(parts):
        shown = text.cut(item, size)
        style = styles[at] if styles else ""
        # Blanks stay outside of the colour, so that an underline or a reverse never runs through them.
        blanks = " " * (size - text.width(shown))
        if at == len(parts) - 1 and not column.right:
            blanks = ""
        painted = f"\x1b[{style}m{shown}\x1b[0m" if style else shown
        out.append(blanks + painted if column.right or column.numeric else painted + blanks)
    return "  ".join(out).rstrip()


def _style(column: Column, raw: Any) -> str:
    return column.style(raw) if column.style is not None else ""
