from __future__ import annotations

import itertools
import math
import random
from array import array

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.server.db.migrate import STEPS, statements
from mlops_cli.server.db.sqlite import Database
from mlops_cli.server.series.chunks import CHUNK, in_order
from mlops_cli.server.series.columns import Points
from mlops_cli.server.store import points as store


@pytest.fixture
def connection(tmp_path):
    db = Database(tmp_path / "store.db")
    for step in sorted(STEPS.glob("*.sql")):
        for statement in statements(step.read_text()):
            db.connection.execute(statement)
    add_series(db.connection, 1)
    yield db.connection
    db.close()


def add_series(connection, number):
    connection.execute(
        "INSERT INTO series (id, task, metric_hash, variant_hash, metric, variant, last_iter)"
        " VALUES (?, 't', ?, 'v', 'm', 'v', 0)",
        (number, str(number)),
    )


def points_of(rows):
    return in_order(
        Points(array("q", [r[0] for r in rows]), array("d", [r[1] for r in rows]), array("q", [r[2] for r in rows]))
    )


def read(connection, series=1, after=None):
    return [row for part in store.forward(connection, series, after) for row in zip(*part, strict=True)]


def assert_sound(connection, series=1):
    """Chunks ascend, do not overlap, are not too large, and their summaries agree with what is in them."""
    found = store.summaries(connection, series)
    assert all(a.last_step < b.first_step for a, b in itertools.pairwise(found))
    for summary in found:
        part = store.open_chunk(connection, series, summary.first_step)
        assert 0 < len(part.steps) <= CHUNK
        assert (summary.first_step, summary.last_step) == (part.steps[0], part.steps[-1])
        assert (summary.size, summary.time_min, summary.time_max) == (
            len(part.steps),
            min(part.times),
            max(part.times),
        )


def test_a_slow_run_grows_one_chunk_in_place(connection):
    for i in range(300):
        store.append(connection, 1, points_of([(i, i / 2, 1000 + i)]))
    assert [s.size for s in store.summaries(connection, 1)] == [300]
    assert read(connection) == [(i, i / 2, 1000 + i) for i in range(300)]


def test_the_tail_is_filled_before_new_chunks_begin(connection):
    rows = [(i, float(i), i) for i in range(5 * CHUNK + 7)]
    store.append(connection, 1, points_of(rows[:10]))
    summary = store.append(connection, 1, points_of(rows[10:]))
    assert [s.size for s in store.summaries(connection, 1)] == [CHUNK] * 5 + [7]
    assert (summary.size, summary.min_value, summary.max_step) == (5 * CHUNK - 3, 10.0, 5 * CHUNK + 6)
    assert read(connection) == rows


def test_steps_going_backwards_replace_what_was_there(connection):
    store.append(connection, 1, points_of([(i, 0.0, i) for i in range(3000)]))
    store.append(connection, 1, points_of([(i, 1.0, 9000 + i) for i in range(2500, 4000)]))
    expected = [(i, 0.0, i) for i in range(2500)] + [(i, 1.0, 9000 + i) for i in range(2500, 4000)]
    assert read(connection) == expected
    assert store.count(connection, 1) == 4000
    assert_sound(connection)


def test_a_run_that_counts_down_makes_no_tiny_chunks(connection):
    for i in range(2000, 0, -1):
        store.append(connection, 1, points_of([(i, float(i), i)]))
    assert len(store.summaries(connection, 1)) <= 4
    assert [row[0] for row in read(connection)] == list(range(1, 2001))
    assert_sound(connection)


STEPS_OF = st.lists(st.integers(-40, 40) | st.sampled_from([-(2**63), 2**63 - 1, -(2**31)]), min_size=1, max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(batches=st.lists(STEPS_OF, max_size=8), after=st.integers(-50, 50), size=st.sampled_from([3, 7]))
def test_any_batches_read_back_as_the_last_write_of_each_step(connection, monkeypatch, batches, after, size):
    connection.execute("DELETE FROM chunks")
    connection.execute("DELETE FROM chunk_data")
    expected = {}
    with monkeypatch.context() as patch:  # small chunks, so that a few points fill several
        patch.setattr(store, "CHUNK", size)
        patch.setattr(store.cut, "__defaults__", (size,))
        for number, steps in enumerate(batches):
            rows = [(step, float(number * 100 + i), i) for i, step in enumerate(steps)]
            store.append(connection, 1, points_of(rows))
            expected.update({row[0]: row for row in rows})
    ordered = [expected[step] for step in sorted(expected)]
    assert read(connection) == ordered
    assert read(connection, after=after) == [row for row in ordered if row[0] > after]
    newest = [row for part in store.backward(connection, 1, after) for row in reversed(list(zip(*part, strict=True)))]
    assert newest == [row for row in reversed(ordered) if row[0] < after]
    assert_sound(connection)


def test_random_order_over_many_chunks_is_kept_exactly(connection):
    draw = random.Random(7)
    steps = draw.sample(range(20_000), 20_000)
    for start in range(0, 20_000, 4000):
        store.append(connection, 1, points_of([(s, s / 3, s) for s in steps[start : start + 4000]]))
    assert read(connection) == [(s, s / 3, s) for s in range(20_000)]
    assert_sound(connection)


def test_nan_in_summaries_survives_the_store(connection):
    store.append(connection, 1, points_of([(i, math.nan, i) for i in range(3)]))
    store.append(connection, 1, points_of([(9, math.inf, 1), (10, -math.inf, 2)]))
    (summary,) = store.summaries(connection, 1)
    assert (summary.nans, summary.min_value, summary.max_value) == (3, -math.inf, math.inf)
    assert math.isnan(summary.total)
    assert math.isnan(summary.first_value)


def test_series_do_not_see_each_other(connection):
    add_series(connection, 2)
    store.append(connection, 1, points_of([(5, 1.0, 1)]))
    store.append(connection, 2, points_of([(5, 2.0, 1), (1, 3.0, 1)]))
    assert read(connection, 1) == [(5, 1.0, 1)]
    assert read(connection, 2) == [(1, 3.0, 1), (5, 2.0, 1)]


def test_deleting_a_series_deletes_its_chunks(connection):
    store.append(connection, 1, points_of([(i, 1.0, 1) for i in range(3000)]))
    connection.execute("DELETE FROM series WHERE id = 1")
    for table in ("chunks", "chunk_data"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
