"""No request of the events service may end in a failure of ours: it works, or a refusal says what is wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.errors import MlopsError
from mlops_cli.schemas.events import TYPES
from mlops_cli.server.dispatch import ENDPOINTS, dispatch
from mlops_cli.server.store.store import open_store

OURS = sorted(name for name in ENDPOINTS if name.startswith("events."))

plain = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        5,
        2**63,
        2**63 - 1,
        -(2**63),
        -(2**31),
        10**400,
        1.5,
        math.nan,
        math.inf,
        "",
        "x",
        "\ud800",
        "\x00",
    ]
)
names = st.sampled_from(["task", "metric", "variant", "variants", "iter", "value", "timestamp", "raw", "level", "url"])
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
fields = st.sampled_from(
    [
        "tasks",
        "events",
        "metric",
        "variant",
        "metrics",
        "samples",
        "key",
        "order",
        "batch_size",
        "scroll_id",
        "count_total",
        "run",
        "stream",
        "offset",
        "next",
        "worker",
        "scalars",
        "console",
        "iters",
        "navigate_earlier",
        "refresh",
        "from_timestamp",
        "after",
        "limit_bytes",
        "tail_lines",
        "threshold_sec",
        "line_type",
        "line_format",
        "event_type",
        "no_scroll",
        "type",
        "iter",
        "value",
        "timestamp",
        "msg",
        "level",
        "model_events",
    ]
)
parts = st.sampled_from(
    [
        "iter",
        "metric",
        "variant",
        "value",
        "timestamp",
        "msg",
        "level",
        "worker",
        "url",
        "key",
        "plot_str",
        "extra",
        "values",
    ]
)
events = st.fixed_dictionaries({"type": st.sampled_from(sorted(TYPES))}).flatmap(
    lambda event: st.dictionaries(parts, values, max_size=4).map(
        lambda more: {"iter": 1, "metric": "loss", "variant": "v", "value": 1.0, **event, **more}
    )
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    store = open_store(folder / "store.db", folder / "files")
    yield store, dispatch(store, "tasks.create", {"name": "fuzzed", "type": "training"})["id"]
    store.close()


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=400)
@given(endpoint=st.sampled_from(OURS), body=st.dictionaries(fields, values, max_size=4))
def test_any_fields_are_answered_or_refused(place, endpoint, body):
    store, task = place
    usual = {
        "task": task,
        "tasks": [task],
        "metric": "loss",
        "variant": "v",
        "run": "r",
        "stream": "s",
        "offset": 0,
        "next": 1,
    }
    try:
        assert isinstance(dispatch(store, endpoint, {**usual, **body}), dict)
    except MlopsError as exc:
        assert exc.message


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=300)
@given(batch=st.lists(events, min_size=1, max_size=4))
def test_any_events_are_stored_or_counted_and_can_be_read(place, batch):
    store, task = place
    try:
        answer = dispatch(store, "events.add_batch", {"events": [{**event, "task": task} for event in batch]})
    except MlopsError as exc:
        answer = exc.data
    assert answer["added"] + answer["errors"] == len(batch)
    for endpoint in ("get_task_events", "get_task_log", "get_task_plots", "scalar_metrics_iter_histogram"):
        dispatch(store, f"events.{endpoint}", {"task": task})
    dispatch(store, "events.debug_images", {"metrics": [{"task": task}]})
    dispatch(store, "tasks.get_by_id", {"task": task})


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=200)
@given(
    offset=st.integers(0, 1 << 40),
    series=st.lists(st.dictionaries(names, values, max_size=5), max_size=2),
    columns=st.lists(values, min_size=2, max_size=4),
    console=st.lists(st.dictionaries(names, values, max_size=3), max_size=2),
)
def test_any_columns_are_stored_or_counted_or_refused(place, offset, series, columns, console):
    store, task = place
    whole = {"metric": "m", "variant": "v", "iter": columns, "value": columns, "timestamp": columns}
    body = {"task": task, "run": str(offset), "stream": "s", "offset": 0, "next": 1, "console": console}
    try:
        answer = dispatch(store, "events.add_columns", {**body, "scalars": [whole, *series]})
        assert answer["next"] == 1
    except MlopsError as exc:
        assert exc.message
