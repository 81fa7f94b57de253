"""How a chunk of points becomes bytes and comes back exactly: int64 steps, float64 values, int64 times in ms.

A regular integer column is stored as its start and stride, one that shares its upper half as 32-bit words, any other
as it is; values stay raw float64, so that every NaN payload and signed zero survives. Nothing here knows of a store.
"""

from __future__ import annotations

import struct
from array import array
from functools import lru_cache
from itertools import islice
from operator import lt
from typing import NamedTuple

FORMAT = 1
"""The first byte of every chunk. All numbers are little-endian."""

WINDOW = 1024
"""How many numbers are looked at together when an order is checked; bounds the memory of the check."""

_HEADER = struct.Struct("<BBBxIqqqq")
_RAMP, _WORDS, _RAW = 0, 1, 2


class Points(NamedTuple):
    """Three columns of one length: int64 steps, float64 values, int64 times in ms."""

    steps: array[int]
    values: array[float]
    times: array[int]

    def part(self, start: int, stop: int) -> Points:
        return Points(self.steps[start:stop], self.values[start:stop], self.times[start:stop])


def encode(points: Points) -> bytes:
    """The chunk's bytes; at most 24 bytes a point and a header of 40."""
    step_kind, step_base, step_stride, steps = _pack(points.steps)
    time_kind, time_base, time_stride, times = _pack(points.times)
    head = _HEADER.pack(
        FORMAT, step_kind, time_kind, len(points.values), step_base, step_stride, time_base, time_stride
    )
    return b"".join((head, points.values.tobytes(), steps, times))


def decode(blob: bytes) -> Points:
    """The inverse of `encode`. Raises ValueError when the bytes are not a chunk of this format."""
    if len(blob) < _HEADER.size or blob[0] != FORMAT:
        raise ValueError("not a chunk of points that this version can read")
    _, step_kind, time_kind, count, step_base, step_stride, time_base, time_stride = _HEADER.unpack_from(blob)
    view = memoryview(blob)[_HEADER.size :]
    step_bytes, time_bytes = _width(step_kind) * count, _width(time_kind) * count
    if len(view) != 8 * count + step_bytes + time_bytes:
        raise ValueError("a chunk of points is cut short")
    values = array("d")
    values.frombytes(view[: 8 * count])
    middle = 8 * count + step_bytes
    steps = _unpack(step_kind, step_base, step_stride, count, view[8 * count : middle])
    return Points(steps, values, _unpack(time_kind, time_base, time_stride, count, view[middle:]))


def is_ascending(column: array[int]) -> bool:
    """Whether every number is greater than the one before it."""
    for start in range(0, len(column), WINDOW):
        window = column[max(start - 1, 0) : start + WINDOW]
        stride = _stride(window)
        if stride is not None:
            if stride <= 0 and len(window) > 1:
                return False
            continue
        listed = window.tolist()
        if not all(map(lt, listed, islice(listed, 1, None))):
            return False
    return True


@lru_cache(maxsize=64)
def _ramp(start: int, stride: int, count: int) -> bytes:
    # Cached because the metrics of one training loop share their steps.
    if stride == 0:
        return (array("q", [start]) * count).tobytes()
    return struct.pack(f"{count}q", *range(start, start + stride * count, stride))  # twice as fast as an array


def _stride(column: array[int]) -> int | None:
    """The stride of an arithmetic progression, or None."""
    count = len(column)
    if count < 2:
        return 0
    start, stride = column[0], column[1] - column[0]
    if column[-1] != start + stride * (count - 1) or not -(1 << 63) <= stride < 1 << 63:
        return None
    # A cheap look in the middle spares most irregular columns the whole comparison.
    if column[count // 2] != start + stride * (count // 2):
        return None
    return stride if column.tobytes() == _ramp(start, stride, count) else None


def _pack(column: array[int]) -> tuple[int, int, int, bytes]:
    stride = _stride(column)
    if stride is not None:
        return _RAMP, column[0] if column else 0, stride, b""
    raw = column.tobytes()
    words = array("I", raw)
    upper = words[1::2]
    if upper.tobytes() == upper[:1].tobytes() * len(column):
        return _WORDS, upper[0], 0, words[::2].tobytes()
    return _RAW, 0, 0, raw


def _width(kind: int) -> int:
    if kind not in (_RAMP, _WORDS, _RAW):
        raise ValueError("a column of an unknown kind")
    return (0, 4, 8)[kind]


def _unpack(kind: int, base: int, stride: int, count: int, data: memoryview) -> array[int]:
    column = array("q")
    if kind == _RAMP:
        column.frombytes(_ramp(base, stride, count))
    elif kind == _WORDS:
        words = array("I", bytes(8 * count))
        lower = array("I")
        lower.frombytes(data)
        words[::2] = lower
        words[1::2] = array("I", [base]) * count
        column.frombytes(words.tobytes())
    else:
        column.frombytes(data)
    return column
