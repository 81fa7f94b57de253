"""Spans and dates as people type them: `2d`, `3h30m`, `2026-11-21`, `2026-11-21T08:00`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)(mo|[smhdwy])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def parse_span(text: str) -> float | None:
    """Seconds in `90s`, `3h30m`, `2d`, `1w`; None when it is not a span."""
    text = text.strip().lower()
    total, position = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != position:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    return total if position and position == len(text) else None


def parse_moment(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """The interval [start, end) that a text means: a whole day, or a moment (start is end); `2d` is that long ago.

    Without a zone, times are UTC, as everything that we print. None when it is neither a date nor a span.
    """
    word = text.strip().lower()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if word in ("today", "yesterday"):
        start = today - timedelta(days=word == "yesterday")
        return start, start + timedelta(days=1)
    span = parse_span(text)
    try:
        if span is not None:
            moment = now - timedelta(seconds=span)
            return moment, moment
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment, moment + timedelta(days=1) if _DAY.match(text.strip()) else moment
    except (ValueError, OverflowError):
        return None


def to_iso(moment: datetime) -> str:
    """The one form in which the store keeps and compares dates."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
