"""Large stores for the server benchmarks, by plain SQL into the files of two servers that go on."""

from __future__ import annotations

import json
import sqlite3
from array import array
from hashlib import md5
from pathlib import Path

import msgspec
from servers import MSGPACK, Client, Ours

SIZES = (10_000, 100_000)
"""Of the projects and experiments: 8 metrics and 8 parameters each."""

BEGAN_MS = 1_767_225_600_000


def metric(name: str) -> str:
    """The path of a metric's newest value."""
    return f"last_metrics.{_hash(name)}.{_hash('v')}.value"


def fill_ours(ours: Ours, points: int) -> tuple[str, str, str]:
    """The ids of both projects, and of a task with so many points of the series `big`."""
    client = ours.client()
    projects = []
    for size in SIZES:
        body = {"name": f"of {size}", "description": ""}
        projects.append(client.call("/projects.create", body)["data"]["id"])
        _fill_project(ours.home / "store.db", projects[-1], size)
    task = client.call("/tasks.create", {"name": "big", "type": "training"})["data"]["id"]
    _send_points(client, task, points)
    client.close()
    return projects[0], projects[1], task


def _fill_project(path: Path, project: str, size: int) -> None:
    store = sqlite3.connect(path, timeout=60)
    first = store.execute("SELECT coalesce(max(seq), 0) + 1 FROM tasks").fetchone()[0]
    ids = [f"{project[:8]}{number:024x}" for number in range(size)]
    with store:
        store.executemany(
            "INSERT INTO tasks (seq, id, name, project, type, status, status_changed, created, started, completed,"
            " last_update, last_change, hyperparams) VALUES (?1, ?2, ?3, ?4, 'training', 'completed', ?5, ?5, ?5, ?5,"
            " ?5, ?5, ?6)",
            (
                (first + number, task, f"run-{number}", project, _moment(number), _parameters(number))
                for number, task in enumerate(ids)
            ),
        )
        store.executemany(
            "INSERT INTO series (task, metric_hash, variant_hash, metric, variant, value, last_iter, min_value,"
            " min_iter, max_value, max_iter, count) VALUES (?1, ?2, ?3, ?4, 'v', ?5, 100, ?5, 100, ?5, 100, 1)",
            (
                (task, _hash(f"m{k}"), _hash("v"), f"m{k}", number / (k + 1))
                for number, task in enumerate(ids)
                for k in range(8)
            ),
        )
    store.close()


def _parameters(number: int) -> str:
    return json.dumps(
        {"Args": {f"p{k}": {"section": "Args", "name": f"p{k}", "value": str((number * 7 + k) % 10)} for k in range(8)}}
    )


def _moment(number: int) -> str:
    seconds = number % 60
    return (
        f"2026-01-{1 + number // 86_400:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{seconds:02}.000000+00:00"
    )


def _send_points(client: Client, task: str, count: int) -> None:
    size = 10_000
    for first in range(0, count, size):
        steps = array("q", range(first, first + size))
        body = {
            "task": task, "run": task, "stream": "s", "offset": first, "next": first + size,
            "scalars": [
                {
                    "metric": "big", "variant": "v", "iter": steps.tobytes(),
                    "value": array("d", (step * 0.5 for step in steps)).tobytes(),
                    "timestamp": array("q", (BEGAN_MS + step for step in steps)).tobytes(),
                }
            ],
        }  # fmt: skip
        client.send(client.request("/events.add_columns", msgspec.msgpack.encode(body), kind=MSGPACK))


def _hash(name: str) -> str:
    return md5(name.encode()).hexdigest()


def fill_mlflow(path: Path, points: int) -> str:
    """Experiments 1 and 2, and the id of a run with so many points of the metric `big`."""
    store = sqlite3.connect(path, timeout=60)
    with store:
        for experiment, size in enumerate(SIZES, start=1):
            _fill_experiment(store, experiment, size)
        run = f"{1:04x}{0:028x}"
        store.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('big', ?, ?, ?, ?, 0)",
            ((step * 0.5, BEGAN_MS + step, run, step) for step in range(points)),
        )
        store.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('big', ?, ?, ?, 0, ?)",
            (points * 0.5, BEGAN_MS + points, points, run),
        )
    store.close()
    return run


def _fill_experiment(store: sqlite3.Connection, experiment: int, size: int) -> None:
    where = f"mlflow-artifacts:/{experiment}"
    store.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
        " last_update_time) VALUES (?, ?, ?, 'active', ?, ?)",
        (experiment, f"of {size}", where, BEGAN_MS, BEGAN_MS),
    )
    ids = [f"{experiment:04x}{number:028x}" for number in range(size)]
    store.executemany(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
        " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'LOCAL', 'train.py', '', 'u', 'FINISHED', ?, ?, '', 'active', ?, ?)",
        (
            (run, f"run-{number}", BEGAN_MS + number, BEGAN_MS + number + 5, f"{where}/{run}/artifacts", experiment)
            for number, run in enumerate(ids)
        ),
    )
    store.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        ((f"p{k}", str((number * 7 + k) % 10), run) for number, run in enumerate(ids) for k in range(8)),
    )
    store.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 100, 0, ?)",
        ((f"m{k}", number / (k + 1), BEGAN_MS, run) for number, run in enumerate(ids) for k in range(8)),
    )
    store.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)",
        ((f"run-{number}", run) for number, run in enumerate(ids)),
    )
