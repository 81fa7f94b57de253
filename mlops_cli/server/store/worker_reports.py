"""What workers measured and when they worked, kept for two weeks and read as averages over intervals."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from ...errors import InvalidInput
from ..db.sqlite import Connection
from .documents import Document
from .store import Store

KEPT_S = 14 * 86400
MIN_INTERVAL_S = 40
MAX_INTERVALS = 10_000
MAX_VALUES = 1024
"""Of one key in one report: more than any machine has cores."""


@cache
def _key() -> re.Pattern[str]:
    return re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


_MAX_KEYS = 64
_AGGREGATIONS = {"avg": "avg", "min": "min", "max": "max"}


def add(connection: Connection, request: Document, now: float) -> None:
    """Keeps one report, and drops what is too old of this worker."""
    worker = request["worker"]
    connection.execute(
        "INSERT OR REPLACE INTO worker_reports (worker, time, task, stats) VALUES (?, ?, ?, ?)",
        (worker, request["timestamp"], request.get("task"), json.dumps(_numbers(request.get("machine_stats", {})))),
    )
    connection.execute("DELETE FROM worker_reports WHERE worker = ? AND time < ?", (worker, int((now - KEPT_S) * 1000)))


def statistics(store: Store, request: Document) -> list[Document]:
    """For each worker and key the aggregated values of each whole interval; gaps between them are 0."""
    span = _Span(request, MIN_INTERVAL_S)
    workers: dict[str, Document] = {}
    for item in request["items"]:
        key, name = item["key"], item.get("aggregation") or "avg"
        if not _key().match(key):
            raise InvalidInput(f"Validation error: no such statistic: {key!r}")
        found = _aggregated(store, request, span, key, name, by_resource=False)
        resources = _aggregated(store, request, span, key, name, by_resource=True) if _is_split(request) else {}
        for (worker, _), values in found.items():
            slots = range(min(values), max(values) + 1)
            stat: Document = {"aggregation": name, **span.series(values, slots, "values")}
            if _is_split(request):
                stat["resource_series"] = [
                    {"name": resource, "values": [parts.get(slot, 0) for slot in slots]}
                    for (owner, resource), parts in resources.items()
                    if owner == worker
                ]
            metrics = workers.setdefault(worker, {})
            metrics.setdefault(key, []).append(stat)
    return [
        {"worker": worker, "metrics": [{"metric": key, "stats": stats} for key, stats in metrics.items()]}
        for worker, metrics in sorted(workers.items())
    ]


def activity(store: Store, request: Document) -> Document:
    """How many workers reported in each interval, and how many of them had a task."""
    span = _Span(request, 1)
    rows = store.db.connection.execute(
        "SELECT time / :width AS slot, count(DISTINCT worker) AS total,"
        " count(DISTINCT CASE WHEN task IS NOT NULL THEN worker END) AS active"
        " FROM worker_reports WHERE time >= :start AND time < :end GROUP BY slot ORDER BY slot",
        span.values,
    ).fetchall()
    slots = range(rows[0]["slot"], rows[-1]["slot"] + 1) if rows else range(0)
    return {
        name: span.series({row["slot"]: row[name] for row in rows}, slots, "counts") for name in ("total", "active")
    }


def keys(store: Store, workers: list[str]) -> list[Document]:
    """The statistics that the latest reports hold, by category: the text before the first `_`."""
    clause = "AND r.worker IN (SELECT value FROM json_each(:workers))" if workers else ""
    rows = store.db.connection.execute(
        "SELECT DISTINCT j.key FROM (SELECT worker, max(time) AS time FROM worker_reports WHERE stats <> '{}'"  # noqa: S608
        f" GROUP BY worker) l JOIN worker_reports r USING (worker, time), json_each(r.stats) j"
        f" WHERE 1 {clause} ORDER BY 1",
        {"workers": json.dumps(workers)} if workers else {},
    )
    categories: dict[str, list[str]] = {}
    for row in rows:
        categories.setdefault(row[0].partition("_")[0], []).append(row[0])
    return [{"name": name, "metric_keys": found} for name, found in categories.items()]


class _Span:
    """A stretch of time cut into intervals; the last one, which is not over yet, is left out."""

    def __init__(self, request: Document, least_s: int) -> None:
        start, end = request["from_date"], request["to_date"]
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end < 1e11):
            raise InvalidInput("Validation error: from_date and to_date are seconds since 1970, in this order")
        # A caller who asks for every second of a year gets as fine as can be shown.
        seconds = max(request["interval"], least_s, math.ceil((end - start) / MAX_INTERVALS))
        if seconds > 1e9:
            raise InvalidInput("Validation error: interval is a number of seconds")
        self.width = int(seconds) * 1000
        self.values = {
            "width": self.width,
            "start": int(start * 1000),
            "end": int(end * 1000) // self.width * self.width,
        }

    def series(self, values: dict[int, Any], slots: range, name: str) -> Document:
        return {"dates": [slot * self.width for slot in slots], name: [values.get(slot, 0) for slot in slots]}


def _aggregated(
    store: Store, request: Document, span: _Span, key: str, name: str, *, by_resource: bool
) -> dict[tuple[str, str], dict[int, float]]:
    """By worker (and resource) the value of each interval."""
    workers = request.get("worker_ids")
    clause = "AND r.worker IN (SELECT value FROM json_each(:workers))" if workers else ""
    resource = "j.key" if by_resource else "''"
    rows = store.db.connection.execute(
        f"SELECT r.worker, {resource} AS resource, r.time / :width AS slot, {_AGGREGATIONS[name]}(j.value) AS value"  # noqa: S608
        " FROM worker_reports r, json_each(r.stats, :path) j"
        f" WHERE r.time >= :start AND r.time < :end AND j.value IS NOT NULL {clause}"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        {**span.values, "path": f"$.{key}", "workers": json.dumps(workers or [])},
    )
    found: dict[tuple[str, str], dict[int, float]] = {}
    for worker, part, slot, value in rows:
        found.setdefault((worker, str(part)), {})[slot] = value
    return found


def _is_split(request: Document) -> bool:
    return bool(request.get("split_by_resource"))


def _numbers(stats: Document) -> dict[str, list[float | None]]:
    """The statistics as lists of numbers; what is none is left out, since one odd key must not cost the others."""
    found: dict[str, list[float | None]] = {}
    for key, value in stats.items():
        if len(found) < _MAX_KEYS and _key().match(key):
            numbers = list(_each_number(value if isinstance(value, list) else [value]))
            if any(number is not None for number in numbers):
                found[key] = numbers
    return found


def _each_number(values: list[Any]) -> Iterator[float | None]:
    """A place without a number keeps its place: it is the n-th card that could not tell."""
    for value in values[:MAX_VALUES]:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15
        yield value if is_number else None
