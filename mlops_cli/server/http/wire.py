"""From bytes to the body of a call and back: JSON, JSON lines, msgpack, query strings, compression. Pure.

JSON has no word for NaN and no bytes: answers of the events service, which may hold both, write the texts `NaN`,
`Infinity`, `-Infinity` and base64. Msgpack has both.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from array import array
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ...errors import InvalidInput

Json = dict[str, Any]

BATCHES = {"events.add_batch": "events", "tasks.update_batch": "tasks"}
"""Calls whose body is one JSON object a line, and the field in which the dispatch table gets them."""

MSGPACK = "application/msgpack"
PACKED_BYTES = 1024
"""Smaller answers are not worth compressing: they fit one packet anyway."""

_DECODER = msgspec.json.Decoder()
_COLUMNS = {"iter": "q", "value": "d", "timestamp": "q"}


def decode(endpoint: str, content_type: str, raw: bytes, query: bytes) -> Json:
    """The body of a call. Raises InvalidInput (400/0) for what is no JSON object."""
    try:
        if content_type.startswith(MSGPACK):
            body = _columns(msgspec.msgpack.decode(raw)) if raw else {}
        elif endpoint in BATCHES:
            body = _lines(raw, BATCHES[endpoint])
        else:
            body = _json(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
        kind = "nested too deep" if isinstance(exc, RecursionError) else "not JSON"
        raise InvalidInput(f"Invalid request body: {kind}", subcode=0) from exc
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidInput("Invalid request body: it must be a JSON object", subcode=0)
    return {**body, **_query(query)} if query else body


def encode(envelope: Json, *, accepts: str, may_hold_nan: bool) -> tuple[bytes, str]:
    """The bytes of an answer and their content type."""
    if MSGPACK in accepts:
        return msgspec.msgpack.encode(envelope, enc_hook=_plain_array), MSGPACK
    if may_hold_nan:
        envelope = {**envelope, "data": textual(envelope["data"])}
    try:
        return msgspec.json.encode(envelope, enc_hook=_plain_array), "application/json"
    except (UnicodeEncodeError, OverflowError):
        # Lone surrogates and integers over 64 bits, echoed in a refusal.
        return json.dumps(envelope, default=_plain_array).encode(), "application/json"


def textual(value: Any) -> Any:
    """The same with texts for the numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: textual(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else _word(value)
    if isinstance(value, array):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        try:
            # One pass in C tells that a column of numbers is finite.
            if math.isfinite(sum(value)):
                return value
        except (TypeError, OverflowError):
            pass
        return [textual(item) for item in value]
    return value


def pack(body: bytes, accept_encoding: str) -> tuple[bytes, str]:
    """The body compressed as the client takes it, and the name of that; unchanged where it does not pay."""
    if len(body) < PACKED_BYTES:
        return body, ""
    taken = {part.split(";")[0].strip() for part in accept_encoding.split(",") if "q=0" not in part.replace(" ", "")}
    if "zstd" in taken and (zstd := _zstd()) is not None:
        packed, name = zstd.compress(body, level=1), "zstd"
    elif "gzip" in taken:
        squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed, name = squeeze.compress(body) + squeeze.flush(), "gzip"
    else:
        return body, ""
    return (packed, name) if len(packed) < len(body) else (body, "")


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        # Python's own encoder writes NaN and Infinity as they are; clients use it.
        return json.loads(raw)


def _lines(raw: bytes, name: str) -> Json:
    try:
        lines = _DECODER.decode_lines(raw)
    except msgspec.DecodeError:
        # One by one, because of blank lines and the odd numbers that Python writes.
        lines = [_json(line) for line in raw.split(b"\n") if line.strip()]
    if len(lines) == 1 and isinstance(lines[0], dict) and isinstance(lines[0].get(name), list):
        found: Json = lines[0]
        return found
    return {name: lines}


def _query(query: bytes) -> Json:
    found: Json = {}
    try:
        pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=200)
    except ValueError as exc:
        raise InvalidInput("Invalid query string: too many values", subcode=0) from exc
    for name, text in pairs:
        *path, last = name.split(".", 9)
        at = found
        for step in path:
            inner = at.setdefault(step, {})
            if not isinstance(inner, dict):
                raise InvalidInput("Invalid query string: a name is both a value and an object", subcode=0)
            at = inner
        value = _value(text)
        if last in at:
            known = at[last]
            at[last] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            at[last] = value
    return found


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def _columns(body: Any) -> Any:
    """Columns that came as raw little-endian bytes, as arrays."""
    for item in body.get("scalars") or () if isinstance(body, dict) else ():
        for name, code in _COLUMNS.items():
            raw = item.get(name) if isinstance(item, dict) else None
            if isinstance(raw, bytes):
                column = array(code)
                column.frombytes(raw)
                if sys.byteorder == "big":
                    column.byteswap()
                item[name] = column
    return body


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _plain_array(value: Any) -> Any:
    if isinstance(value, array):
        return value.tolist()
    raise TypeError(f"cannot be sent: {type(value).__name__}")


def _zstd() -> Any:
    """Python's own from 3.14 on; before, its backport where it is installed."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None
