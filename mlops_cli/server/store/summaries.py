"""One row a series: its identity, and what `last_metrics` says of it, kept up to date batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ...schemas.metrics import series_key
from ..db.sqlite import Connection, Row
from ..series.chunks import Summary, in_order
from . import points as store
from .intake import Column

_keys = lru_cache(maxsize=4096)(series_key)


class Series(NamedTuple):
    id: int
    task: str
    metric: str
    variant: str
    x_axis_label: str | None
    worker: str


def record(connection: Connection, task: str, metric: str, variant: str, column: Column) -> int:
    """Stores the points of one batch of a series and updates its summary; returns the batch's highest step.

    Must run inside a transaction.
    """
    metric_hash, variant_hash = _keys(metric, variant)
    row = connection.execute(
        "SELECT id, count, mean_value, min_value, min_iter, max_value, max_iter, first_value, first_iter"
        " FROM series WHERE task = ? AND metric_hash = ? AND variant_hash = ?",
        (task, metric_hash, variant_hash),
    ).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO series (task, metric_hash, variant_hash, metric, variant, last_iter)"
            " VALUES (?, ?, ?, ?, ?, 0) RETURNING id, count, mean_value, min_value, min_iter, max_value, max_iter,"
            " first_value, first_iter",
            (task, metric_hash, variant_hash, metric, variant),
        ).fetchone()
    points = in_order(column.points)
    summary = store.append(connection, row["id"], points)
    connection.execute(
        "UPDATE series SET value = :value, last_iter = :last_iter, last_ts = :last_ts, min_value = :min_value,"
        " min_iter = :min_iter, max_value = :max_value, max_iter = :max_iter, first_value = :first_value,"
        " first_iter = :first_iter, mean_value = :mean_value, count = :count, worker = :worker,"
        " x_axis_label = coalesce(:label, x_axis_label) WHERE id = :id",
        {
            **_updated(row, summary, len(column.points.steps)),
            "id": row["id"],
            "last_ts": points.times[-1],
            "worker": column.worker,
            "label": column.x_axis_label,
        },
    )
    return summary.last_step


def _updated(row: Row, batch: Summary, came: int) -> dict[str, Any]:
    """The newest of the batch counts as the last value, even when an earlier batch had a higher iteration."""
    has_numbers = batch.nans < batch.size
    lower = has_numbers and (row["min_value"] is None or batch.min_value < row["min_value"])
    higher = has_numbers and (row["max_value"] is None or batch.max_value > row["max_value"])
    earlier = row["first_iter"] is None or batch.first_step < row["first_iter"]
    mean = row["mean_value"]
    if has_numbers:
        batch_mean = batch.total / (batch.size - batch.nans)
        before = row["count"] if mean is not None else 0
        mean = ((mean or 0.0) * before + batch_mean * came) / (before + came)
    return {
        "value": batch.last_value,
        "last_iter": batch.last_step,
        "min_value": batch.min_value if lower else row["min_value"],
        "min_iter": batch.min_step if lower else row["min_iter"],
        "max_value": batch.max_value if higher else row["max_value"],
        "max_iter": batch.max_step if higher else row["max_iter"],
        "first_value": batch.first_value if earlier else row["first_value"],
        "first_iter": batch.first_step if earlier else row["first_iter"],
        "mean_value": mean,
        "count": row["count"] + came,
    }


def find(connection: Connection, task: str, wanted: Mapping[str, frozenset[str] | None] | None = None) -> list[Series]:
    """The series of a task, sorted by metric and variant. `wanted` names metrics, each with variants or None: all."""
    rows = connection.execute(
        "SELECT id, task, metric, variant, x_axis_label, coalesce(worker, '') FROM series WHERE task = ?"
        " ORDER BY metric, variant",
        (task,),
    )
    return [Series(*row) for row in rows if is_wanted(wanted, row["metric"], row["variant"])]


def is_wanted(wanted: Mapping[str, frozenset[str] | None] | None, metric: str, variant: str) -> bool:
    if wanted is None:
        return True
    variants = wanted.get(metric, frozenset())
    return variants is None or variant in variants


def names(series: Iterable[Series]) -> dict[str, list[str]]:
    """The variants of each metric."""
    found: dict[str, list[str]] = {}
    for one in series:
        found.setdefault(one.metric, []).append(one.variant)
    return found
