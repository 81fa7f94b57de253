from __future__ import annotations

import base64
import json
import math
from array import array

import pytest

from mlops_cli.errors import InvalidInput, NotFound
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store

SINGLE = -(2**31)


@pytest.fixture
def call(tmp_path):
    store = open_store(tmp_path / "store.db", tmp_path / "files")
    yield lambda endpoint, **body: dispatch(store, endpoint, body)
    store.close()


@pytest.fixture
def task(call):
    return call("tasks.create", name="first task", type="training")["id"]


def scalar(task, step, value, metric="loss", variant="train", time=None, **more):
    time = 1_795_297_690_000 + step if time is None else time
    return {"type": "training_stats_scalar", "task": task, "iter": step, "metric": metric, "variant": variant,
            "value": value, "timestamp": time, "worker": "host", **more}  # fmt: skip


def image(task, step, metric="img", variant="a", kind="training_debug_image"):
    return {"type": kind, "task": task, "iter": step, "metric": metric, "variant": variant, "url": f"u{step}",
            "key": f"k{step}", "timestamp": 5, "plot_str": "{}"}  # fmt: skip


def scroll(call, endpoint, key="events", **body):
    """All pages of a scroll, until the total is reached; fails when a page is empty before that."""
    pages = [call(endpoint, **body)]
    while sum(page["returned"] for page in pages) < pages[-1]["total"]:
        pages.append(call(endpoint, scroll_id=pages[-1]["scroll_id"]))
        assert pages[-1]["returned"] > 0
    assert call(endpoint, scroll_id=pages[-1]["scroll_id"])["returned"] == 0
    return pages


# ---- curves


def test_a_short_series_is_exact_and_sorted_by_name(call, task):
    call("events.add_batch", events=[scalar(task, i, i / 2, v) for v in ("b", "a") for i in (3, 1, 2)])
    call("events.add_batch", events=[scalar(task, 1, 9.0, "a", "eval", x_axis_label="epoch")])
    found = call("events.scalar_metrics_iter_histogram", task=task)
    assert found == {
        "a": {
            "eval": {"name": "eval", "x": [1], "y": [9.0], "x_axis_label": "epoch"},
            "train": {"name": "train", "x": [1, 2, 3], "y": [0.5, 1.0, 1.5]},
        },
        "b": {"train": {"name": "train", "x": [1, 2, 3], "y": [0.5, 1.0, 1.5]}},
    }
    assert list(found) == ["a", "b"]


def test_a_long_series_is_the_mean_of_aligned_buckets(call, task):
    call("events.add_batch", events=[scalar(task, 5 + i, float(i)) for i in range(100)])
    curve = call("events.scalar_metrics_iter_histogram", task=task, samples=10)["loss"]["train"]
    assert curve["x"] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert curve["y"] == [2.0, 9.5, 19.5, 29.5, 39.5, 49.5, 59.5, 69.5, 79.5, 89.5, 97.0]


def test_as_many_points_as_samples_are_bucketed_too(call, task):
    call("events.add_batch", events=[scalar(task, 2 * i, float(i)) for i in range(10)])
    curve = call("events.scalar_metrics_iter_histogram", task=task, samples=10)["loss"]["train"]
    assert curve["x"] == [2 * i for i in range(10)]


def test_the_key_may_be_the_time(call, task):
    call("events.add_batch", events=[scalar(task, i, float(i), time=1_795_300_361_123 - i) for i in range(2)])
    by_time = call("events.scalar_metrics_iter_histogram", task=task, key="timestamp")["loss"]["train"]
    assert (by_time["x"], by_time["y"]) == ([1_795_300_361_122, 1_795_300_361_123], [1.0, 0.0])
    iso = call("events.scalar_metrics_iter_histogram", task=task, key="iso_time")["loss"]["train"]
    assert iso["x"] == ["2026-11-21T22:32:41.122Z", "2026-11-21T22:32:41.123Z"]


def test_metrics_and_variants_can_be_chosen(call, task):
    names = [("loss", "train"), ("loss", "val"), ("acc", "train"), ("lr", "lr")]
    call("events.add_batch", events=[scalar(task, 1, 1.0, m, v) for m, v in names])
    wanted = [{"metric": "loss", "variants": ["val"]}, {"metric": "acc"}]
    found = call("events.scalar_metrics_iter_histogram", task=task, metrics=wanted)
    assert {metric: list(variants) for metric, variants in found.items()} == {"acc": ["train"], "loss": ["val"]}


def test_single_values_are_apart_from_curves(call, task):
    call("events.add_batch", events=[scalar(task, SINGLE, 0.97, "Summary", "acc", time=5), scalar(task, 1, 1.0)])
    call("events.add_batch", events=[scalar(task, SINGLE, 7.0, time=6), scalar(task, -(2**31) - 1, 2.0)])
    assert call("events.scalar_metrics_iter_histogram", task=task) == {
        "loss": {"train": {"name": "train", "x": [SINGLE - 1, 1], "y": [2.0, 1.0]}}
    }
    other = call("tasks.create", name="no values", type="training")["id"]
    assert call("events.get_task_single_value_metrics", tasks=[other, task]) == {
        "tasks": [
            {
                "task": task,
                "task_name": "first task",
                "values": [
                    {"metric": "Summary", "variant": "acc", "value": 0.97, "timestamp": 5},
                    {"metric": "loss", "variant": "train", "value": 7.0, "timestamp": 6},
                ],
            }
        ]
    }


def test_several_tasks_share_one_answer(call, task):
    other = call("tasks.create", name="second task", type="training")["id"]
    call("events.add_batch", events=[scalar(task, 1, 1.0), scalar(other, 2, 3.0), scalar(other, 1, 1.0, "acc")])
    assert call("events.multi_task_scalar_metrics_iter_histogram", tasks=[task, other]) == {
        "metrics": {
            "loss": {
                "train": {
                    task: {"name": "first task", "x": [1], "y": [1.0]},
                    other: {"name": "second task", "x": [2], "y": [3.0]},
                }
            },
            "acc": {"train": {other: {"name": "second task", "x": [1], "y": [1.0]}}},
        }
    }


def test_a_thinned_curve_keeps_extremes_nan_and_infinities(call, task):
    values = [math.sin(i / 50) for i in range(5000)]
    values[1234], values[4321], values[7] = 99.0, -math.inf, math.nan
    body = {"metric": "loss", "variant": "train", "iter": array("q", range(5000)), "value": array("d", values),
            "timestamp": array("q", range(5000))}  # fmt: skip
    call("events.add_columns", task=task, run="r", stream="s", offset=0, next=1, scalars=[body])
    curve = call("events.get_curve", task=task, metric="loss", variant="train", samples=50)
    assert (len(curve["x"]), curve["total"], sum(curve["count"])) == (50, 5000, 5000)
    assert (max(curve["max"]), curve["max_iter"][curve["max"].index(99.0)]) == (99.0, 1234)
    assert (min(curve["min"]), curve["min_iter"][curve["min"].index(-math.inf)]) == (-math.inf, 4321)
    assert not any(math.isnan(low) for low in curve["min"])
    assert (curve["first_iter"], curve["last_iter"]) == (0, 4999)
    unknown = call("events.get_curve", task=task, metric="loss", variant="none")
    assert (unknown["x"], unknown["total"]) == ([], 0)


def test_names_of_metrics_are_listed_by_type(call, task):
    other = call("tasks.create", name="second task", type="training")["id"]
    events = [scalar(task, 1, 1.0, "b", "y"), scalar(task, 1, 1.0, "b", "x"), image(task, 1), image(other, 1, "pic"),
              scalar(other, 1, 1.0, "a", "z")]  # fmt: skip
    call("events.add_batch", events=events)
    assert call("events.get_scalar_metrics_and_variants", task=task) == {"metrics": {"b": ["x", "y"]}}
    assert call("events.get_task_metrics", tasks=[task, other]) == {
        "metrics": [{"task": task, "metrics": ["b", "img"]}, {"task": other, "metrics": ["a", "pic"]}]
    }
    assert call("events.get_multi_task_metrics", tasks=[task, other], event_type="training_stats_scalar") == {
        "metrics": [{"metric": "a", "variants": ["z"]}, {"metric": "b", "variants": ["x", "y"]}]
    }


def test_latest_values_and_the_mean_of_the_last_ten(call, task):
    call("events.add_batch", events=[scalar(task, i, float(i)) for i in range(30)])
    assert call("events.get_task_latest_scalar_values", task=task) == {
        "metrics": [{"name": "loss", "variants": [{"name": "train", "last_value": 29.0, "last_10_value": 24.5}]}],
        "last_iter": 29,
        "name": "first task",
        "status": "created",
        "last_timestamp": 1_795_297_690_029,
    }


# ---- raw events


def test_raw_events_carry_all_their_fields(call, task):
    call("events.add_batch", events=[scalar(task, 1, 0.5), image(task, 2)])
    found = call("events.get_task_events", task=task)
    assert found["events"] == [
        {"type": "training_stats_scalar", "task": task, "metric": "loss", "variant": "train", "iter": 1,
         "value": 0.5, "timestamp": 1_795_297_690_001, "worker": "host"},
        {"type": "training_debug_image", "task": task, "metric": "img", "variant": "a", "iter": 2, "timestamp": 5,
         "worker": "", "url": "u2", "key": "k2", "plot_str": "{}"},
    ]  # fmt: skip


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_scrolling_meets_every_event_once_in_order(call, task, order):
    events = [scalar(task, i, float(i), variant=v) for v in ("a", "b", "c") for i in range(0, 2500, 3)]
    events += [scalar(task, i, 1.0, variant="d") for i in range(1, 3000, 700)]
    call("events.add_batch", events=events)
    body = {"task": task, "event_type": "training_stats_scalar", "batch_size": 1000, "order": order}
    pages = scroll(call, "events.get_task_events", **body)
    seen = [(event["iter"], event["variant"]) for page in pages for event in page["events"]]
    assert len(seen) == len(set(seen)) == len(events) == pages[0]["total"]
    assert [step for step, _ in seen] == sorted((step for step, _ in seen), reverse=order == "desc")
    # The last iteration of a page is whole, so a page may be longer than asked, never shorter before the end.
    assert all(page["returned"] >= 1000 for page in pages[:-1])


def test_a_scroll_restores_the_request_and_ends_empty(call, task):
    call("events.add_batch", events=[scalar(task, i, 1.0, variant=v) for i in range(10) for v in "ab"])
    wanted = [{"metric": "loss", "variants": ["a"]}]
    pages = scroll(call, "events.get_task_events", task=task, batch_size=4, metrics=wanted, order="desc")
    assert [len(page["events"]) for page in pages] == [4, 4, 2]
    assert {page["total"] for page in pages} == {10}


def test_images_are_scrolled_too(call, task):
    call("events.add_batch", events=[image(task, i, variant=v) for i in range(450) for v in "ab"])
    pages = scroll(call, "events.get_task_events", task=task, event_type="training_debug_image", batch_size=301)
    assert [event["iter"] for page in pages for event in page["events"]] == [i for i in range(450) for _ in "ab"]


def test_log_events_are_scrolled_by_arrival(call, task):
    call("events.add_batch", events=[{"type": "log", "task": task, "msg": str(i)} for i in range(12)])
    pages = scroll(call, "events.get_task_events", task=task, event_type="log", batch_size=5)
    assert [event["msg"] for page in pages for event in page["events"]] == [str(i) for i in range(12)]


@pytest.mark.parametrize(
    "held",
    [
        None,
        "text",
        [],
        [1],
        [{}, 0, 0],
        [{"task": 5}, 0],
        [{"task": "t", "batch_size": "x"}, 0],
        [{"task": "t", "metrics": [{"variants": 1}]}, 0],
        [{"task": "t"}, "after"],
        [{"task": "t"}, {"t": [1, 2]}],
    ],
)
def test_a_forged_scroll_is_refused(call, task, held):
    scroll_id = base64.urlsafe_b64encode(json.dumps(held).encode()).decode()
    for broken in (scroll_id, scroll_id[:-1], "!", "\ud800", "é"):
        with pytest.raises(InvalidInput) as caught:
            call("events.get_task_events", task=task, scroll_id=broken)
        assert caught.value.subcode == 16
    with pytest.raises(InvalidInput):
        call("events.debug_images", scroll_id=base64.urlsafe_b64encode(b'[{}, {"t": 5}]').decode())


def test_data_of_a_metric_comes_newest_first(call, task):
    call("events.add_batch", events=[scalar(task, i, float(i)) for i in range(1200)])
    pages = scroll(call, "events.get_scalar_metric_data", task=task, metric="loss")
    assert [page["returned"] for page in pages] == [500, 500, 200]
    assert pages[0]["events"][0]["iter"] == 1199
    single = call("events.get_scalar_metric_data", task=task, metric="loss", no_scroll=True)
    assert (single["returned"], single["total"], single["scroll_id"]) == (500, 1200, None)


def test_raw_columns_of_a_metric(call, task):
    call("events.add_batch", events=[scalar(task, i, float(i), variant=v) for i in range(3) for v in "ab"])
    body = {"task": task, "metric": {"metric": "loss"}, "count_total": True}
    found = call("events.scalar_metrics_iter_raw", **body, batch_size=4)
    assert found["variants"] == {v: {"y": [0.0, 1.0], "iter": [0, 1]} for v in "ab"}
    assert (found["returned"], found["total"]) == (4, 6)
    rest = call("events.scalar_metrics_iter_raw", scroll_id=found["scroll_id"])
    assert rest["variants"] == {v: {"y": [2.0], "iter": [2]} for v in "ab"}
    by_time = call("events.scalar_metrics_iter_raw", **body, key="timestamp")
    assert by_time["variants"]["a"]["timestamp"] == [1_795_297_690_000 + i for i in range(3)]


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("get_task_events", {"task": "f" * 32}),
        ("get_task_log", {"task": "f" * 32}),
        ("get_task_plots", {"task": "f" * 32}),
        ("get_console", {"task": "f" * 32}),
        ("get_curve", {"task": "f" * 32, "metric": "m", "variant": "v"}),
        ("get_task_metrics", {"tasks": ["f" * 32]}),
        ("debug_images", {"metrics": [{"task": "f" * 32}]}),
    ],
)
def test_an_unknown_task_is_named(call, endpoint, body):
    with pytest.raises(NotFound) as caught:
        call(f"events.{endpoint}", **body)
    assert caught.value.subcode == 101


@pytest.mark.parametrize(
    ("endpoint", "body", "subcode"),
    [
        ("get_task_events", {}, 11),
        ("scalar_metrics_iter_histogram", {}, 11),
        ("scalar_metrics_iter_histogram", {"task": "t", "samples": 0}, 12),
        ("scalar_metrics_iter_histogram", {"task": "t", "key": "hour"}, 12),
        ("get_task_log", {"task": 5}, 12),
    ],
)
def test_wrong_requests_are_refused_with_the_code_of_the_api(call, endpoint, body, subcode):
    with pytest.raises(InvalidInput) as caught:
        call(f"events.{endpoint}", **body)
    assert caught.value.subcode == subcode


# ---- plots and images


def test_plots_are_the_newest_iterations_of_each_variant(call, task):
    events = [image(task, i, m, v, "plot") for m, v in [("b", "y"), ("a", "z"), ("a", "x")] for i in range(4)]
    call("events.add_batch", events=events)
    found = call("events.get_task_plots", task=task, iters=2)
    assert [(p["metric"], p["variant"], p["iter"]) for p in found["plots"]] == [
        ("a", "x", 3), ("a", "x", 2), ("a", "z", 3), ("a", "z", 2), ("b", "y", 3), ("b", "y", 2),
    ]  # fmt: skip
    assert (found["returned"], found["total"], found["scroll_id"]) == (6, 6, None)
    chosen = call("events.get_task_plots", task=task, metrics=[{"metric": "b"}])
    assert [p["iter"] for p in chosen["plots"]] == [3]


def test_plots_of_several_tasks_are_grouped(call, task):
    call("events.add_batch", events=[image(task, 3, "m", "v", "plot")])
    found = call("events.get_multi_task_plots", tasks=[task])
    assert found["plots"]["m"]["v"][task]["3"]["name"] == "first task"
    assert [p["url"] for p in found["plots"]["m"]["v"][task]["3"]["plots"]] == ["u3"]
    assert (found["returned"], found["total"]) == (1, 1)


@pytest.mark.parametrize(("endpoint", "kind"), [("debug_images", "training_debug_image"), ("plots", "plot")])
def test_images_are_browsed_backwards_until_every_task_is_empty(call, task, endpoint, kind):
    other = call("tasks.create", name="second task", type="training")["id"]
    call("events.add_batch", events=[image(task, i, kind=kind) for i in range(5)] + [image(other, 9, kind=kind)])
    seen, scroll_id = [], None
    for _ in range(10):
        body = {"scroll_id": scroll_id} if scroll_id else {"metrics": [{"task": task}, {"task": other}], "iters": 2}
        page = call(f"events.{endpoint}", **body)
        assert [row["task"] for row in page["metrics"]] == [task, other]
        seen.append([[step["iter"] for step in row["iterations"]] for row in page["metrics"]])
        scroll_id = page["scroll_id"]
        if not any(row["iterations"] for row in page["metrics"]):
            break
    assert seen == [[[4, 3], [9]], [[2, 1], []], [[0], []], [[], []]]


def test_browsing_goes_forward_again_and_starts_anew_on_refresh(call, task):
    call("events.add_batch", events=[image(task, i) for i in range(4)])

    def steps(page):
        return [step["iter"] for step in page["metrics"][0]["iterations"]]

    first = call("events.debug_images", metrics=[{"task": task, "metric": "img"}])
    older = call("events.debug_images", scroll_id=first["scroll_id"])
    assert (steps(first), steps(older)) == ([3], [2])
    newer = call("events.debug_images", scroll_id=older["scroll_id"], navigate_earlier=False)
    assert steps(newer) == [3]
    assert steps(call("events.debug_images", scroll_id=older["scroll_id"], refresh=True)) == [3]
    assert steps(call("events.debug_images", metrics=[{"task": task, "metric": "other"}])) == []


def test_images_of_our_own_store_are_kept_relative_and_shown_absolute(tmp_path, call, task):
    from mlops_cli.server.files.local import LocalFiles

    (tmp_path / "a picture.png").write_bytes(b"png")
    files = LocalFiles(tmp_path / "files")
    stored = files.put(tmp_path / "a picture.png")
    own = files.absolute(stored.uri)
    assert own.startswith("file://")
    urls = [own, "https://elsewhere/b.png"]
    call("events.add_batch", events=[{**image(task, i), "url": url} for i, url in enumerate(urls)])
    found = call("events.get_task_events", task=task, event_type="training_debug_image")["events"]
    assert [event["url"] for event in found] == urls
    browsed = call("events.debug_images", metrics=[{"task": task}], iters=2)["metrics"][0]["iterations"]
    assert [page["events"][0]["url"] for page in browsed] == urls[::-1]
    database = (tmp_path / "store.db").read_bytes() + (tmp_path / "store.db-wal").read_bytes()
    assert own.encode() not in database
    assert stored.uri.encode() in database
