"""A reader for protocol-buffer messages on the wire: field numbers and raw values, no schema.

Source of the format: the public encoding specification. Everything is bounds-checked: a torn message raises ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """(field number, value) in order: varints as unsigned ints, everything else as bytes (8 and 4 for fixed ones)."""
    view = bytes(message)
    position, end = 0, len(view)
    while position < end:
        key, position = _varint(view, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(view, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(view, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} is not one of ours")
        if position + size > end:
            raise ValueError("a field reaches past the end of its message")
        yield number, view[position : position + size]
        position += size


def collect(message: Value) -> dict[int, list[Value]]:
    """All fields of a message, by number."""
    found: dict[int, list[Value]] = {}
    for number, value in fields(as_bytes(message)):
        found.setdefault(number, []).append(value)
    return found


def as_bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")  # noqa: TRY004 - callers tell broken from whole
    return value


def as_text(value: Value) -> str:
    return as_bytes(value).decode("utf-8", "replace")


def as_signed(value: Value) -> int:
    """An int64 field: negative numbers travel as their 64-bit complement."""
    if isinstance(value, bytes):
        raise ValueError("bytes where a number should be")  # noqa: TRY004
    return value - (1 << 64) if value >> 63 else value


def as_double(value: Value) -> float:
    return float(struct.unpack("<d", as_bytes(value))[0])


def as_float(value: Value) -> float:
    return float(struct.unpack("<f", as_bytes(value))[0])


def doubles(values: list[Value]) -> list[float]:
    """A repeated double, packed or not."""
    return [item for value in values for (item,) in struct.iter_unpack("<d", as_bytes(value))]


def floats(values: list[Value]) -> list[float]:
    return [item for value in values for (item,) in struct.iter_unpack("<f", as_bytes(value))]


def _varint(view: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise ValueError("a number that does not end")
        byte = view[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
