"""Workers: registered, alive as long as they report, listed with what they do. What they measure: `worker_reports`.

Nothing runs in the background: a worker that was silent for its time-out is not there for whoever reads, by the `now`
(seconds since 1970) that the reader brings along.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...schemas.status import IN_PROGRESS
from ..db.sqlite import Connection, Row
from ..query import dates
from ..query.collections import QUEUES, TASKS, WORKERS
from ..query.fields import Scope
from ..query.where import conditions
from . import queue_entries, worker_reports
from .documents import Document, change, stored, unknown
from .store import Caller, Store

TIMEOUT_S = 600
_ALIVE = "t.seen + t.timeout_s > :now"


def register(store: Store, request: Document, caller: Caller, now: float) -> None:
    """Adds a worker, or replaces what was known of it. Raises NotFound (subcode 701) for an unknown queue."""
    with store.db.write() as connection:
        _check_queues(connection, request.get("queues", []))
        connection.execute("DELETE FROM workers WHERE seen + timeout_s <= ?", (now,))
        connection.execute("DELETE FROM workers WHERE key = ?", (_key(caller, request["worker"]),))
        _add(connection, request, caller, now)


def unregister(store: Store, worker: str, caller: Caller) -> None:
    """To forget a worker that nobody knows is no error: it may have been forgotten before."""
    with store.db.write() as connection:
        connection.execute("DELETE FROM workers WHERE key = ?", (_key(caller, worker),))


def report(store: Store, request: Document, caller: Caller, now: float) -> None:
    """A sign of life: what the worker does, and what it measures. An unknown worker is registered by it.

    Raises NotFound (subcode 101) for an unknown task.
    """
    with store.db.write() as connection:
        key = _key(caller, request["worker"])
        row = connection.execute(f"SELECT seq FROM workers t WHERE key = :key AND {_ALIVE}", {"key": key, "now": now})  # noqa: S608
        if row.fetchone() is None:
            connection.execute("DELETE FROM workers WHERE key = ?", (key,))
            _add(connection, {"worker": request["worker"]}, caller, now)
        fields: Document = {"seen": now, "reported": now, "ip": caller.origin}
        fields.update({name: request.get(name) for name in ("task", "queue")})
        if request.get("queues"):  # an empty list comes from agents that know no better, and changes nothing
            fields["queues"] = json.dumps(request["queues"])
        if "tags" in request:
            fields["tags"] = json.dumps(request["tags"])
        assignments = ", ".join(f"{name} = :{name}" for name in fields)
        connection.execute(f"UPDATE workers SET {assignments} WHERE key = :key", {**fields, "key": key})  # noqa: S608
        if request.get("task"):
            _note_on_task(connection, request["task"], request["worker"])
        worker_reports.add(connection, request, now)


def find(store: Store, request: Document, now: float) -> list[Document]:
    """The living workers, with names of what they work on and listen to."""
    scope = Scope(WORKERS)
    wanted: Document = {name: request[name] for name in ("tags", "system_tags") if name in request}
    where = [_ALIVE, *conditions(scope, {**wanted, "search_hidden": True})]
    last_seen = request.get("last_seen", 3600)
    if last_seen:
        where.append(f"t.seen > {scope.bind(now - last_seen)}")
    with store.db.read() as connection:
        rows = connection.execute(
            f"SELECT t.*, u.name AS user_name FROM workers t LEFT JOIN users u ON u.id = t.user"  # noqa: S608
            f" WHERE {' AND '.join(where)} ORDER BY t.id, t.key",
            {**scope.values, "now": now},
        ).fetchall()
        pattern = request.get("worker_pattern")
        rows = [row for row in rows if not pattern or fnmatch.fnmatchcase(row["id"], pattern)]
        return _described(connection, rows, store.owner.company_name)


def count(store: Store, request: Document, now: float) -> int:
    row = store.db.connection.execute(
        f"SELECT count(*) FROM workers t WHERE {_ALIVE} AND t.seen > :since",  # noqa: S608
        {"now": now, "since": now - request["last_seen"] if request.get("last_seen") else 0},
    ).fetchone()
    return int(row[0])


def by_queue(store: Store, queues: Iterable[str], now: float) -> dict[str, list[Document]]:
    """The living workers that listen to each of these queues."""
    found: dict[str, list[Document]] = {queue: [] for queue in queues}
    rows = store.db.connection.execute(
        "SELECT t.id, t.ip, t.key, t.queues, t.task, k.name AS task_name FROM workers t"  # noqa: S608
        f" LEFT JOIN tasks k ON k.id = t.task WHERE {_ALIVE} ORDER BY t.id, t.key",
        {"now": now},
    )
    for row in rows:
        task = {"id": row["task"], "name": row["task_name"]} if row["task_name"] is not None else None
        for queue in json.loads(row["queues"]):
            if queue in found:
                found[queue].append({"name": row["id"], "ip": row["ip"], "key": row["key"], "task": task})
    return found


def is_watched(connection: Connection, queue: str, now: float) -> bool:
    """Whether a living worker listens to the queue."""
    row = connection.execute(
        f"SELECT 1 FROM workers t, json_each(t.queues) j WHERE j.value = :queue AND {_ALIVE} LIMIT 1",  # noqa: S608
        {"queue": queue, "now": now},
    ).fetchone()
    return row is not None


def _key(caller: Caller, worker: str) -> str:
    return f"worker_{caller.company}_{caller.user}_{worker}"


def _check_queues(connection: Connection, wanted: list[str]) -> None:
    for queue in wanted:
        if connection.execute("SELECT 1 FROM queues WHERE id = ?", (queue,)).fetchone() is None:
            raise unknown(QUEUES, queue)


def _add(connection: Connection, request: Document, caller: Caller, now: float) -> None:
    values = {
        "key": _key(caller, request["worker"]),
        "id": request["worker"],
        "user": caller.user,
        "company": caller.company,
        "ip": caller.origin,
        "registered": dates.stamp(int(now * 1e6)),
        "timeout_s": request.get("timeout") or TIMEOUT_S,
        "seen": now,
        **{name: json.dumps(request.get(name, [])) for name in ("queues", "tags", "system_tags")},
    }
    connection.execute(
        f"INSERT INTO workers ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",  # noqa: S608
        values,
    )


def _note_on_task(connection: Connection, task_id: str, worker: str) -> None:
    """The task is worked on: this is what an abort waits for, and what tells it from an orphan."""
    old = stored(connection, TASKS, task_id, "status", "started")
    now = dates.now()
    fields: Document = {"last_worker": worker, "last_worker_report": now, "last_update": now}
    if old["status"] == IN_PROGRESS and old["started"]:
        fields["active_duration"] = dates.seconds_between(old["started"], now)
    change(connection, TASKS, old["seq"], fields)


def _described(connection: Connection, rows: list[Row], company_name: str) -> list[Document]:
    named = {queue for row in rows for queue in (*json.loads(row["queues"]), row["queue"])}
    queues = queue_entries.summaries(connection, named - {None})
    tasks = _tasks(connection, {row["task"] for row in rows if row["task"]})
    return [_shown(row, queues, tasks, company_name) for row in rows]


def _shown(row: Row, queues: Mapping[str, Document], tasks: Mapping[str, Row], company_name: str) -> Document:
    shown: Document = {
        "key": row["key"],
        "id": row["id"],
        "user": {"id": row["user"], "name": row["user_name"]},
        "company": {"id": row["company"], "name": company_name},
        "ip": row["ip"],
        "queues": [queues[queue] for queue in json.loads(row["queues"]) if queue in queues],
        "register_time": row["registered"],
        "register_timeout": row["timeout_s"],
        "last_activity_time": dates.stamp(int(row["seen"] * 1e6)),
        "last_report_time": dates.stamp(int((row["reported"] or row["seen"]) * 1e6)),
        "tags": json.loads(row["tags"]),
        "system_tags": json.loads(row["system_tags"]),
    }
    if row["queue"] in queues:
        shown["queue"] = queues[row["queue"]]
    task = tasks.get(row["task"])
    if task is not None:
        shown["task"] = {
            "id": task["id"],
            "name": task["name"],
            "running_time": dates.seconds_between(task["started"], task["last_update"]) * 1000,
            "last_iteration": task["last_iteration"],
        }
        if task["project"]:
            shown["project"] = {"id": task["project"], "name": task["project_name"]}
    return shown


def _tasks(connection: Connection, ids: set[Any]) -> dict[str, Row]:
    rows = connection.execute(
        "SELECT t.id, t.name, t.started, t.last_update, t.last_iteration, t.project, p.name AS project_name"
        " FROM tasks t LEFT JOIN projects p ON p.id = t.project WHERE t.id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(ids)),),
    )
    return {row["id"]: row for row in rows}
