"""Small pieces that reports of one thing are made of: headed blocks, key and value lines, lists with their rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import text


class Page:
    """Lines of a report, headed and indented; colours are put on by the caller's `paint`."""

    def __init__(self, *, width: int | None, color: bool) -> None:
        self.lines: list[str] = []
        self.width = width
        self.color = color

    def paint(self, word: str, style: str) -> str:
        return f"\x1b[{style}m{word}\x1b[0m" if self.color and style else word

    def head(self, title: str) -> None:
        if self.lines:
            self.lines.append("")
        self.lines.append(self.paint(text.clean(title), "1"))

    def pairs(self, pairs: Iterable[tuple[str, str]], *, indent: int = 2) -> None:
        """`key  value` lines, values aligned and cut to the width; nothing for an empty value."""
        shown = [(text.clean(key), text.clean(value)) for key, value in pairs if value]
        longest = min(max((text.width(key) for key, _ in shown), default=0), 32)
        for key, value in shown:
            room = None if self.width is None else max(10, self.width - indent - max(longest, text.width(key)) - 2)
            cut = value if room is None else text.cut(value, room)
            self.lines.append(f"{' ' * indent}{self.paint(text.pad(key, longest), '2')}  {cut}")

    def rows(self, rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: int = 2) -> None:
        """Aligned rows without a header; `right` holds the columns that are numbers."""
        cleaned = [[text.clean(cell) for cell in row] for row in rows]
        sizes = [max(text.width(row[at]) for row in cleaned) for at in range(len(cleaned[0]))] if cleaned else []
        for row in cleaned:
            cells = [text.pad(cell, sizes[at], right=at in right) for at, cell in enumerate(row)]
            line = " " * indent + "  ".join(cells).rstrip()
            self.lines.append(line if self.width is None else text.cut(line, self.width))

    def text(self, line: str, *, indent: int = 2) -> None:
        self.lines.append(" " * indent + text.clean(line))

    def block(self, content: str, *, indent: int = 0) -> None:
        """Many lines as they are, harmless."""
        for line in content.rstrip("\n").split("\n"):
            self.lines.append(" " * indent + text.clean_lines(line))
