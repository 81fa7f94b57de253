from __future__ import annotations

import itertools
import math
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.server.series.chunks import CHUNK, combine, cut, in_order, merge, summarize
from mlops_cli.server.series.columns import Points, decode, encode, is_ascending

INT64 = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(INT64, st.floats(), INT64), max_size=60)
NEAR = st.lists(
    st.tuples(st.integers(-50, 50), st.floats(), st.integers(1_795_297_690_000, 1_795_297_691_000)), max_size=200
)


def points_of(rows: list[tuple[int, float, int]]) -> Points:
    return Points(
        array("q", [row[0] for row in rows]),
        array("d", [row[1] for row in rows]),
        array("q", [row[2] for row in rows]),
    )


def bits(points: Points) -> tuple[bytes, bytes, bytes]:
    return points.steps.tobytes(), points.values.tobytes(), points.times.tobytes()


@given(ROWS | NEAR)
def test_any_points_come_back_bit_by_bit(rows):
    points = points_of(rows)
    assert bits(decode(encode(points))) == bits(points)


@given(INT64, st.integers(-(2**40), 2**40), st.integers(0, 50))
def test_regular_steps_come_back_and_take_no_room(start, stride, count):
    steps = [start + stride * i for i in range(count)]
    if any(not -(2**63) <= step < 2**63 for step in steps):
        return
    points = points_of([(step, 0.5, 7) for step in steps])
    blob = encode(points)
    assert bits(decode(blob)) == bits(points)
    assert len(blob) == 40 + 8 * count


def test_nan_payloads_infinities_and_signed_zeros_survive():
    odd = [0x7FF8000000000001, 0xFFF8DEADBEEF0001, 0x7FF0000000000000, 0xFFF0000000000000, 1 << 63, 1]
    values = array("d", struct.pack("<6Q", *odd))
    points = Points(array("q", range(6)), values, array("q", [0] * 6))
    assert decode(encode(points)).values.tobytes() == struct.pack("<6Q", *odd)


def test_times_in_ms_take_four_bytes():
    points = points_of([(i, 0.0, 1_795_297_690_650 + i * i) for i in range(100)])
    assert len(encode(points)) == 40 + 100 * (8 + 4)


@pytest.mark.parametrize("damage", [b"", b"\x02" + b"\0" * 60, b"\x01" + b"\0" * 20])
def test_bytes_that_are_no_chunk_are_refused(damage):
    with pytest.raises(ValueError, match="chunk"):
        decode(damage)


def test_a_chunk_cut_short_is_refused():
    blob = encode(points_of([(i, 1.0, i * i) for i in range(9)]))
    with pytest.raises(ValueError, match="cut short"):
        decode(blob[:-1])


@given(st.lists(st.integers(-5, 5), max_size=6))
def test_ascending_means_each_number_is_greater(numbers):
    assert is_ascending(array("q", numbers)) == all(a < b for a, b in itertools.pairwise(numbers))


@pytest.mark.parametrize("at", [1023, 1024, 1025, 2047, 2048])
def test_a_step_back_at_the_edge_of_a_window_is_seen(at):
    numbers = array("q", range(3000))
    numbers[at] = numbers[at - 1]
    assert not is_ascending(numbers)


@given(NEAR)
def test_of_equal_steps_the_last_one_stays(rows):
    settled = in_order(points_of(rows))
    expected = {step: (value, time) for step, value, time in rows}
    assert settled.steps.tolist() == sorted(expected)
    assert settled.values.tobytes() == array("d", [expected[s][0] for s in sorted(expected)]).tobytes()
    assert settled.times.tolist() == [expected[s][1] for s in sorted(expected)]


@given(NEAR, NEAR)
def test_merging_lets_the_newer_win(old, new):
    assert bits(merge(in_order(points_of(old)), in_order(points_of(new)))) == bits(in_order(points_of(old + new)))


@given(st.lists(st.floats(), min_size=1, max_size=40))
def test_a_summary_agrees_with_its_points(values):
    points = points_of([(i * 3, value, 1000 - i) for i, value in enumerate(values)])
    found = summarize(points)
    present = [value for value in values if not math.isnan(value)]
    assert (found.first_step, found.last_step, found.size) == (0, 3 * (len(values) - 1), len(values))
    assert found.nans == len(values) - len(present)
    assert (found.time_min, found.time_max) == (1001 - len(values), 1000)
    if present:
        assert found.min_value == min(present)
        assert found.min_step == 3 * values.index(min(present))
        assert found.max_value == max(present)
        assert found.max_step == 3 * values.index(max(present))
        assert found.total == sum(present) or math.isnan(sum(present))
    else:
        assert math.isnan(found.min_value)
        assert math.isnan(found.max_value)


@given(st.lists(st.integers(-9, 9) | st.just(math.nan), min_size=2, max_size=30), st.data())
def test_combined_summaries_equal_the_summary_of_all(values, data):
    points = points_of([(i, float(value), i) for i, value in enumerate(values)])
    middle = data.draw(st.integers(1, len(values) - 1))
    both = combine(summarize(points.part(0, middle)), summarize(points.part(middle, len(values))))
    assert repr(both) == repr(summarize(points))


def test_cutting_keeps_every_point_in_order():
    points = points_of([(i, float(i), i) for i in range(2 * CHUNK + 5)])
    pieces = list(cut(points))
    assert [len(piece.steps) for piece in pieces] == [CHUNK, CHUNK, 5]
    assert [step for piece in pieces for step in piece.steps] == list(range(2 * CHUNK + 5))
    assert list(cut(points.part(0, 0))) == []
