"""One line of text in a terminal: its width in cells, cutting, padding, and making what programs wrote harmless.

Names and messages come from anywhere, so control characters (escape sequences, line breaks, bidirectional marks) are
shown as escapes and never sent to the terminal.
"""

from __future__ import annotations

_JOINERS = "\u200c\u200d"
_ZERO_WIDTH = frozenset({"Mn", "Me", "Cf"})
_HARMFUL = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def clean(text: str) -> str:
    """The text on one line, with every character that would move or recolour the terminal spelled out."""
    if text.isprintable():
        return text
    import unicodedata  # noqa: PLC0415 - rare, and 2 ms

    return "".join(
        _escape(char) if char not in _JOINERS and unicodedata.category(char) in _HARMFUL else char for char in text
    )


def clean_lines(text: str) -> str:
    """As `clean`, but line breaks and tabs stay: for blocks of text."""
    return "\n".join("\t".join(clean(part) for part in line.split("\t")) for line in text.split("\n"))


def width(text: str) -> int:
    """How many terminal cells the text takes: wide East Asian characters and emoji two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(cells for _, cells in _measure(text))


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells, with an ellipsis where something was left out."""
    if width(text) <= cells:
        return text
    if cells <= 1:
        return "…"[:cells]
    kept, used = [], 0
    for char, size in _measure(text):
        if used + size > cells - 1:
            break
        kept.append(char)
        used += size
    return "".join(kept) + "…"


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """The text filled with blanks to so many cells; `right` puts the blanks before it."""
    blanks = " " * (cells - width(text))
    return blanks + text if right else text + blanks


def _measure(text: str) -> list[tuple[str, int]]:
    import unicodedata  # noqa: PLC0415 - only for text beyond ASCII

    sizes: list[tuple[str, int]] = []
    joined = False
    for char in text:
        code = ord(char)
        # What follows a zero-width joiner, or tints the emoji before it, shares that one's cells.
        if joined or (code in _SKIN_TONES and sizes) or unicodedata.category(char) in _ZERO_WIDTH:
            size = 0
        else:
            size = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        joined = char == "\u200d"
        sizes.append((char, size))
    return sizes


def _escape(char: str) -> str:
    names = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
    code = ord(char)
    return names.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
