"""Scroll ids that carry their whole request and position: nothing is remembered between two calls.

A scroll id comes back from outside, so what it holds is checked like any request.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec

from ...errors import InvalidInput

Json = dict[str, Any]


def pack(request: Json, position: Any) -> str:
    text = json.dumps([request, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def page(found: list[Json], total: int | None, request: Json, position: Any) -> Json:
    """One page of events, and the scroll id to go on from."""
    return {"events": found, "returned": len(found), "total": total, "scroll_id": pack(request, position)}


def resume(body: Json, request_type: type[msgspec.Struct], position_type: Any = int) -> tuple[Json, Any]:
    """The request that a scroll restores and where it is; without a scroll the body itself, and None."""
    scroll_id = body.get("scroll_id")
    if not scroll_id:
        return body, None
    try:
        request, position = json.loads(base64.urlsafe_b64decode(scroll_id.encode()))
        msgspec.convert(request, request_type)
        position = msgspec.convert(position, position_type | None)
    except (ValueError, TypeError) as exc:  # binascii's and msgspec's errors are ValueErrors
        raise InvalidInput(f"Invalid scroll id: {scroll_id[:40]}", hint="begin without scroll_id", subcode=16) from exc
    return {name: value for name, value in request.items() if value is not None and name != "scroll_id"}, position
