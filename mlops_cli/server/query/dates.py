"""Dates of queries in the one form in which they are stored, so that they compare as text."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from ...errors import InvalidInput

OPERATORS = (">=", "<=", ">", "<", "=")


def now() -> str:
    """This moment, in the stored form."""
    ns = time.time_ns()
    return stamp(ns // 1000)


def stamp(microseconds: int) -> str:
    """A moment given in microseconds since 1970 (UTC), in the stored form."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06d}+00:00"


def normalize(value: Any) -> str:
    """An ISO-8601 date (with or without zone, fraction, time), in the stored form; no zone means UTC."""
    if not isinstance(value, str):
        raise InvalidInput(f"Validation error: not a date: {value!r}")
    try:
        parsed = datetime.fromisoformat(value.strip())
        moment = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidInput(f"Validation error: not an ISO-8601 date: {value!r}") from exc
    return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{moment.microsecond:06d}+00:00"


def seconds_between(start: str, end: str) -> int:
    """Whole seconds from one stored date to another, never negative."""
    try:
        return max(0, int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))
    except (ValueError, TypeError):
        return 0


def comparisons(value: object) -> list[tuple[str, str]]:
    """`">=2026-01-01"`, a list of such, or a range of two bare dates: as (SQL operator, stored date) pairs."""
    if not isinstance(value, list):
        return [_comparison(value)]
    if len(value) == 2 and not any(isinstance(item, str) and item.startswith(OPERATORS) for item in value):
        low, high = value
        pairs = [(">=", low), ("<=", high)]
        return [(operator, normalize(item)) for operator, item in pairs if item is not None]
    return [_comparison(item) for item in value if item is not None]


def _comparison(value: object) -> tuple[str, str]:
    if isinstance(value, str):
        for operator in OPERATORS:
            if value.startswith(operator):
                return operator, normalize(value[len(operator) :])
    return "=", normalize(value)
