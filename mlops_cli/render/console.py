"""Console text of a run, made safe for a terminal: colours pass where they are wanted, other escapes are taken out."""

from __future__ import annotations

import re

from ..schemas.console import fold, read_text, unfinished

# ECMA-48: control sequences, strings (titles, links, images) up to their terminator, and two-character escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|\x9b[0-?]*[ -/]*[@-~]"
)
_COLOR = re.compile(r"\x1b\[[0-9;:]*m\Z")
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, 0x1B)}


def safe(text: str, *, color: bool) -> str:
    """The text without what would move the cursor, set titles or ring; `color` lets colours through."""
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub(lambda found: found[0] if color and _COLOR.match(found[0]) else "", text)
    return text.translate(_CONTROLS)


class Lines:
    """Raw pieces in, whole lines out: pieces end anywhere, within a line or within a character."""

    def __init__(self, *, color: bool) -> None:
        self.color = color
        self._rest = b""

    def feed(self, raw: bytes) -> list[str]:
        """The lines that are now whole, folded and safe, without their ends."""
        whole, newline, self._rest = (self._rest + raw).rpartition(b"\n")
        return self._show(whole) if newline else []

    def finish(self) -> list[str]:
        """What came after the last line end; half a character at the very end stays away."""
        rest, self._rest = self._rest, b""
        cut = unfinished(rest)
        return self._show(rest[: len(rest) - cut] if cut else rest) if rest else []

    def _show(self, raw: bytes) -> list[str]:
        reset = "\x1b[0m" if self.color else ""
        shown = safe(fold(read_text(raw)), color=self.color).split("\n")
        return [line + reset if "\x1b" in line else line for line in shown]
