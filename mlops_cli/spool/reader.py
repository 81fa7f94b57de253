"""Reads a stream from an offset on: segment after segment, while it is written and after its writer died."""

from __future__ import annotations

import os
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from ..hook.records import SLOT, SUFFIX
from .decode import Decoded, Series, decode, is_record, record_bytes

FIRST_LOOK = 1 << 13
"""A poll of a quiet stream reads this much; a busy one reads on in steps eight times as large."""

BATCH_BYTES = 1 << 22


class Batch(NamedTuple):
    """What stands between two offsets of a stream."""

    scalars: dict[Series, tuple[array[int], array[float], array[int]]]
    """(metric, variant): iterations, values, times in ms; equally long."""
    notes: list[dict[str, Any]]
    offset: int
    next: int
    torn: int
    """Bytes that were passed over because they are damaged or missing."""
    points: int

    @property
    def is_empty(self) -> bool:
        return self.next == self.offset


def read(stream: Path, offset: int = 0, limit_bytes: int = BATCH_BYTES, *, final: bool = False) -> Batch:
    """One batch of the stream from `offset`; for several in a row, a `StreamReader` reads less twice."""
    return StreamReader(stream).read(offset, limit_bytes, final=final)


def streams(spool: Path) -> list[Path]:
    """The streams of a spool, in order of their names."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(spool) if entry.is_dir())
    except FileNotFoundError:
        return []


def segments(stream: Path) -> list[tuple[int, Path]]:
    """The segments of a stream with the offset of their first byte, in order."""
    found = []
    for entry in os.scandir(stream):
        if entry.name.endswith(SUFFIX):
            found.append((int(entry.name[: -len(SUFFIX)], 16), Path(entry.path)))
    found.sort()
    return found


class StreamReader:
    """Remembers the series of the segment that it is in."""

    def __init__(self, stream: Path) -> None:
        self.stream = stream
        self._segment = -1  # where the segment starts that `_names` belongs to
        self._known = 0  # how much of it `_names` covers
        self._names: dict[int, Series] = {}

    def read(self, offset: int, limit_bytes: int = BATCH_BYTES, *, final: bool = False) -> Batch:
        """About `limit_bytes` from `offset` (one record at least). What is not whole yet is left for the next time.

        `final` says that nobody writes any more: damaged places are then passed over, and counted in `torn`.
        """
        into = Decoded()
        at, torn = offset, 0
        while at - offset < limit_bytes:
            found = self._find(at)
            if found is None:
                break
            start, path = found
            if start > at:  # sent and deleted, or lost
                torn += start - at
                at = start
            used = self._read_segment(start, path, at - start, limit_bytes - (at - offset), into)
            at += used
            if used:
                continue
            passed = self._pass_over(start, path, at, final)
            if passed is None:
                break
            torn += passed[1]
            at = passed[0]
        return Batch(into.scalars, into.notes, offset, at, torn + into.damaged, into.points)

    def _find(self, at: int) -> tuple[int, Path] | None:
        """The segment that `at` lies in: the last that starts there or before, else the first of all."""
        try:
            found = segments(self.stream)
        except FileNotFoundError:
            return None
        before = [segment for segment in found if segment[0] <= at]
        return before[-1] if before else (found[0] if found else None)

    def _read_segment(self, start: int, path: Path, pos: int, limit: int, into: Decoded) -> int:
        """Decode from `pos` of a segment on; returns how many bytes, 0 when no whole record stands there."""
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return 0
        with file:
            fd = file.fileno()
            if self._segment != start or self._known > pos:
                self._segment, self._known, self._names = start, 0, {}
            while self._known < pos:
                known = _decode(fd, self._known, pos - self._known, self._names, None)
                self._known += known or pos - self._known  # damaged: what follows may have lost its names
            look = FIRST_LOOK
            while self._known - pos < limit:
                used = _decode(fd, self._known, min(look, limit - (self._known - pos)), self._names, into)
                if not used:
                    break
                self._known += used
                look *= 8
        return self._known - pos

    def _pass_over(self, start: int, path: Path, at: int, final: bool) -> tuple[int, int] | None:
        """No whole record stands at `at`: (where to go on, damaged bytes), or None while one may still come."""
        later = [begin for begin, _ in segments(self.stream) if begin > start]
        if later and later[0] <= at:
            return at, 0
        if not later and not final:
            return None
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return (later[0], later[0] - at) if later else None
        pos = at - start
        end = min(later[0] - start, len(data)) if later else -(-len(data.rstrip(b"\0")) // SLOT) * SLOT
        block = memoryview(data)[:end]
        if pos + SLOT <= end and is_record(block, pos):  # it was written between our look and the next segment
            return at, 0
        if not later and pos >= end:
            return None
        following = next((k for k in range(pos + SLOT, end - SLOT + 1, SLOT) if is_record(block, k)), end)
        if following == end and later:
            return later[0], later[0] - at
        return start + following, following - pos


def _decode(fd: int, pos: int, size: int, names: dict[int, Series], into: Decoded | None) -> int:
    """Decode at most `size` bytes at `pos` of a segment, more where a single record is larger."""
    data = os.pread(fd, max(size, SLOT), pos)
    if len(data) < SLOT:
        return 0
    used = decode(memoryview(data), names, into)
    need = record_bytes(int.from_bytes(data[:4], "little"))
    if not used and need > len(data) and need <= os.fstat(fd).st_size - pos:
        used = decode(memoryview(os.pread(fd, need, pos)), names, into)
    return used
