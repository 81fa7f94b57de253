"""Tasks on their way through queues: put in, taken by a worker, taken back; and the status that each step gives."""

from __future__ import annotations

from ...errors import Conflict
from ...schemas.status import CREATED, IN_PROGRESS, QUEUED, STOPPED
from ..db.sqlite import Connection
from ..query.collections import QUEUES, TASKS
from . import queue_entries, queues, task_fields, workers
from .documents import Document, change, stored
from .store import Caller, Store
from .task_status import moved, record, set_status

ALL = 2**53
"""More places than any queue has: to the very front or end."""

_READ = ("status", "system_tags", "started", "project", "enqueue_status", "execution", "user", "company")


def enqueue(store: Store, request: Document, caller: Caller, now: float) -> Document:
    """Sets the task to queued at the end of one queue, and of no other; answers as `tasks.enqueue`.

    Raises Conflict: it waits there already (706), or its status forbids it (110).
    """
    task_id = request["task"]
    with store.db.write() as connection:
        queue = queues.wanted(connection, request, caller)
        old = stored(connection, TASKS, task_id, *_READ)
        queue_entries.append(connection, queue, task_id)
        fields = set_status(connection, request, old, QUEUED, caller)
        # A task that is taken back returns to what it was before it waited the first time.
        earlier = old["enqueue_status"] if old["status"] == QUEUED else old["status"]
        more: Document = {"enqueue_status": earlier}
        if request.get("update_execution_queue", True):
            more["execution"] = {**old["execution"], "queue": queue}
            fields["execution.queue"] = queue
        change(connection, TASKS, old["seq"], more)
        queue_entries.remove_everywhere(connection, task_id, but=queue)
        queues.touch(connection, queue)
        answer: Document = {"queued": 1, "updated": 1, "fields": fields}
        if request.get("verify_watched_queue"):
            answer["queue_watched"] = workers.is_watched(connection, queue, now)
        return answer


def dequeue(store: Store, request: Document, caller: Caller) -> Document:
    """Takes the task out of its queue. A task that waited or runs gets `new_status`, or what it was before.

    To call it for a task that waits nowhere is no error: agents do so when they begin what they took.
    """
    task_id = request["task"]
    new = task_fields.checked_status(request["new_status"]) if "new_status" in request else None
    with store.db.write() as connection:
        old = stored(connection, TASKS, task_id, *_READ)
        queue = old["execution"].get("queue")
        if request.get("remove_from_all_queues") or not queue:
            queue_entries.remove_everywhere(connection, task_id)
        elif queue_entries.contains(connection, queue, task_id):
            queue_entries.remove(connection, queue, task_id)
        if old["status"] not in (QUEUED, IN_PROGRESS):
            return {"dequeued": 1, "updated": 0, "fields": {}}
        fields = _give_back(connection, request, old, new, caller)
        return {"dequeued": 1, "updated": 1, "fields": fields}


def next_task(store: Store, request: Document, caller: Caller) -> Document | None:
    """Takes the first task of a queue, for whoever asks first; None when nothing waits.

    The task's status is left to the worker, except that a stopped one waits again.
    """
    queue, only = request["queue"], request.get("task")
    # Idle workers ask all the time: they must neither wait for writers nor make them wait.
    with store.db.read() as connection:
        queues.checked(connection, queue)
        if connection.execute("SELECT 1 FROM queue_entries WHERE queue = ? LIMIT 1", (queue,)).fetchone() is None:
            return None
    with store.db.write() as connection:
        entry = queue_entries.take(connection, queue, only=only)
        if entry is None:
            return None
        old = stored(connection, TASKS, entry["task"], *_READ)
        if old["status"] == STOPPED:
            set_status(connection, {"task": entry["task"]}, old, QUEUED, caller)
        attempt = queue_entries.note_claim(connection, queue, entry, worker=caller.worker, user=caller.user)
        queues.touch(connection, queue)
        answer: Document = {"entry": {**entry, "attempt": attempt}}
        if request.get("get_task_info"):
            answer["task_info"] = {"company": old["company"], "user": old["user"]}
        return answer


def add(store: Store, request: Document) -> None:
    """Puts a task into a queue without a change of its status."""
    with store.db.write() as connection:
        queue = queues.checked(connection, request["queue"])
        stored(connection, TASKS, request["task"])
        queue_entries.append(connection, queue, request["task"])
        queues.touch(connection, queue)


def remove(store: Store, request: Document, caller: Caller) -> None:
    """Takes a task out of a queue; with `update_task_status` it is again what it was before."""
    with store.db.write() as connection:
        queue = queues.checked(connection, request["queue"])
        queue_entries.remove(connection, queue, request["task"])
        queues.touch(connection, queue)
        if request.get("update_task_status"):
            _release(connection, request["task"], request, caller)


def clear(store: Store, request: Document, caller: Caller) -> list[str]:
    """Empties a queue; its tasks are again what they were before. Returns their ids."""
    with store.db.write() as connection:
        queue = queues.checked(connection, request["queue"])
        return _clear(connection, queue, request, caller)


def delete(store: Store, request: Document, caller: Caller) -> None:
    """Deletes a queue. Raises Conflict (subcode 702) when something waits in it, without `force`."""
    with store.db.write() as connection:
        old = stored(connection, QUEUES, request["queue"], "id")
        waiting = queue_entries.waiting(connection, old["id"])
        if waiting and not request.get("force"):
            raise Conflict(
                f"Queue is not empty: id={old['id']}, tasks={len(waiting)}",
                subcode=702,
                hint="clear it first, or repeat with force",
                data={"id": old["id"], "tasks": len(waiting)},
            )
        _clear(connection, old["id"], request, caller)
        connection.execute("DELETE FROM queues WHERE seq = ?", (old["seq"],))


def move(store: Store, request: Document, *, by: int) -> int:
    """Moves a task within its queue, towards the end or (negative) the front; returns its position from 0."""
    with store.db.write() as connection:
        queue = queues.checked(connection, request["queue"])
        position = queue_entries.move(connection, queue, request["task"], by=by)
        queues.touch(connection, queue)
        return position


def waiting(store: Store, queue_id: object) -> list[str]:
    """The tasks of a queue, the next one first."""
    with store.db.read() as connection:
        return queue_entries.waiting(connection, queues.checked(connection, queue_id))


def _clear(connection: Connection, queue: str, request: Document, caller: Caller) -> list[str]:
    tasks = queue_entries.waiting(connection, queue)
    for task_id in tasks:
        queue_entries.remove(connection, queue, task_id)
        _release(connection, task_id, request, caller)
    if tasks:
        queues.touch(connection, queue)
    return tasks


def _release(connection: Connection, task_id: str, request: Document, caller: Caller) -> None:
    old = stored(connection, TASKS, task_id, *_READ)
    if old["status"] == QUEUED:
        _give_back(connection, {**request, "task": task_id}, old, None, caller)


def _give_back(connection: Connection, request: Document, old: Document, new: str | None, caller: Caller) -> Document:
    """The status alone: when the task started or ended is not touched by having waited."""
    wish = {**request, "force": True}
    fields = moved(request["task"], old["status"], new or old["enqueue_status"] or CREATED, wish)
    found = record(connection, old, {**fields, "enqueue_status": None}, caller)
    return {key: value for key, value in found.items() if key != "enqueue_status"}
