from __future__ import annotations

import base64
import json
import math
import multiprocessing
from array import array
from pathlib import Path

import pytest

from mlops_cli.errors import Conflict, InvalidInput, MlopsError, NotFound
from mlops_cli.schemas.metrics import series_key
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store import intake
from mlops_cli.server.store.store import open_store

SINGLE = -(2**31)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "store.db", tmp_path / "files")
    yield opened
    opened.close()


@pytest.fixture
def call(store):
    def run(endpoint, **body):
        return dispatch(store, endpoint, body)

    return run


@pytest.fixture
def task(call):
    return call("tasks.create", name="a task", type="training")["id"]


def scalar(task, step, value, metric="loss", variant="train", **more):
    return {
        "type": "training_stats_scalar",
        "task": task,
        "iter": step,
        "metric": metric,
        "variant": variant,
        "value": value,
        "timestamp": 1_795_297_690_000 + step % 1000,
        **more,
    }


def columns(steps, values, times=None, metric="loss", variant="train"):
    times = range(1000, 1000 + len(steps)) if times is None else times
    return {
        "metric": metric,
        "variant": variant,
        "iter": array("q", steps),
        "value": array("d", values),
        "timestamp": array("q", times),
    }


def last_metrics(call, task, metric="loss", variant="train"):
    first, second = series_key(metric, variant)
    return call("tasks.get_by_id", task=task)["task"]["last_metrics"][first][second]


def points(call, task):
    found = call("events.get_task_events", task=task, event_type="training_stats_scalar", batch_size=10_000)
    return [(event["variant"], event["iter"], event["value"]) for event in found["events"]]


def test_a_point_that_names_no_worker_does_not_take_that_of_one_with_as_many_keys():
    common = {"type": "training_stats_scalar", "task": "t", "metric": "m", "variant": "v", "value": 0.5}
    named = {**common, "iter": 1, "worker": "another"}
    plain = {**common, "iter": 2, "timestamp": 9}
    for events in ([named, plain], [named, plain, {**plain, "iter": 3}]):
        (share,) = intake.sort(events, worker="the sender", now_ms=1).shares.values()
        (column,) = share.scalars.values()
        assert column.worker == "the sender"
        assert column.points.steps.tolist() == [1, 2, 3][: len(events)]
        assert column.points.times.tolist() == [1, 9, 9][: len(events)]


def test_a_batch_of_good_and_bad_events_keeps_the_good_and_counts_the_bad(call, task):
    events = [
        scalar(task, 1, 0.5),
        {"type": "training stats scalar", "task": task, "iter": 2, "metric": "loss", "variant": "train", "value": 1},
        {**scalar(task, 1, 0.5), "type": "nonsense"},
        {"task": task},
        scalar("f" * 32, 1, 1.0),
        scalar("f" * 32, 2, 1.0),
        {**scalar(task, 1, 1.0), "task": ""},
        scalar(task, 2**63, 1.0),
        scalar(task, 1, "high"),
        scalar(task, 1, True),
        scalar(task, 1, 10**400),
        "not an object",
    ]
    assert call("events.add_batch", events=events) == {
        "added": 2,
        "errors": 10,
        "errors_info": {
            "unknown event type: nonsense": 1,
            "event has no type": 1,
            "event has no task": 1,
            "iter does not fit 64 bits": 1,
            "value is not a number": 2,
            "value is too large for a float": 1,
            "event is not an object": 1,
            "unknown task id": 2,
        },
    }
    assert points(call, task) == [("train", 1, 0.5), ("train", 2, 1.0)]


def test_a_batch_without_a_good_event_is_refused(call):
    with pytest.raises(InvalidInput) as caught:
        call("events.add_batch", events=[scalar("f" * 32, 1, 1.0)])
    assert caught.value.subcode == 131
    assert caught.value.data["errors_info"] == {"unknown task id": 1}


def test_an_empty_batch_is_refused(call):
    with pytest.raises(InvalidInput) as caught:
        call("events.add_batch", events=[])
    assert caught.value.subcode == 17


def test_one_event_may_be_the_body(call, task):
    assert call("events.add", **scalar(task, 3, 0.25))["added"] == 1
    assert points(call, task) == [("train", 3, 0.25)]


def test_last_metrics_follow_the_batches(call, task):
    call("events.add_batch", events=[scalar(task, i, v) for i, v in [(5, 3.0), (7, 1.0), (6, 2.0)]])
    assert last_metrics(call, task) == {
        "metric": "loss",
        "variant": "train",
        "value": 1.0,
        "min_value": 1.0,
        "min_value_iteration": 7,
        "max_value": 3.0,
        "max_value_iteration": 5,
        "first_value": 3.0,
        "first_value_iteration": 5,
        "mean_value": 2.0,
        "count": 3,
    }
    call("events.add_batch", events=[scalar(task, 2, 9.0, x_axis_label="epoch")])
    found = last_metrics(call, task)
    assert (found["value"], found["max_value"], found["max_value_iteration"]) == (9.0, 9.0, 2)
    assert (found["min_value"], found["first_value"], found["first_value_iteration"]) == (1.0, 9.0, 2)
    assert (found["count"], found["mean_value"], found["x_axis_label"]) == (4, 3.75, "epoch")


def test_the_last_iteration_rises_but_not_by_monitors_or_single_values(call, task):
    def last():
        return call("tasks.get_by_id", task=task)["task"]["last_iteration"]

    call("events.add_batch", events=[scalar(task, 7, 1.0), scalar(task, 3, 1.0)])
    assert last() == 7
    call("events.add_batch", events=[scalar(task, 900, 1.0, metric=":monitor:machine")])
    call("events.add_batch", events=[scalar(task, 901, 1.0, metric=":monitor:machine:rank01")])
    call("events.add_batch", events=[scalar(task, SINGLE, 1.0, metric="Summary")])
    assert last() == 7
    call("events.add_batch", events=[{"type": "plot", "task": task, "iter": 9, "metric": "p", "plot_str": "{}"}])
    assert last() == 9


def test_events_move_the_last_update(call, task):
    before = call("tasks.get_by_id", task=task)["task"]["last_update"]
    call("events.add_batch", events=[scalar(task, 1, 1.0)])
    assert call("tasks.get_by_id", task=task)["task"]["last_update"] > before


def test_a_published_task_refuses_events_unless_they_allow_it(call, task):
    call("tasks.started", task=task)
    call("tasks.completed", task=task)
    call("tasks.publish", task=task)
    answer = call("events.add_batch", events=[scalar(task, 1, 1.0), scalar(task, 2, 1.0, allow_locked=True)])
    assert (answer["added"], answer["errors_info"]) == (1, {"task is published": 1})
    with pytest.raises(Conflict):
        call("events.add_columns", task=task, run="r", stream="s", offset=0, next=9)
    with pytest.raises(Conflict):
        call("events.clear_task_log", task=task)
    with pytest.raises(Conflict):
        call("events.delete_for_task", task=task)
    assert call("events.delete_for_task", task=task, allow_locked=True) == {"deleted": 1}


def test_equal_iterations_overwrite_and_the_total_stays_exact(call, task):
    call("events.add_batch", events=[scalar(task, i, 0.0) for i in range(10)])
    call("events.add_batch", events=[scalar(task, i, 1.0) for i in range(5, 15)])
    found = call("events.get_task_events", task=task, event_type="training_stats_scalar")
    assert (found["total"], found["returned"]) == (15, 15)
    assert [event["value"] for event in found["events"]] == [0.0] * 5 + [1.0] * 10


def test_events_with_the_same_parts_overwrite_except_logs(call, task):
    plot = {"type": "plot", "task": task, "iter": 1, "metric": "m", "variant": "v"}
    image = {"type": "training_debug_image", "task": task, "iter": 1, "metric": "m", "variant": "v"}
    log = {"type": "log", "task": task, "msg": "again"}
    call(
        "events.add_batch",
        events=[
            {**plot, "plot_str": "old"},
            {**plot, "plot_str": "new"},
            {**plot, "plot_str": "keyed", "key": "k"},
            {**image, "url": "a"},
            log,
            log,
        ],
    )
    assert [p["plot_str"] for p in call("events.get_task_plots", task=task)["plots"]] == ["new", "keyed"]
    assert call("events.get_task_log", task=task)["total"] == 2
    assert len(call("events.get_task_events", task=task, event_type="training_debug_image")["events"]) == 1


def test_plot_texts_come_back_as_they_were(call, task):
    text = json.dumps({"data": [{"y": [1, None, "é\ud800"]}], "layout": {"title": "x" * 5000}})
    call("events.add_batch", events=[{"type": "plot", "task": task, "iter": 1, "metric": "m", "plot_str": text}])
    (plot,) = call("events.get_task_plots", task=task)["plots"]
    assert plot["plot_str"] == text


def test_names_with_lone_surrogates_are_kept_readable(call, task):
    call(
        "events.add_batch",
        events=[scalar(task, 1, 1.0, metric="a\ud800b"), {"type": "log", "task": task, "msg": "\udfff!"}],
    )
    assert call("events.get_scalar_metrics_and_variants", task=task)["metrics"] == {"a?b": ["train"]}
    assert call("events.get_task_log", task=task)["events"][0]["msg"] == "?!"


def test_model_events_belong_to_the_model(call):
    model = call("models.create", name="a model", uri="file:///m", ready=False)["id"]
    event = scalar(model, 4, 1.5, model_event=True)
    assert call("events.add_batch", events=[event, {"type": "log", "task": model, "model_event": True}]) == {
        "added": 1,
        "errors": 1,
        "errors_info": {"log events are not kept for models": 1},
    }
    found = call("events.scalar_metrics_iter_histogram", task=model, model_events=True)
    assert found["loss"]["train"]["y"] == [1.5]
    page = call("events.get_task_events", task=model, model_events=True)
    assert call("events.get_task_events", scroll_id=page["scroll_id"])["events"] == []
    with pytest.raises(NotFound) as caught:
        call("events.scalar_metrics_iter_histogram", task=model)
    assert caught.value.subcode == 101


# ---- exactly once


def test_a_batch_of_columns_counts_once(call, task):
    body = {
        "task": task,
        "run": "r",
        "stream": "s",
        "offset": 0,
        "next": 64,
        "worker": "host",
        "scalars": [columns([1, 2], [0.5, math.nan])],
        "events": [{"type": "plot", "iter": 1, "metric": "p", "plot_str": "{}"}],
        "console": [{"timestamp": 5, "level": "info", "raw": b"hello\n"}],
    }
    assert call("events.add_columns", **body) == {
        "added": 4,
        "skipped": False,
        "next": 64,
        "errors": 0,
        "errors_info": {},
    }
    again = call("events.add_columns", **body)
    assert (again["added"], again["skipped"], again["next"]) == (0, True, 64)
    older = call("events.add_columns", **{**body, "next": 32})
    assert (older["skipped"], older["next"]) == (True, 64)
    assert call("events.get_task_log", task=task)["total"] == 1
    assert last_metrics(call, task)["count"] == 2


@pytest.mark.parametrize(("offset", "following"), [(65, 99), (10, 99), (0, 99)])
def test_a_gap_or_an_overlap_is_refused_with_the_expected_offset(call, task, offset, following):
    call("events.add_columns", task=task, run="r", stream="s", offset=0, next=64, scalars=[columns([1], [1.0])])
    with pytest.raises(InvalidInput) as caught:
        call(
            "events.add_columns",
            task=task,
            run="r",
            stream="s",
            offset=offset,
            next=following,
            scalars=[columns([2], [2.0])],
        )
    assert caught.value.data == {"expected": 64}
    assert points(call, task) == [("train", 1, 1.0)]


def test_a_first_batch_begins_at_zero(call, task):
    with pytest.raises(InvalidInput) as caught:
        call("events.add_columns", task=task, run="r", stream="s", offset=64, next=128)
    assert caught.value.data == {"expected": 0}


def test_streams_and_runs_are_counted_apart(call, task):
    for run, stream in [("r", "a"), ("r", "b"), ("q", "a")]:
        assert not call("events.add_columns", task=task, run=run, stream=stream, offset=0, next=8)["skipped"]


def test_a_refused_batch_leaves_the_stream_where_it_was(call, task):
    with pytest.raises(NotFound) as caught:
        call("events.add_columns", task="f" * 32, run="r", stream="s", offset=0, next=8)
    assert caught.value.subcode == 101
    assert not call("events.add_columns", task=task, run="r", stream="s", offset=0, next=8)["skipped"]


def test_a_failure_in_the_middle_leaves_nothing_behind(store, call, task):
    store.db.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON console BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    )
    with pytest.raises(MlopsError):
        call(
            "events.add_columns",
            task=task,
            run="r",
            stream="s",
            offset=0,
            next=8,
            scalars=[columns([1], [1.0])],
            console=[{"timestamp": 1, "level": "", "raw": b"x"}],
        )
    assert points(call, task) == []
    store.db.connection.execute("DROP TRIGGER full")
    assert not call("events.add_columns", task=task, run="r", stream="s", offset=0, next=8)["skipped"]


def test_columns_may_be_lists_and_what_does_not_fit_is_counted(call, task):
    series = {
        "metric": "m",
        "variant": "v",
        "iter": [1, 2**63, 3, 4, 5.0],
        "value": ["NaN", 1.0, "Infinity", "x", 10**400],
        "timestamp": [1, 2, 3, 4, 5],
    }
    answer = call("events.add_columns", task=task, run="r", stream="s", offset=0, next=8, scalars=[series])
    assert (answer["added"], answer["errors_info"]) == (
        2,
        {"iter does not fit 64 bits": 1, "value is not a number": 1, "value is too large for a float": 1},
    )
    assert [repr(value) for _, _, value in points(call, task)] == ["nan", "inf"]


@pytest.mark.parametrize(
    "scalars",
    [
        [{"metric": "m", "variant": "v", "iter": [1], "value": [1.0, 2.0], "timestamp": [1]}],
        [{"metric": "m", "variant": "v", "iter": 1, "value": 1.0, "timestamp": 1}],
        [{"metric": "m", "variant": "v"}],
    ],
)
def test_columns_that_are_none_are_refused(call, task, scalars):
    with pytest.raises(InvalidInput):
        call("events.add_columns", task=task, run="r", stream="s", offset=0, next=8, scalars=scalars)


def test_raw_may_be_base64_and_nothing_else(call, task):
    body = {"task": task, "run": "r", "stream": "s"}
    text = base64.b64encode(b"\xff\x00").decode()
    call("events.add_columns", **body, offset=0, next=8, console=[{"timestamp": 1, "level": "", "raw": text}])
    assert call("events.get_console", task=task)["chunks"][0]["raw"] == b"\xff\x00"
    with pytest.raises(InvalidInput):
        call("events.add_columns", **body, offset=8, next=9, console=[{"timestamp": 1, "raw": "not base64!"}])


def test_two_columns_of_one_series_in_a_batch_are_one_series(call, task):
    scalars = [columns([1, 2], [1.0, 2.0]), columns([2, 3], [5.0, 6.0])]
    call("events.add_columns", task=task, run="r", stream="s", offset=0, next=8, scalars=scalars)
    assert points(call, task) == [("train", 1, 1.0), ("train", 2, 5.0), ("train", 3, 6.0)]


def test_a_million_points_of_one_run_read_back_exactly(call, task):
    count = 1_000_000
    values = array("d", (i * 0.1 for i in range(count)))
    for start in range(0, count, 50_000):
        part = columns(range(start, start + 50_000), values[start : start + 50_000], range(start, start + 50_000))
        call("events.add_columns", task=task, run="r", stream="s", offset=start, next=start + 50_000, scalars=[part])
    assert last_metrics(call, task)["count"] == count
    found = call("events.get_task_events", task=task, event_type="training_stats_scalar", batch_size=3)
    assert (found["total"], [e["value"] for e in found["events"]]) == (count, [0.0, 0.1, 0.2])
    exact = call("events.get_curve", task=task, metric="loss", variant="train", samples=1_000_000)
    assert exact["x"] == list(range(count))
    assert array("d", exact["last"]).tobytes() == values.tobytes()


def _ship(folder: str, task: str, stream: str, count: int) -> None:
    store = open_store(Path(folder) / "store.db", Path(folder) / "files")
    for offset in range(0, count * 10, 10):
        body = {"task": task, "run": "r", "stream": stream, "offset": offset, "next": offset + 10}
        step = offset // 10
        series = [columns([step], [float(step)], variant=stream), columns([step], [1.0], variant="shared")]
        for _ in range(2):  # each is sent twice, as after a crash
            dispatch(store, "events.add_columns", {**body, "scalars": series})
    store.close()


def test_two_processes_write_one_task_and_nothing_is_lost_or_doubled(tmp_path, call, task):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_ship, args=(str(tmp_path), task, name, 60)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    expected = [(name, i, float(i)) for name in ("a", "b") for i in range(60)]
    found = points(call, task)
    assert sorted(row for row in found if row[0] != "shared") == sorted(expected)
    assert [row[1] for row in found if row[0] == "shared"] == list(range(60))
    assert last_metrics(call, task, variant="shared")["count"] == 120


def test_deleting_for_a_task_deletes_every_kind(store, call, task):
    call(
        "events.add_batch",
        events=[
            scalar(task, 1, 1.0),
            scalar(task, 2, 1.0),
            {"type": "plot", "task": task, "metric": "m", "plot_str": "{}"},
            {"type": "log", "task": task, "msg": "x"},
        ],
    )
    assert call("events.delete_for_task", task=task) == {"deleted": 4}
    for table in ("series", "chunks", "chunk_data", "events", "console"):
        assert store.db.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
