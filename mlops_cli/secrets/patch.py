"""Scrubs a unified patch so that it still applies: only added lines change, and never their number.

A secret on a line that a patch cannot change (context, removed) takes the whole file out of the patch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from mlops_cli.secrets.find import Finding, Span, find, replace


@cache
def _hunk() -> re.Pattern[bytes]:
    return re.compile(rb"@@ -(?P<old>\d+)(?:,(?P<old_count>\d+))? \+(?P<new>\d+)(?:,(?P<new_count>\d+))? @@")


class AlteredLine(NamedTuple):
    """Line `line` (from 1) of the new file `path` was replaced by `clean`."""

    path: bytes
    line: int
    kind: str
    clean: bytes

    def finding(self) -> Finding:
        return Finding(self.kind, f"{self.path.decode('utf-8', 'backslashreplace')}:{self.line}")


class LeftOut(NamedTuple):
    """File `path` left the patch: a secret of this kind is on a line that a patch cannot change."""

    path: bytes
    kind: str


class ScrubbedPatch(NamedTuple):
    patch: bytes
    altered: tuple[AlteredLine, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def scrub_patch(patch: bytes, *, known: Iterable[str] = ()) -> ScrubbedPatch:
    """`patch` (git or plain unified) without secrets: named literals, provider shapes and known values."""
    literals = [value.encode("utf-8", "surrogateescape") for value in known if value]
    parts: list[bytes] = []
    altered: list[AlteredLine] = []
    left_out: list[LeftOut] = []
    for section in _sections(patch):
        # One fast look at the whole file; lines are taken apart only where something was seen.
        if not find(section, literals, in_code=True):
            parts.append(section)
            continue
        clean = _scrub_section(section, literals)
        parts.append(clean.patch)
        altered.extend(clean.altered)
        left_out.extend(clean.left_out)
    return ScrubbedPatch(b"".join(parts), tuple(altered), tuple(left_out))


def _sections(patch: bytes) -> Iterator[bytes]:
    """The patch file by file. Hunk lines start with a blank, `+`, `-` or a backslash, so a header is never mistaken."""
    starts = [match.start() for match in re.finditer(rb"^diff --git ", patch, re.MULTILINE)]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(patch)], strict=True):
        if end > start:
            yield patch[start:end]


def _scrub_section(section: bytes, known: list[bytes]) -> ScrubbedPatch:
    path = b""
    lines = section.split(b"\n")
    added: list[tuple[int, int]] = []  # (index in `lines`, line number in the new file)
    fixed: list[bytes] = []
    number = old_left = new_left = 0
    for index, line in enumerate(lines):
        hunk = _hunk().match(line) if not (old_left or new_left) else None
        if hunk:
            number = int(hunk["new"])
            old_left, new_left = int(hunk["old_count"] or 1), int(hunk["new_count"] or 1)
            # Git repeats a line of the file behind the second @@.
            fixed.append(line[hunk.end() :])
        elif not (old_left or new_left):
            path = line[4:].removeprefix(b"b/").rstrip(b"\t") if line.startswith(b"+++ ") else path
        elif line.startswith(b"+"):
            added.append((index, number))
            number, new_left = number + 1, new_left - 1
        elif line.startswith(b"-"):
            fixed.append(line[1:])
            old_left -= 1
        elif not line.startswith(b"\\"):
            fixed.append(line[1:])
            number, old_left, new_left = number + 1, old_left - 1, new_left - 1
    found = find(b"\n".join(fixed), known, in_code=True)
    if found:
        return ScrubbedPatch(b"", left_out=(LeftOut(path, found[0].kind),))
    altered = list(_scrub_added(lines, added, path, known))
    return ScrubbedPatch(b"\n".join(lines), tuple(altered))


def _scrub_added(
    lines: list[bytes], added: list[tuple[int, int]], path: bytes, known: list[bytes]
) -> Iterator[AlteredLine]:
    """Scrubs the added lines together (a private key has many), and puts the changed ones back into `lines`."""
    text = b"\n".join(lines[index][1:] for index, _ in added)
    spans = find(text, known, in_code=True)
    clean = replace(text, spans).split(b"\n")
    kinds = _kind_by_line(text, spans)
    for position, (index, number) in enumerate(added):
        line = b"+" + clean[position]
        if line != lines[index]:
            lines[index] = line
            yield AlteredLine(path, number, kinds.get(position, "secret"), clean[position])


def _kind_by_line(text: bytes, spans: list[Span]) -> dict[int, str]:
    kinds: dict[int, str] = {}
    for span in spans:
        first = text.count(b"\n", 0, span.start)
        for line in range(first, first + text.count(b"\n", span.start, span.end) + 1):
            kinds.setdefault(line, span.kind)
    return kinds
