"""The metrics of N tasks side by side: last and best values, change against the first, better or worse. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..schemas.metrics import direction as direction_of
from ..schemas.tasks import LastMetric, Task
from .comparison import BETTER, SAME, WORSE, MetricRow
from .values import change_of, is_close

MONITOR = ":monitor:"


def metric_rows(
    tasks: Sequence[Task],
    *,
    directions: Mapping[str, str],
    statistic: str = "last",
    rtol: float = 0.0,
    atol: float = 0.0,
    with_monitor: bool = False,
) -> list[MetricRow]:
    """One row a series that any of the tasks has, by name."""
    tables = [_series(task) for task in tasks]
    rows = []
    for metric, variant in sorted({key for table in tables for key in table}):
        if metric.startswith(MONITOR) and not with_monitor:
            continue
        found = [table.get((metric, variant)) for table in tables]
        goal = find_direction(metric, variant, directions)
        last = tuple(_number(item.value) if item else None for item in found)
        best = tuple(_best(item, goal) if item else None for item in found)
        values = best if statistic == "best" else last
        is_same = all(is_close(values[0], value, rtol=rtol, atol=atol) for value in values[1:])
        rows.append(
            MetricRow(
                name=metric if variant in ("", metric) else f"{metric}/{variant}",
                metric=metric,
                variant=variant,
                direction=goal,
                values=values,
                last=last,
                best=best,
                deltas=tuple(_delta(values[0], value) for value in values),
                relative=tuple(_relative(values[0], value) for value in values),
                verdicts=tuple(_verdict(values[0], value, goal, rtol, atol) for value in values),
                change=change_of([item is not None for item in found], is_same),
            )
        )
    return rows


def find_direction(metric: str, variant: str, directions: Mapping[str, str]) -> str | None:
    """`min` or `max`: what the person said of the series, of its variant, of its metric; else what its name says."""
    for name in (f"{metric}/{variant}", variant, metric):
        if name and name in directions:
            return directions[name]
    return direction_of(metric, variant)


def _series(task: Task) -> dict[tuple[str, str], LastMetric]:
    return {
        (item.metric, item.variant): item
        for variants in (task.last_metrics or {}).values()
        for item in variants.values()
    }


def _number(value: float | str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _best(item: LastMetric, goal: str | None) -> float | None:
    value = {"min": item.min_value, "max": item.max_value}.get(goal or "", item.value)
    return _number(item.value if value is None else value)


def _delta(first: float | None, value: float | None) -> float | None:
    if first is None or value is None:
        return None
    delta = value - first
    return None if math.isnan(delta) else delta


def _relative(first: float | None, value: float | None) -> float | None:
    delta = _delta(first, value)
    if delta is None or not first or math.isinf(delta) or math.isinf(first):
        return 0.0 if delta == 0 else None
    return delta / abs(first)


def _verdict(first: float | None, value: float | None, goal: str | None, rtol: float, atol: float) -> str | None:
    if first is None or value is None:
        return None
    if is_close(first, value, rtol=rtol, atol=atol):
        return SAME
    if goal is None:
        return None
    if math.isnan(value) or math.isnan(first):
        # A run that diverged is worse than any number, whatever the direction.
        return WORSE if math.isnan(value) else BETTER
    return BETTER if (value < first) == (goal == "min") else WORSE
