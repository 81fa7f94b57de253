from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.server.series.chunks import cut, in_order, summarize
from mlops_cli.server.series.columns import Points
from mlops_cli.server.series.thin import average, thin


class Series:
    """Chunks in memory that count how often they are opened."""

    def __init__(self, rows, size=8):
        points = in_order(
            Points(array("q", [r[0] for r in rows]), array("d", [r[1] for r in rows]), array("q", [r[2] for r in rows]))
        )
        self.rows = list(zip(*points, strict=True))
        self.chunks = {piece.steps[0]: piece for piece in cut(points, size)}
        self.summaries = [summarize(piece) for piece in self.chunks.values()]
        self.opened = 0

    def open(self, summary):
        self.opened += 1
        return self.chunks[summary.first_step]


WHOLE = st.integers(-1000, 1000).map(float)
ROWS = st.lists(st.tuples(st.integers(-300, 300), WHOLE, st.integers(5000, 9000)), min_size=1, max_size=150)


def naive_average(rows, samples, by_time):
    pairs = sorted((t if by_time else s, v) for s, v, t in rows)
    if len(pairs) < samples:
        return pairs
    interval = math.ceil((pairs[-1][0] - pairs[0][0] + 1) / samples)
    buckets: dict[int, list[float]] = {}
    for x, value in pairs:
        buckets.setdefault(math.floor(x / interval) * interval, []).append(value)
    return [(x, sum(values) / len(values)) for x, values in sorted(buckets.items())]


@given(ROWS, st.integers(1, 40), st.booleans())
def test_average_follows_the_rule_of_the_api(rows, samples, by_time):
    series = Series(rows)
    xs, ys = average(series.summaries, series.open, samples, by_time=by_time)
    expected = naive_average(series.rows, samples, by_time)
    assert xs == [x for x, _ in expected]
    if len(series.rows) < samples:
        assert sorted(zip(xs, ys, strict=True)) == expected
    else:
        assert ys == pytest.approx([y for _, y in expected])


@given(ROWS, st.integers(1, 40), st.booleans())
def test_thinning_keeps_extremes_counts_and_sums(rows, samples, by_time):
    series = Series(rows)
    buckets = thin(series.summaries, series.open, samples, by_time=by_time)
    values = [value for _, value, _ in series.rows]
    assert len(buckets) <= max(samples, 1)
    assert min(b.min for b in buckets) == min(values)
    assert max(b.max for b in buckets) == max(values)
    assert sum(b.size for b in buckets) == len(values)
    assert sum(b.total for b in buckets) == pytest.approx(sum(values))
    at = {step: value for step, value, _ in series.rows}
    assert all(at[b.min_x] == b.min and at[b.max_x] == b.max for b in buckets)
    assert [b.x for b in buckets] == sorted(b.x for b in buckets)


def test_large_curves_are_thinned_from_summaries_alone():
    draw = random.Random(1)
    series = Series([(i, draw.random(), i) for i in range(20_000)], size=10)
    buckets = thin(series.summaries, series.open, 100)
    assert series.opened == 0
    assert len(buckets) == 100


def test_averaging_opens_only_the_chunks_that_straddle():
    series = Series([(i, float(i), i) for i in range(20_000)], size=16)
    average(series.summaries, series.open, 100)
    assert 0 < series.opened <= 100


def test_a_few_points_come_as_they_are():
    series = Series([(3, 1.5, 10), (1, math.nan, 20), (2, math.inf, 5)])
    assert [(b.x, repr(b.last)) for b in thin(series.summaries, series.open, 3)] == [
        (1, "nan"),
        (2, "inf"),
        (3, "1.5"),
    ]
    assert average(series.summaries, series.open, 4, by_time=True)[0] == [5, 10, 20]


def test_nan_hides_neither_mean_nor_extremes_of_its_bucket():
    values = [1.0, math.nan, 3.0, math.nan] * 50
    series = Series([(i, value, i) for i, value in enumerate(values)])
    assert set(average(series.summaries, series.open, 10)[1]) == {2.0}
    assert {(b.min, b.max) for b in thin(series.summaries, series.open, 10)} == {(1.0, 3.0)}


def test_a_bucket_of_nan_alone_has_a_nan_mean():
    series = Series([(i, math.nan if i < 50 else 1.0, i) for i in range(100)])
    ys = average(series.summaries, series.open, 2)[1]
    assert [repr(y) for y in ys] == ["nan", "1.0"]


def test_steps_over_the_whole_int64_range_are_thinned():
    series = Series([(-(2**63), 1.0, 0), (0, 5.0, 1), (2**63 - 1, 2.0, 2)])
    assert [b.max for b in thin(series.summaries, series.open, 2)] == [1.0, 5.0]


def test_nothing_thins_to_nothing():
    assert thin([], lambda _: None, 10) == []
    assert average([], lambda _: None, 10) == ([], [])
