"""`order_by`, pages and scrolling, as SQL.

Scrolling keeps nothing on the server: the id says how many were read, and up to which insertion the list reaches, so
what is added meanwhile does not shift it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from ...errors import InvalidInput
from .fields import Scope

MAX_PAGE = 500
MAX_OFFSET = 2**53


@cache
def _scroll_pattern() -> re.Pattern[str]:
    return re.compile(r"([0-9]{1,16})\.([0-9]{1,16})\Z")


_NEVER_NULL = frozenset(
    {"t.id", "t.name", "t.created", "t.last_update", "t.last_change", "t.status", "t.status_changed"}
)


class Page(NamedTuple):
    """`until` is the newest insertion of a scrolled list; None when the list is not scrolled."""

    offset: int
    size: int
    until: int | None = None
    is_scroll: bool = False

    def next_id(self, until: int, count: int) -> str:
        return f"{until}.{self.offset + count}"


def order(scope: Scope, wanted: Any) -> str:
    """The ORDER BY clause: missing values last, numbers in text as numbers, `id` decides between equals."""
    fields = [wanted] if isinstance(wanted, str) else (wanted or [])
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise InvalidInput("Validation error: order_by must be a name or a list of names")
    terms = [term for name in fields if name.strip("-") for term in _terms(scope, name)]
    return "ORDER BY " + (", ".join([*terms, "t.id"]) if terms else "t.seq")


def page(body: dict[str, Any]) -> Page:
    """Which part of the list is asked for."""
    if "scroll_id" in body:
        return _scroll(body)
    if body.get("start") is not None and body.get("page") is None:
        return Page(_whole(body, "start", 0), _size(body, "size"))
    size = _size(body, "page_size")
    return Page(_whole(body, "page", 0) * size, size)


def _terms(scope: Scope, name: str) -> list[str]:
    direction = "DESC" if name.startswith("-") else "ASC"
    target = scope.target(name.removeprefix("-"))
    if target.each:
        sql = f"(SELECT min({target.sql}) FROM {target.each})"  # noqa: S608
        return [f"{sql} {direction} NULLS LAST"]
    if target.is_json:
        # Numbers first, then texts, then what is missing; both ways round.
        as_number = f"mlops_number({target.sql})"
        return [f"{as_number} {direction} NULLS LAST", f"nullif({target.sql}, '') {direction} NULLS LAST"]
    return [f"{target.sql} {direction}" + ("" if target.sql in _NEVER_NULL else " NULLS LAST")]


def _scroll(body: dict[str, Any]) -> Page:
    size = _size(body, "size")
    text = body.get("scroll_id")
    if not text:
        return Page(0, size, is_scroll=True)
    found = _scroll_pattern().match(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(f"Validation error: unknown scroll_id: {text!r}")
    until, offset = int(found[1]), int(found[2])
    if body.get("refresh_scroll"):
        return Page(0, max(offset, size), until, is_scroll=True)
    return Page(offset, size, until, is_scroll=True)


def _size(body: dict[str, Any], name: str) -> int:
    size = _whole(body, name, MAX_PAGE)
    return min(size, MAX_PAGE) or MAX_PAGE


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_OFFSET:
        raise InvalidInput(f"Validation error: {name} must be a whole number from 0 on")
    return value
