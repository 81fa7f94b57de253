"""Values as people read them: ages, spans, sizes, numbers; and as machines read them in JSON.

Pure: `now` is handed in. A column of numbers is given one precision, so that its digits line up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

MISSING = "-"
SINGLE_VALUE_STEP = -(2**31)


def parse_time(text: Any) -> datetime | None:
    """The API's ISO-8601 time; without an offset it is UTC."""
    if not isinstance(text, str) or not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def age(text: Any, now: datetime) -> str:
    """How long ago, in one unit: `12s`, `5m`, `3h`, `2d`, `7w`, `2y`."""
    when = parse_time(text)
    if when is None:
        return MISSING
    return one_unit((now - when).total_seconds())


def one_unit(seconds: float) -> str:
    """A span in its largest unit that is not zero."""
    left = max(0, int(seconds))
    for size, name in ((31_536_000, "y"), (1_209_600, "w"), (86_400, "d"), (3600, "h"), (60, "m")):
        if left >= size:
            return f"{left // (604_800 if name == 'w' else size)}{name}"
    return f"{left}s"


def span(seconds: float | None) -> str:
    """A duration in two units: `0.4s`, `59s`, `1m05s`, `2h03m`, `3d04h`."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def size(count: float | None) -> str:
    """Bytes in binary units: `812 B`, `1.4 MiB`."""
    if count is None:
        return MISSING
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024 or unit == "TiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def local_time(text: Any) -> str:
    """The moment on the reader's clock, to the second."""
    when = parse_time(text)
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else MISSING


def as_number(value: Any) -> float | None:
    """The value as a float, where it is one; the API writes the non-finite ones as words."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def number(value: Any, digits: int = 5) -> str:
    """One number on its own: whole numbers whole, others with so many significant digits."""
    found = as_number(value)
    if found is None:
        return MISSING if value is None else str(value)
    if not math.isfinite(found):
        return _non_finite(found)
    if found == int(found) and abs(found) < 1e15:
        return str(int(found))
    return f"{found:.{digits}g}"


def step(value: Any) -> str:
    """A step; nothing for a value that stands alone (`run.summary`), which the API gives a step of its own."""
    return "" if value is None or value == SINGLE_VALUE_STEP else str(value)


def column_of_numbers(values: Sequence[Any]) -> list[str]:
    """A column of numbers with constant precision; what is no number stays as it is, missing is `-`."""
    found = [as_number(value) for value in values]
    shown = _format_for([value for value in found if value is not None and math.isfinite(value)])
    return [
        (MISSING if raw is None else str(raw))
        if value is None
        else format(value, shown)
        if math.isfinite(value)
        else _non_finite(value)
        for raw, value in zip(values, found, strict=True)
    ]


def _format_for(finite: list[float]) -> str:
    if all(value == int(value) for value in finite) and all(abs(value) < 1e15 for value in finite):
        return ".0f"
    sizes = [abs(value) for value in finite if value]
    large, small = max(sizes), min(sizes)
    if large >= 1e6 or small < 1e-5 or large / small > 1e6:
        return ".3e"
    # Four significant digits for the largest, at least three for the smallest.
    decimals = max(3 - math.floor(math.log10(large)), 2 - math.floor(math.log10(small)), 0)
    return f".{min(decimals, 7)}f"


def _non_finite(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def to_json(value: Any) -> Any:
    """The value with non-finite numbers as the API's words, so that the document is JSON for every reader."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
