"""No input may be answered with a failure of ours: a refusal names what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.errors import MlopsError
from mlops_cli.server.dispatch import ENDPOINTS, dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.testing.store import make_project, make_running_task, make_task

OURS = sorted(name for name in ENDPOINTS if not name.startswith("events."))

texts = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "-",
        ".",
        "__$all",
        "__$not",
        "-archived",
        "a.b",
        "%2E",
        '"',
        "\\",
        "$",
        "\x00",
        "\ud800",
        "(a+)+",
        "[",
        "^a$",
        "2026-01-01",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
keys = (
    st.sampled_from(
        [
            "id",
            "task",
            "tasks",
            "model",
            "models",
            "project",
            "projects",
            "ids",
            "name",
            "uri",
            "type",
            "status",
            "tags",
            "add_tags",
            "remove_tags",
            "system_tags",
            "parent",
            "comment",
            "user",
            "order_by",
            "only_fields",
            "projection",
            "page",
            "page_size",
            "size",
            "start",
            "scroll_id",
            "refresh_scroll",
            "_any_",
            "_all_",
            "filters",
            "search_text",
            "created",
            "started",
            "last_update",
            "last_iteration",
            "last_metrics.a.b.value",
            "hyperparams.A.b.value",
            "hyperparams",
            'hyperparams."x"',
            "runtime.k",
            "runtime",
            "configuration",
            "configuration.c.value",
            "models.input.model",
            "execution",
            "execution.queue",
            "execution.artifacts.key",
            "include_subprojects",
            "search_hidden",
            "ready",
            "metadata",
            "metadata.k.value",
            "labels",
            "framework",
            "script",
            "container",
            "output",
            "output_dest",
            "force",
            "artifacts",
            "requirements",
            "new_task_name",
            "new_task_project",
            "new_project_name",
            "execution_overrides",
            "replace_hyperparams",
            "names",
            "keys",
            "add_or_update",
            "remove",
            "publish",
            "include_stats",
            "check_own_contents",
            "shallow_search",
            "new_location",
            "delete_contents",
            "iteration",
            "design",
            "queue",
            "queue_name",
            "count",
            "max_task_entries",
            "new_status",
            "remove_from_all_queues",
            "update_task_status",
            "destination_project",
            "worker",
            "worker_pattern",
            "worker_ids",
            "timestamp",
            "timeout",
            "last_seen",
            "queues",
            "machine_stats",
            "items",
            "from_date",
            "to_date",
            "interval",
            "entries.task.name",
        ]
    )
    | texts
)
bodies = st.dictionaries(keys, values, max_size=6)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("fuzz")
    store = open_store(folder / "store.db", folder / "files")
    yield store
    store.close()


SPAN = {"from_date": 0, "to_date": 2e9, "interval": 60, "items": [{"key": "cpu_usage"}]}


def queue_of(store, task: str) -> str:
    """A queue in which the task waits, and to which a worker listens."""
    queue = dispatch(store, "queues.get_default")["id"]
    dispatch(store, "queues.add_task", {"queue": queue, "task": task})
    stats = {"cpu_usage": [1.0]}
    report = {"worker": "host:0", "timestamp": 1, "queues": [queue], "task": task, "machine_stats": stats}
    dispatch(store, "workers.status_report", report)
    return queue


@pytest.mark.parametrize("endpoint", OURS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=bodies, aims=st.booleans())
def test_odd_requests_are_answered_or_refused(store, endpoint, body, aims):
    with store.db.write() as connection:
        if aims:
            project = (
                make_project(store, f"fuzz/{endpoint}")
                if not store.db.connection.execute(
                    "SELECT 1 FROM projects WHERE name = ?", (f"fuzz/{endpoint}",)
                ).fetchone()
                else None
            )
            task = make_running_task(store, "a task", hyperparams={"A": {"b": {"value": "1"}}}, tags=["a"])
            body = {"task": task, "tasks": [task], "ids": [task], "project": project, "type": "training", **body}
            queue = queue_of(store, task)
            body = {"queue": queue, "queues": [queue], "worker": "host:0", "timestamp": 1, **SPAN, **body}
            if endpoint == "tasks.create" and "name" not in body:
                body["name"] = make_task(store)
        connection.execute("SAVEPOINT before")
        try:
            answer = dispatch(store, endpoint, body)
        except MlopsError as exc:
            assert exc.http_status < 500, exc
            assert exc.message
            connection.execute("ROLLBACK TO before")
        else:
            assert isinstance(answer, dict)
    # What was let in must not spoil the reading of everything else.
    listed = dispatch(store, "tasks.get_all", {"order_by": ["-created"], "page_size": 3})
    assert isinstance(listed["tasks"], list)
