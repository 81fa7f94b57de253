"""The curves of a series as readers want them: thinned, averaged, the single value, the newest values."""

from __future__ import annotations

import time
from array import array
from typing import Any

from ...schemas.events import SINGLE_VALUE_ITER
from ..db.sqlite import Connection
from ..series.chunks import NAN, Summary, summarize
from ..series.columns import Points
from ..series.thin import OpenChunk, average, thin
from . import points as store
from .summaries import Series

NEWEST = 10


def averaged(connection: Connection, series: Series, samples: int, key: str) -> dict[str, Any] | None:
    """The API's histogram of one series, or None when it has nothing but a single value."""
    summaries, open_chunk = _curve(connection, series.id)
    if not summaries:
        return None
    xs, ys = average(summaries, open_chunk, samples, by_time=key != "iter")
    found: dict[str, Any] = {"name": series.variant, "x": written(xs, key), "y": ys}
    if series.x_axis_label:
        found["x_axis_label"] = series.x_axis_label
    return found


def thinned(connection: Connection, series: Series, samples: int, key: str) -> dict[str, Any]:
    """Columns of buckets that keep each extreme and the step where it is."""
    summaries, open_chunk = _curve(connection, series.id)
    buckets = thin(summaries, open_chunk, samples, by_time=key != "iter")
    return {
        "x": [bucket.x for bucket in buckets],
        "min": [bucket.min for bucket in buckets],
        "max": [bucket.max for bucket in buckets],
        "mean": [bucket.mean for bucket in buckets],
        "last": [bucket.last for bucket in buckets],
        "count": [bucket.size for bucket in buckets],
        "min_iter": [bucket.min_x for bucket in buckets],
        "max_iter": [bucket.max_x for bucket in buckets],
        "total": sum(summary.size for summary in summaries),
        "first_iter": summaries[0].first_step if summaries else None,
        "last_iter": summaries[-1].last_step if summaries else None,
    }


def single_value(connection: Connection, series: int) -> tuple[float, int] | None:
    """The value and time of the point that marks a single value, if there is one."""
    for points in store.forward(connection, series, SINGLE_VALUE_ITER - 1):
        if points.steps[0] == SINGLE_VALUE_ITER:
            return points.values[0], points.times[0]
        return None
    return None


def newest(connection: Connection, series: int, size: int = NEWEST) -> Points:
    """The last points, ascending, without a single value."""
    parts: list[Points] = []
    missing = size
    for points in store.backward(connection, series):
        start = max(0, len(points.steps) - missing)
        if points.steps[0] == SINGLE_VALUE_ITER:
            start = max(start, 1)
        parts.insert(0, points.part(start, len(points.steps)))
        missing -= len(points.steps) - start
        if missing <= 0:
            break
    joined = Points(array("q"), array("d"), array("q"))
    for part in parts:
        joined.steps.extend(part.steps)
        joined.values.extend(part.values)
        joined.times.extend(part.times)
    return joined


def latest(connection: Connection, series: Series) -> dict[str, Any] | None:
    """The last value and the mean of the last ten."""
    values = newest(connection, series.id).values
    if not values:
        return None
    numbers = [value for value in values if value == value]
    mean = sum(numbers) / len(numbers) if numbers else NAN
    return {"name": series.variant, "last_value": values[-1], "last_10_value": mean}


def written(xs: list[int], key: str) -> list[int] | list[str]:
    """Times as ISO texts where the key asks for it."""
    return [iso_time(x) for x in xs] if key == "iso_time" else xs


def iso_time(ms: int) -> str:
    """`2026-11-21T22:32:41.123Z`; a time that no calendar holds stays a number."""
    seconds, rest = divmod(ms, 1000)
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}Z"
    except (OverflowError, OSError, ValueError):
        return str(ms)


def _curve(connection: Connection, series: int) -> tuple[list[Summary], OpenChunk]:
    """The summaries without a single value's point, and how to open their chunks."""
    summaries = store.summaries(connection, series)
    bare: dict[int, Points] = {}
    for index, summary in enumerate(summaries):
        if summary.first_step > SINGLE_VALUE_ITER:
            break
        points = store.open_chunk(connection, series, summary.first_step)
        if SINGLE_VALUE_ITER not in points.steps:
            continue
        at = points.steps.index(SINGLE_VALUE_ITER)
        del points.steps[at], points.values[at], points.times[at]
        if points.steps:
            summaries[index] = summarize(points)
            bare[points.steps[0]] = points
        else:
            del summaries[index]
        break

    def open_chunk(summary: Summary) -> Points:
        found = bare.get(summary.first_step)
        return store.open_chunk(connection, series, summary.first_step) if found is None else found

    return summaries, open_chunk
