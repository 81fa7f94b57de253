"""Reads TensorBoard event files as they grow: scalars, histograms, images, text and hyperparameters.

Format: TFRecord frames (length, masked CRC-32C of the length, message, CRC of the message) around `Event` messages.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import protobuf as pb

MAX_RECORD_BYTES = 256 * 2**20
READ_BYTES = 4 * 2**20

_DT_FLOAT, _DT_DOUBLE, _DT_INT32, _DT_STRING, _DT_INT64, _DT_BFLOAT16, _DT_HALF = 1, 2, 3, 7, 9, 14, 19
_TENSOR_FORMATS = {_DT_FLOAT: "f", _DT_DOUBLE: "d", _DT_INT32: "i", _DT_INT64: "q", _DT_HALF: "e"}


class Scalar(NamedTuple):
    tag: str
    step: int
    time_ms: int
    value: float


class Histogram(NamedTuple):
    """`edges` has one more entry than `counts`."""

    tag: str
    step: int
    time_ms: int
    edges: tuple[float, ...]
    counts: tuple[float, ...]


class Image(NamedTuple):
    """`data` is the encoded file (PNG, JPEG or GIF), as written."""

    tag: str
    step: int
    time_ms: int
    data: bytes


class Text(NamedTuple):
    tag: str
    step: int
    time_ms: int
    text: str


class Hyperparameters(NamedTuple):
    values: dict[str, Any]


Item = Scalar | Histogram | Image | Text | Hyperparameters


class EventFile:
    """One file and how far it has been read; `offset` only moves past whole records.

    `problem` says why reading stopped for good (a broken frame); a torn tail is no problem, it may still grow.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.problem = ""
        self.skipped = 0

    def read(self, max_bytes: int = READ_BYTES) -> list[Item]:
        """The next items, about `max_bytes` of them; empty only when no whole record follows `offset`."""
        while not self.problem:
            before = self.offset
            items = list(self._items(self._next_bytes(max_bytes)))
            if items or self.offset == before:  # records without items (the file's own header) are stepped over
                return items
        return []

    def _next_bytes(self, max_bytes: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(max(max_bytes, 12))
                if len(data) >= 12:
                    missing = self._length(data, 0) + 16 - len(data)
                    if missing > 0:  # one record larger than what is read at once
                        data += file.read(missing)
                return data
        except ValueError as exc:
            self.problem = str(exc)
        except OSError:  # gone, or not readable now: the next look may find it again
            pass
        return b""

    def _items(self, data: bytes) -> Iterator[Item]:
        position = 0
        while position + 12 <= len(data):
            try:
                size = self._length(data, position)
            except ValueError as exc:
                self.problem = str(exc)
                return
            end = position + 12 + size + 4
            if end > len(data):
                return
            try:
                items = list(parse_event(data[position + 12 : end - 4]))
            except (ValueError, struct.error):
                self.skipped += 1
                items = []
            self.offset += end - position
            position = end
            yield from items

    def _length(self, data: bytes, position: int) -> int:
        size, crc = struct.unpack_from("<QI", data, position)
        if crc != _masked_crc(data[position : position + 8]):
            raise ValueError(f"{self.path.name}: not an event record at byte {self.offset}")
        if size > MAX_RECORD_BYTES:
            raise ValueError(f"{self.path.name}: a record of {size} bytes is more than we take")
        return int(size)


def parse_event(message: bytes) -> Iterator[Item]:
    """The items of one `Event` message."""
    event = pb.collect(message)
    if 5 not in event:
        return
    time_ms = round(pb.as_double(event[1][-1]) * 1000) if 1 in event else 0
    step = pb.as_signed(event[2][-1]) if 2 in event else 0
    for summary in event[5]:
        for value in pb.collect(summary).get(1, []):
            yield from _parse_value(pb.collect(value), step, time_ms)


def _parse_value(value: dict[int, list[pb.Value]], step: int, time_ms: int) -> Iterator[Item]:
    tag = pb.as_text(value[1][-1]) if 1 in value else ""
    plugin, content = _plugin(value)
    if plugin == "hparams":
        if values := _hyperparameters(content):
            yield Hyperparameters(values)
    elif 2 in value:
        yield Scalar(tag, step, time_ms, pb.as_float(value[2][-1]))
    elif 4 in value:
        encoded = pb.collect(value[4][-1]).get(4)
        if encoded:
            yield Image(tag, step, time_ms, pb.as_bytes(encoded[-1]))
    elif 5 in value:
        yield _legacy_histogram(pb.collect(value[5][-1]), tag, step, time_ms)
    elif 8 in value:
        yield from _parse_tensor(pb.collect(value[8][-1]), plugin, tag, step, time_ms)


def _parse_tensor(tensor: dict[int, list[pb.Value]], plugin: str, tag: str, step: int, time_ms: int) -> Iterator[Item]:
    strings = [pb.as_bytes(item) for item in tensor.get(8, [])]
    if plugin == "text" and strings:
        yield Text(
            tag.removesuffix("/text_summary"),
            step,
            time_ms,
            "\n".join(s.decode("utf-8", "replace") for s in strings),
        )
    elif plugin == "images":
        # The first two strings are width and height, as text.
        yield from (Image(tag, step, time_ms, data) for data in strings[2:] if data)
    elif plugin == "histograms":
        numbers = _numbers(tensor)
        rows = [numbers[i : i + 3] for i in range(0, len(numbers) - 2, 3)]
        if rows:
            edges = (rows[0][0], *(row[1] for row in rows))
            yield Histogram(tag, step, time_ms, edges, tuple(row[2] for row in rows))
    elif plugin in ("scalars", ""):
        numbers = _numbers(tensor)
        if len(numbers) == 1:
            yield Scalar(tag, step, time_ms, numbers[0])


def _numbers(tensor: dict[int, list[pb.Value]]) -> list[float]:
    dtype = tensor.get(1, [_DT_FLOAT])[-1]
    if content := b"".join(pb.as_bytes(item) for item in tensor.get(4, [])):
        if dtype == _DT_BFLOAT16:  # the upper half of a float32
            return [struct.unpack("<f", b"\0\0" + content[i : i + 2])[0] for i in range(0, len(content) - 1, 2)]
        letter = _TENSOR_FORMATS.get(dtype if isinstance(dtype, int) else 0)
        return [float(item) for (item,) in struct.iter_unpack(f"<{letter}", content)] if letter else []
    if 5 in tensor:
        return pb.floats(tensor[5])
    if 6 in tensor:
        return pb.doubles(tensor[6])
    integers = tensor.get(7, []) + tensor.get(10, [])
    return [float(number) for item in integers for number in _varints(item)]


def _varints(value: pb.Value) -> list[int]:
    if isinstance(value, int):
        return [pb.as_signed(value)]
    found, position = [], 0
    while position < len(value):
        number, position = pb._varint(value, position)
        found.append(pb.as_signed(number))
    return found


def _legacy_histogram(histogram: dict[int, list[pb.Value]], tag: str, step: int, time_ms: int) -> Histogram:
    limits, counts = pb.doubles(histogram.get(6, [])), pb.doubles(histogram.get(7, []))
    low = pb.as_double(histogram[1][-1]) if 1 in histogram else 0.0
    high = pb.as_double(histogram[2][-1]) if 2 in histogram else 0.0
    kept = min(len(limits), len(counts))
    edges = [low, *(limit if abs(limit) < 1e300 else high for limit in limits[:kept])]
    # Writers leave runs of empty buckets at both ends; they say nothing.
    first = next((i for i in range(kept) if counts[i]), 0)
    last = next((i for i in reversed(range(kept)) if counts[i]), kept - 1)
    return Histogram(tag, step, time_ms, tuple(edges[first : last + 2]), tuple(counts[first : last + 1]))


def _plugin(value: dict[int, list[pb.Value]]) -> tuple[str, bytes]:
    if 9 not in value:
        return "", b""
    data = pb.collect(value[9][-1]).get(1)
    if not data:
        return "", b""
    plugin = pb.collect(data[-1])
    name = pb.as_text(plugin[1][-1]) if 1 in plugin else ""
    return name, pb.as_bytes(plugin[2][-1]) if 2 in plugin else b""


def _hyperparameters(content: bytes) -> dict[str, Any]:
    session = pb.collect(content).get(3)
    if not session:
        return {}
    entries = [pb.collect(entry) for entry in pb.collect(session[-1]).get(1, [])]
    return {
        pb.as_text(entry[1][-1]): _plain(pb.collect(entry[2][-1])) for entry in entries if 1 in entry and 2 in entry
    }


def _plain(value: dict[int, list[pb.Value]]) -> Any:
    """A `google.protobuf.Value` as a Python value; whole numbers as integers, since the format has none."""
    if 2 in value:
        number = pb.as_double(value[2][-1])
        return int(number) if math.isfinite(number) and number == int(number) else number
    if 3 in value:
        return pb.as_text(value[3][-1])
    if 4 in value:
        return bool(value[4][-1])
    return None


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> tuple[int, ...]:
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (0x82F63B78 if entry & 1 else 0)
        table.append(entry)
    return tuple(table)


_CRC_TABLE = _crc_table()
