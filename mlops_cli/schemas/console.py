"""Console text as people read it: bytes become UTF-8, and a progress line folds to what a terminal shows last."""

from __future__ import annotations

import re
from functools import cache


@cache
def _back() -> re.Pattern[str]:
    return re.compile("\b+(?=\r)")


@cache
def _erase() -> re.Pattern[str]:
    return re.compile(r"\x1b\[[0-9]*K")


def read_text(raw: bytes) -> str:
    """The bytes as UTF-8; what is not UTF-8 becomes the replacement character."""
    return raw.decode("utf-8", "replace")


def unfinished(raw: bytes) -> int:
    """How many bytes at the end belong to a UTF-8 character whose rest is still to come."""
    for back in range(1, min(3, len(raw)) + 1):
        byte = raw[-back]
        if byte & 0xC0 == 0x80:
            continue
        needs = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return back if needs > back else 0
    return 0


def fold(text: str) -> str:
    """Each line in its last state: what follows a carriage return is written over what stood there.

    `\\r\\n` ends a line like `\\n`. Text without carriage returns comes back as it is.
    """
    if "\r" not in text:
        return text
    return "\n".join(fold_line(line) if "\r" in line else line for line in text.split("\n"))


def fold_line(line: str) -> str:
    """One line, without its newline, in its last state."""
    if "\b" in line:
        line = _back().sub("", line)  # some bars step back over the whole line before they return
    shown = ""
    for frame in line.split("\r"):
        if not frame:
            continue
        erased = _erase().search(frame)
        # Escape sequences have no width, so a coloured frame replaces the line instead of overlaying it.
        whole = erased is not None or "\x1b" in frame or "\x1b" in shown or len(frame) >= len(shown)
        shown = frame if whole else frame + shown[len(frame) :]
    return _erase().sub("", shown) if "\x1b" in shown else shown
