"""Any sequence of queue calls leaves the store as a plain list in memory says it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.errors import MlopsError
from mlops_cli.schemas.status import ENDED, is_legal
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store
from mlops_cli.testing.store import make_task, temporary_store

STATUS_CALLS = {"started": "in_progress", "stopped": "stopped", "failed": "failed", "completed": "completed"}
# What fills a queue comes more often than what empties it, else most sequences would meet empty queues.
MOVES = [
    *STATUS_CALLS,
    *["enqueue"] * 8,
    *["add", "dequeue", "next", "release"] * 2,
    *["remove", "front", "back", "forward", "backward", "clear", "reset"],
]
step = st.tuples(
    st.sampled_from(MOVES),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(0, 4),
)


class Plain:
    """What the rules say, without a database. `refused` is an operation that must be an error and change nothing."""

    def __init__(self, tasks: list[str], queues: list[str]) -> None:
        self.status = dict.fromkeys(tasks, "created")
        self.earlier: dict[str, str] = {}
        self.home: dict[str, str] = {}
        self.queues: dict[str, list[str]] = {queue: [] for queue in queues}

    def legal(self, name: str, task: str, queue: str) -> bool:
        waits = task in self.queues[queue]
        if name in STATUS_CALLS:
            return is_legal(self.status[task], STATUS_CALLS[name])
        if name == "reset":
            return is_legal(self.status[task], "created")
        if name == "enqueue":
            return not waits and is_legal(self.status[task], "queued")
        if name == "add":
            return not waits
        return waits or name in ("dequeue", "next", "clear")

    def act(self, name: str, task: str, queue: str, count: int) -> None:
        line = self.queues[queue]
        if name in STATUS_CALLS:
            self.status[task] = STATUS_CALLS[name]
            if self.status[task] in ENDED:
                self._out(task)
        elif name == "reset":
            self.status[task] = "created"
            self.earlier.pop(task, None)
            self.home.pop(task, None)
            self._out(task)
        elif name == "enqueue":
            if self.status[task] != "queued":
                self.earlier[task] = self.status[task]
            self.status[task] = "queued"
            self.home[task] = queue
            self._out(task)
            line.append(task)
        elif name == "dequeue":
            home = self.home.get(task)
            if home is None:
                self._out(task)
            elif task in self.queues[home]:
                self.queues[home].remove(task)
            if self.status[task] in ("queued", "in_progress"):
                self._back(task)
        elif name == "next":
            if line and self.status[line[0]] == "stopped":
                self.status[line[0]] = "queued"
            del line[:1]
        elif name == "add":
            line.append(task)
        elif name in ("remove", "release"):
            line.remove(task)
            if name == "release" and self.status[task] == "queued":
                self._back(task)
        elif name == "clear":
            for waiting in line:
                if self.status[waiting] == "queued":
                    self._back(waiting)
            line.clear()
        else:
            position = line.index(task)
            line.remove(task)
            wanted = {"front": 0, "back": len(line), "forward": position - count, "backward": position + count}[name]
            line.insert(min(max(wanted, 0), len(line)), task)

    def _back(self, task: str) -> None:
        self.status[task] = self.earlier.pop(task, "created")

    def _out(self, task: str) -> None:
        for line in self.queues.values():
            if task in line:
                line.remove(task)


def request(name: str, task: str, queue: str, count: int) -> tuple[str, dict[str, Any]]:
    both = {"queue": queue, "task": task}
    return {
        **{action: (f"tasks.{action}", {"task": task}) for action in (*STATUS_CALLS, "reset", "dequeue")},
        "enqueue": ("tasks.enqueue", both),
        "next": ("queues.get_next_task", {"queue": queue}),
        "add": ("queues.add_task", both),
        "remove": ("queues.remove_task", both),
        "release": ("queues.remove_task", {**both, "update_task_status": True}),
        "front": ("queues.move_task_to_front", both),
        "back": ("queues.move_task_to_back", both),
        "forward": ("queues.move_task_forward", {**both, "count": count}),
        "backward": ("queues.move_task_backward", {**both, "count": count}),
        "clear": ("queues.clear_queue", {"queue": queue}),
    }[name]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("plain")
    with temporary_store(folder) as opened:
        yield opened


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, min_size=12, max_size=40))
def test_queues_are_what_a_plain_list_says(store: Store, steps: list[tuple[str, int, int, int]]) -> None:
    tasks = [make_task(store, f"task {n}") for n in range(3)]
    names = [f"queue {tasks[0][:8]} {n}" for n in range(2)]
    queues = [dispatch(store, "queues.create", {"name": name})["id"] for name in names]
    plain = Plain(tasks, queues)
    for name, task, queue, count in steps:
        endpoint, body = request(name, tasks[task], queues[queue], count)
        if plain.legal(name, tasks[task], queues[queue]):
            dispatch(store, endpoint, body)
            plain.act(name, tasks[task], queues[queue], count)
        else:
            with pytest.raises(MlopsError):
                dispatch(store, endpoint, body)
    found = dispatch(store, "queues.get_all", {"id": queues})["queues"]
    assert {item["id"]: [entry["task"] for entry in item["entries"]] for item in found} == plain.queues
    listed = dispatch(store, "tasks.get_all", {"id": tasks, "only_fields": ["status"]})["tasks"]
    assert {item["id"]: item["status"] for item in listed} == plain.status
