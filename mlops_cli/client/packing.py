"""Bodies and answers in msgpack, for servers that take it: columns travel as raw bytes, consoles as they came."""

from __future__ import annotations

import sys
from array import array
from typing import Any

import msgspec


def pack(body: dict[str, Any]) -> bytes:
    """Arrays become little-endian bytes of 64 bits an item."""
    return msgspec.msgpack.encode(body, enc_hook=_raw)


def unpack(data: bytes) -> Any:
    """The value; None for bytes that are no msgpack."""
    try:
        return msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def _raw(value: Any) -> Any:
    if isinstance(value, array):
        if sys.byteorder == "big":
            value = array(value.typecode, value)
            value.byteswap()
        return value.tobytes()
    return str(value)
