"""Thins a curve of any length from the summaries of its chunks, opening only the chunks that straddle buckets. Pure.

Two forms: `thin` keeps the extremes of each bucket and may put a small chunk wholly into the bucket where it begins;
`average` follows the API's rule of exact means in aligned buckets.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from operator import le
from typing import NamedTuple

from .chunks import NAN, Summary, summarize_values
from .columns import Points

SMALL = 3
"""A chunk is small when this many fit into a bucket."""

OpenChunk = Callable[[Summary], Points]


class Bucket(NamedTuple):
    """Some neighbouring points; `min_x` and `max_x` are the steps of the extremes, whatever the key."""

    x: int
    size: int
    nans: int
    last: float
    min: float
    min_x: int
    max: float
    max_x: int
    total: float

    @property
    def mean(self) -> float:
        numbers = self.size - self.nans
        return self.total / numbers if numbers else NAN


def thin(summaries: Sequence[Summary], open_chunk: OpenChunk, samples: int, *, by_time: bool = False) -> list[Bucket]:
    """At most `samples` buckets, ascending in x; each point by itself when there are no more than that."""
    if not summaries:
        return []
    if sum(summary.size for summary in summaries) <= samples:
        return _each(summaries, open_chunk, by_time)
    low, high = _bounds(summaries, by_time)
    interval = -(-(high - low + 1) // samples)
    return _gather(summaries, open_chunk, interval, low, by_time, interval // SMALL)


def average(
    summaries: Sequence[Summary], open_chunk: OpenChunk, samples: int, *, by_time: bool = False
) -> tuple[list[int], list[float]]:
    """The API's histogram: x and mean of each bucket; exact when there are fewer points than `samples`."""
    if not summaries:
        return [], []
    if sum(summary.size for summary in summaries) < samples:
        buckets = _each(summaries, open_chunk, by_time)
        return [bucket.x for bucket in buckets], [bucket.last for bucket in buckets]
    low, high = _bounds(summaries, by_time)
    interval = -(-(high - low + 1) // samples)
    start = low // interval * interval
    buckets = _gather(summaries, open_chunk, interval, start, by_time, 0)
    return [(b.x - start) // interval * interval + start for b in buckets], [b.mean for b in buckets]


def _bounds(summaries: Sequence[Summary], by_time: bool) -> tuple[int, int]:
    if by_time:
        return min(s.time_min for s in summaries), max(s.time_max for s in summaries)
    return summaries[0].first_step, summaries[-1].last_step


def _each(summaries: Sequence[Summary], open_chunk: OpenChunk, by_time: bool) -> list[Bucket]:
    found = []
    for summary in summaries:
        points = open_chunk(summary)
        xs = points.times if by_time else points.steps
        for x, step, value in zip(xs, points.steps, points.values, strict=True):
            bare = value != value
            found.append(Bucket(x, 1, int(bare), value, value, step, value, step, 0.0 if bare else value))
    if by_time:
        found.sort(key=lambda bucket: bucket.x)
    return found


def _gather(
    summaries: Sequence[Summary], open_chunk: OpenChunk, interval: int, start: int, by_time: bool, small: int
) -> list[Bucket]:
    buckets: dict[int, Bucket] = {}
    for summary in summaries:
        low, high = (summary[11], summary[12]) if by_time else (summary[0], summary[1])
        index = (low - start) // interval
        if high - low < small or (high - start) // interval == index:
            piece = Bucket(
                low, summary[2], summary[3], summary[5], summary[6], summary[7], summary[8], summary[9], summary[10]
            )
            known = buckets.get(index)
            buckets[index] = piece if known is None else _join(known, piece)
            continue
        for index, part in _split(open_chunk(summary), interval, start, by_time):
            known = buckets.get(index)
            buckets[index] = part if known is None else _join(known, part)
    return [buckets[index] for index in sorted(buckets)]


def _join(a: Bucket, b: Bucket) -> Bucket:
    empty = a.nans == a.size
    low = b if b.min < a.min or empty else a
    high = b if b.max > a.max or empty else a
    return Bucket(
        a.x if a.x <= b.x else b.x,
        a.size + b.size,
        a.nans + b.nans,
        b.last,
        low.min,
        low.min_x,
        high.max,
        high.max_x,
        a.total + b.total,
    )


def _split(points: Points, interval: int, start: int, by_time: bool) -> list[tuple[int, Bucket]]:
    """The points of one chunk, a bucket each for every interval that they touch."""
    if by_time:
        points = _by_time(points)
    xs = points.times if by_time else points.steps
    found = []
    begin, count = 0, len(xs)
    while begin < count:
        index = (xs[begin] - start) // interval
        end = bisect_left(xs, start + (index + 1) * interval, begin)
        part = summarize_values(points.steps[begin:end], points.values[begin:end], 0, 0)
        found.append(
            (
                index,
                Bucket(
                    xs[begin], part.size, part.nans, part.last_value,
                    part.min_value, part.min_step, part.max_value, part.max_step, part.total,
                ),
            )
        )  # fmt: skip
        begin = end
    return found


def _by_time(points: Points) -> Points:
    listed = points.times.tolist()
    if all(map(le, listed, islice(listed, 1, None))):
        return points
    order = sorted(range(len(listed)), key=listed.__getitem__)
    return Points(
        array("q", [points.steps[i] for i in order]),
        array("d", [points.values[i] for i in order]),
        array("q", [listed[i] for i in order]),
    )
