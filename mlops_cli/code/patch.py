"""Git patches taken apart: one section a file, with the names that its headers say."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple


@cache
def _start() -> re.Pattern[bytes]:
    return re.compile(rb"^diff --git ", re.MULTILINE)


@cache
def _escape() -> re.Pattern[bytes]:
    return re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Section(NamedTuple):
    """The part of a patch that changes one file; `paths` are all the names in its headers."""

    text: bytes
    paths: tuple[bytes, ...]

    @property
    def path(self) -> bytes:
        """The name after the change, or before it when the file goes away."""
        return self.paths[-1] if self.paths else b""

    @property
    def is_binary(self) -> bool:
        return b"\nBinary files " in self.text or b"\nGIT binary patch\n" in self.text


def split(patch: bytes) -> list[Section]:
    """The sections of a patch made by git. Hunk lines never start with a letter, so a header is never mistaken."""
    starts = [match.start() for match in _start().finditer(patch)]
    ends = [*starts[1:], len(patch)]
    return [_section(patch[start:end]) for start, end in zip(starts, ends, strict=False)]


def unquote(name: bytes) -> bytes:
    """A name as git writes it: in C quotes when it has unusual bytes."""
    if len(name) < 2 or not (name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _escape().sub(_unescape, name[1:-1])


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _PLAIN.get(code, code)


def _section(text: bytes) -> Section:
    paths: list[bytes] = []
    head, _, _ = text.partition(b"\n@@ ")
    for line in head.split(b"\n")[1:]:
        for prefix in (b"rename from ", b"rename to ", b"copy from ", b"copy to "):
            if line.startswith(prefix):
                paths.append(unquote(line[len(prefix) :]))
        if line.startswith((b"--- ", b"+++ ")):
            name = unquote(line[4:].removesuffix(b"\t"))
            if name != b"/dev/null":
                paths.append(name[2:])
        if line.startswith(b"GIT binary patch"):
            break
    return Section(text, tuple(dict.fromkeys(paths or _both(text.partition(b"\n")[0][len(b"diff --git ") :]))))


def _both(names: bytes) -> list[bytes]:
    """`a/x b/x`, of which both halves are equal: all that the headers of a mode change or a binary file say."""
    if names.startswith(b'"'):
        end = re.match(rb'"(?:[^"\\]|\\.)*"', names)
        return [unquote(names[: end.end()])[2:]] if end else []
    half = len(names) // 2
    return [names[2:half]] if names[:half][2:] == names[half + 1 :][2:] else []
