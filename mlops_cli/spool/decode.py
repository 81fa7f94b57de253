"""Blocks of records into columns and notes: pure, no files. The format is told in `hook.records`."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from typing import Any

from ..hook.records import LENGTH, MAGIC, NOTE, SCALAR, SEED, SEGMENT, SERIES, SLOT

Series = tuple[str, str]
Columns = tuple["array[int]", "array[float]", "array[int]"]

_SCALAR_TOPS = bytes(range(0x80, 0x100))
_u32 = struct.Struct("<I").unpack_from
_u32x2 = struct.Struct("<II").unpack_from


class Decoded:
    """What a row of records holds; decoding further rows adds to it.

    `damaged`: bytes of records that are whole, but say nothing that can be understood.
    """

    __slots__ = ("damaged", "notes", "points", "scalars")

    def __init__(self) -> None:
        self.scalars: dict[Series, Columns] = {}
        self.notes: list[dict[str, Any]] = []
        self.points = 0
        self.damaged = 0


def decode(block: memoryview, names: dict[int, Series], into: Decoded | None) -> int:
    """Decode the whole, intact records at the start of `block`; returns how many bytes they are.

    `names` are the series of the segment so far, and gets those defined here. With `into` None only those are read.
    Only whole slots are looked at.
    """
    size = len(block) & -SLOT
    pos = 0
    while pos < size:
        (head,) = _u32(block, pos)
        if head & SCALAR:
            count = _run(block, pos, size)
            good = _intact(block, pos, count)
            if good and into is not None:
                _add_scalars(block, pos, good, names, into)
            pos += good * SLOT
            if good < count:
                return pos
            continue
        after = pos + record_bytes(head)
        if head == 0 or after > size or zlib.crc32(block[pos:after], SEED) != SEED:
            return pos
        _add_other(head, bytes(block[pos + 4 : pos + 4 + (head & LENGTH)]), names, into)
        pos = after
    return pos


def record_bytes(head: int) -> int:
    """The size of the record that begins with `head`, in whole slots."""
    return SLOT if head & SCALAR else -(-((head & LENGTH) + 8) // SLOT) * SLOT


def is_record(block: memoryview, pos: int) -> bool:
    """Whether a whole record begins at `pos`."""
    (head,) = _u32(block, pos)
    after = pos + record_bytes(head)
    return head != 0 and after <= len(block) and zlib.crc32(block[pos:after], SEED) == SEED


def _run(block: memoryview, pos: int, size: int) -> int:
    """How many scalar slots stand in a row from `pos`. Looks ahead in growing windows, so notes between cost little."""
    count, window = 0, 16
    while pos < size:
        tops = block[pos + 3 : min(pos + window * SLOT, size) : SLOT].tobytes()
        scalars = len(tops) - len(tops.lstrip(_SCALAR_TOPS))
        count += scalars
        if scalars < len(tops):
            break
        pos += scalars * SLOT
        window *= 8
    return count


def _intact(block: memoryview, pos: int, count: int) -> int:
    """How many of `count` scalar slots are intact before the first that is not: one CRC when all are."""
    if zlib.crc32(block[pos : pos + count * SLOT], SEED) == SEED:
        return count
    good, bad = 0, count
    while bad - good > 1:
        middle = (good + bad) // 2
        if zlib.crc32(block[pos + good * SLOT : pos + middle * SLOT], SEED) == SEED:
            good = middle
        else:
            bad = middle
    return good


def _add_other(head: int, payload: bytes, names: dict[int, Series], into: Decoded | None) -> None:
    kind = head >> 28
    if kind == SERIES:
        number, length = _u32x2(payload)
        metric, variant = payload[8 : 8 + length], payload[8 + length :]
        names[SCALAR | number] = (metric.decode("utf-8", "surrogatepass"), variant.decode("utf-8", "surrogatepass"))
    elif kind == NOTE and into is not None:
        try:
            note = json.loads(payload)
        except ValueError:
            note = None
        if isinstance(note, dict):
            into.notes.append(note)
        else:
            into.damaged += record_bytes(head)
    elif kind == SEGMENT and payload[: len(MAGIC)] != MAGIC and into is not None:
        into.damaged += record_bytes(head)


def _add_scalars(block: memoryview, pos: int, count: int, names: dict[int, Series], into: Decoded) -> None:
    heads = block[pos : pos + count * SLOT].cast("I")[:: SLOT // 4].tobytes()
    period = _period(heads, count)
    into.points += count
    # Four bytes on, a slot is three 64-bit columns; the fourth is its CRC and the next head, so the last has none.
    words = block[pos + 4 : pos + count * SLOT - 4]
    if period:
        for k in range(period):
            key = names.get(_u32(heads, 4 * k)[0])
            if key is None:
                into.damaged += len(range(k, count, period)) * SLOT
                continue
            _extend(into, key, words, 4 * k, 4 * period)
        return
    _add_mixed(array("I", heads), words, names, into)


def _period(heads: bytes, count: int) -> int:
    """k when the heads repeat as k different series in turn (a training loop), else 0."""
    first = heads[:4]
    if heads == first * count:
        return 1
    column = array("I", heads)
    try:
        period = column.index(column[0], 1)
    except ValueError:
        period = count
    turn = heads[: 4 * period]
    if len(set(column[:period])) == period and (turn * (count // period + 1))[: len(heads)] == heads:
        return period
    return 0


def _add_mixed(heads: array[int], words: memoryview, names: dict[int, Series], into: Decoded) -> None:
    steps, values = words.cast("q")[0::4].tolist(), words.cast("d")[1::4].tolist()
    times = words.cast("q")[2::4].tolist()
    rows: dict[int, list[int]] = {}
    for row, head in enumerate(heads):
        try:
            rows[head].append(row)
        except KeyError:
            rows[head] = [row]
    for head, chosen in rows.items():
        key = names.get(head)
        if key is None:
            into.damaged += len(chosen) * SLOT
            continue
        iters, numbers, stamps = _columns(into, key)
        iters.extend(map(steps.__getitem__, chosen))
        numbers.extend(map(values.__getitem__, chosen))
        stamps.extend([times[row] // 1_000_000 for row in chosen])


def _extend(into: Decoded, key: Series, words: memoryview, first: int, stride: int) -> None:
    iters, numbers, stamps = _columns(into, key)
    whole = words.cast("q")
    iters.frombytes(whole[first::stride].tobytes())
    numbers.frombytes(words.cast("d")[first + 1 :: stride].tobytes())
    stamps.extend([time // 1_000_000 for time in whole[first + 2 :: stride].tolist()])


def _columns(into: Decoded, key: Series) -> Columns:
    found = into.scalars.get(key)
    if found is None:
        found = into.scalars[key] = (array("q"), array("d"), array("q"))
    return found
