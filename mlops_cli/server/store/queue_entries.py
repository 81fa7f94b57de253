"""What waits in queues, in which order, and who took it. The status of the tasks is the business of `queueing`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ...errors import Conflict, NotFound
from ..db.sqlite import Connection
from ..query import dates
from .documents import Document


def append(connection: Connection, queue: str, task: str) -> None:
    """Puts a task at the end. Raises Conflict (subcode 706) when it waits there already."""
    if contains(connection, queue, task):
        raise Conflict(
            f"Task is already queued: task={task}, queue={queue}", subcode=706, data={"task": task, "queue": queue}
        )
    connection.execute(
        "INSERT INTO queue_entries (queue, task, place, added) SELECT :queue, :task, coalesce(max(place), 0) + 1, :now"
        " FROM queue_entries WHERE queue = :queue",
        {"queue": queue, "task": task, "now": dates.now()},
    )


def take(connection: Connection, queue: str, *, only: str | None = None) -> Document | None:
    """Removes the first entry and returns it; None when there is none, or when it is another task than `only`.

    One statement that both finds and removes: of several takers each entry has exactly one.
    """
    rows = connection.execute(
        "DELETE FROM queue_entries WHERE queue = :queue AND (:only IS NULL OR task = :only) AND task ="
        " (SELECT task FROM queue_entries WHERE queue = :queue ORDER BY place, task LIMIT 1) RETURNING task, added",
        {"queue": queue, "only": only},
    ).fetchall()
    return {"task": rows[0]["task"], "added": rows[0]["added"]} if rows else None


def note_claim(connection: Connection, queue: str, entry: Document, *, worker: str, user: str) -> int:
    """Remembers who took a task; returns the number of this attempt, which no later one has again."""
    row = connection.execute(
        "INSERT INTO claims (task, attempt, queue, worker, user, added, claimed)"
        " SELECT :task, coalesce(max(attempt), 0) + 1, :queue, :worker, :user, :added, :now"
        " FROM claims WHERE task = :task RETURNING attempt",
        {**entry, "queue": queue, "worker": worker, "user": user, "now": dates.now()},
    ).fetchall()
    return int(row[0]["attempt"])


def remove(connection: Connection, queue: str, task: str) -> None:
    """Raises NotFound (subcode 703) when the task does not wait there."""
    found = connection.execute("DELETE FROM queue_entries WHERE queue = ? AND task = ?", (queue, task))
    if not found.rowcount:
        raise _absent(queue, task)


def remove_everywhere(connection: Connection, task: str, *, but: str = "") -> int:
    """Takes a task out of every queue, but one; returns out of how many."""
    return connection.execute("DELETE FROM queue_entries WHERE task = ? AND queue <> ?", (task, but)).rowcount


def forget(connection: Connection, task: str) -> None:
    """The task is deleted: it waits nowhere, and its attempts are history that nobody can ask for."""
    remove_everywhere(connection, task)
    connection.execute("DELETE FROM claims WHERE task = ?", (task,))


def contains(connection: Connection, queue: str, task: str) -> bool:
    row = connection.execute("SELECT 1 FROM queue_entries WHERE queue = ? AND task = ?", (queue, task)).fetchone()
    return row is not None


def waiting(connection: Connection, queue: str) -> list[str]:
    """The tasks of a queue, the next one first."""
    rows = connection.execute("SELECT task FROM queue_entries WHERE queue = ? ORDER BY place, task", (queue,))
    return [row["task"] for row in rows]


def entries_of(connection: Connection, queues: Iterable[str], limit: int | None = None) -> dict[str, list[Document]]:
    """The entries of each of these queues in order, at most `limit` of each."""
    found: dict[str, list[Document]] = {queue: [] for queue in queues}
    rows = connection.execute(
        "SELECT queue, task, added FROM queue_entries WHERE queue IN (SELECT value FROM json_each(?))"
        " ORDER BY queue, place, task",
        (json.dumps(list(found)),),
    )
    for row in rows:
        entries = found[row["queue"]]
        if limit is None or len(entries) < limit:
            entries.append({"task": row["task"], "added": row["added"]})
    return found


def summaries(connection: Connection, queues: Iterable[str]) -> dict[str, Document]:
    """Of each of these queues that exists: its name, how many wait, and who is next."""
    rows = connection.execute(
        "SELECT q.id, q.name, (SELECT count(*) FROM queue_entries e WHERE e.queue = q.id) AS num_tasks, t.id AS task,"
        " t.name AS task_name FROM queues q LEFT JOIN tasks t ON t.id ="
        " (SELECT e.task FROM queue_entries e WHERE e.queue = q.id ORDER BY e.place, e.task LIMIT 1)"
        " WHERE q.id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(queues)),),
    )
    found: dict[str, Document] = {}
    for row in rows:
        found[row["id"]] = {"id": row["id"], "name": row["name"], "num_tasks": row["num_tasks"]}
        if row["task"]:
            found[row["id"]]["next_task"] = {"id": row["task"], "name": row["task_name"]}
    return found


def move(connection: Connection, queue: str, task: str, *, by: int) -> int:
    """Moves an entry `by` places towards the end (negative: towards the front), as far as the queue goes.

    Returns its position from 0. The places of those in between are shared out anew among them: no other entry moves.
    """
    rows = connection.execute(
        "SELECT task, place FROM queue_entries WHERE queue = ? ORDER BY place, task", (queue,)
    ).fetchall()
    old = next((position for position, row in enumerate(rows) if row["task"] == task), None)
    if old is None:
        raise _absent(queue, task)
    new = min(max(old + by, 0), len(rows) - 1)
    first, last = min(old, new), max(old, new)
    tasks = [row["task"] for row in rows[first : last + 1]]
    tasks.insert(new - first, tasks.pop(old - first))
    connection.executemany(
        "UPDATE queue_entries SET place = ? WHERE queue = ? AND task = ?",
        [(row["place"], queue, name) for row, name in zip(rows[first : last + 1], tasks, strict=True)],
    )
    return new


def _absent(queue: str, task: str) -> NotFound:
    return NotFound(
        f"Task is not in the queue: task={task}, queue={queue}", subcode=703, data={"task": task, "queue": queue}
    )
