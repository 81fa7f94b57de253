"""Chunks of a series: how points are put in order, cut into chunks, summed up and merged. Pure.

The chunks of one series never overlap and ascend by step: a step that comes again replaces the older value when it is
written, so that nobody who reads has to merge.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from .columns import Points, is_ascending

CHUNK = 1024
"""Points of a full chunk: large enough that a row costs little, small enough that a tail grows cheaply in place."""

NAN = float("nan")


class Summary(NamedTuple):
    """What a chunk holds. Extremes and `total` leave NaN out; a chunk of NaN alone has NaN extremes."""

    first_step: int
    last_step: int
    size: int
    nans: int
    first_value: float
    last_value: float
    min_value: float
    min_step: int
    max_value: float
    max_step: int
    total: float
    time_min: int
    time_max: int


def summarize(points: Points) -> Summary:
    """The summary of one chunk, which must not be empty."""
    return summarize_values(points.steps, points.values, min(points.times), max(points.times))


def summarize_values(steps: array[int], numbers: array[float], time_min: int, time_max: int) -> Summary:
    """The same for who knows the times, or needs none."""
    values = numbers.tolist()
    total = sum(values, 0.0)
    nans = 0
    if total != total:  # a NaN somewhere, or infinities of both signs
        present = [value for value in values if value == value]
        nans = len(values) - len(present)
        total = sum(present, 0.0)
        low, high = (min(present), max(present)) if present else (NAN, NAN)
    else:
        low, high = min(values), max(values)
    has_numbers = nans < len(values)
    return Summary(
        steps[0],
        steps[-1],
        len(values),
        nans,
        values[0],
        values[-1],
        low,
        steps[values.index(low)] if has_numbers else steps[0],
        high,
        steps[values.index(high)] if has_numbers else steps[0],
        total,
        time_min,
        time_max,
    )


def combine(first: Summary, second: Summary) -> Summary:
    """The summary of two chunks of which `second` has the higher steps."""
    # NaN compares false: a chunk without numbers never takes the place of one that has some.
    has_none = first.nans == first.size and second.nans < second.size
    low = second if has_none or second.min_value < first.min_value else first
    high = second if has_none or second.max_value > first.max_value else first
    return Summary(
        first.first_step,
        second.last_step,
        first.size + second.size,
        first.nans + second.nans,
        first.first_value,
        second.last_value,
        low.min_value,
        low.min_step,
        high.max_value,
        high.max_step,
        first.total + second.total,
        min(first.time_min, second.time_min),
        max(first.time_max, second.time_max),
    )


def in_order(points: Points) -> Points:
    """The points with ascending steps; of equal steps the last one stays."""
    if is_ascending(points.steps):
        return points
    where = {step: index for index, step in enumerate(points.steps)}
    steps = sorted(where)
    order = [where[step] for step in steps]
    values, times = points.values, points.times
    return Points(array("q", steps), array("d", [values[i] for i in order]), array("q", [times[i] for i in order]))


def merge(old: Points, new: Points) -> Points:
    """Both in order, where `new` wins at equal steps."""
    joined = Points(old.steps + new.steps, old.values + new.values, old.times + new.times)
    return joined if not old.steps or not new.steps or old.steps[-1] < new.steps[0] else in_order(joined)


def cut(points: Points, size: int = CHUNK) -> Iterator[Points]:
    """The points in chunks of at most `size`."""
    count = len(points.steps)
    if count <= size:
        if count:
            yield points
        return
    for start in range(0, count, size):
        yield points.part(start, start + size)
