"""Scroll ids that carry their whole request and position: nothing is remembered between two calls."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from ...errors import InvalidInput


def pack(request: dict[str, Any], position: Any) -> str:
    text = json.dumps([request, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def page(found: list[dict[str, Any]], total: int | None, request: dict[str, Any], position: Any) -> dict[str, Any]:
    """One page of events, and the scroll id to go on from."""
    return {"events": found, "returned": len(found), "total": total, "scroll_id": pack(request, position)}


def resume(body: dict[str, Any], fields: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """The request that a scroll restores and where it is; without a scroll the body's own fields, and None."""
    scroll_id = body.get("scroll_id")
    if not scroll_id:
        return {name: body[name] for name in fields if name in body}, None
    try:
        request, position = json.loads(base64.urlsafe_b64decode(scroll_id.encode()))
        return {name: request[name] for name in fields if name in request}, position
    except (binascii.Error, ValueError, TypeError) as exc:
        raise InvalidInput(f"Invalid scroll id: {scroll_id[:40]}", hint="begin without scroll_id", subcode=16) from exc
