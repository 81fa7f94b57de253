"""The status of a task: every legal change, what it sets, and the abort that only asks."""

from __future__ import annotations

from ...errors import Conflict
from ...schemas.status import (
    COMPLETED,
    ENDED,
    FAILED,
    IN_PROGRESS,
    PUBLISHED,
    QUEUED,
    STOPPED,
    TRANSITIONS,
    is_legal,
)
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import TASKS
from . import projects, queue_entries
from .documents import Document, change, stored
from .store import Caller, Store

SILENT_S = 600
"""A task whose worker has said nothing for so long has no live worker."""

WATCHDOG_S = 7200
"""A task of a foreign client that told nothing for so long is not running any more."""

_READ = ("status", "system_tags", "started", "project", "last_worker", "last_update")


def change_status(store: Store, request: Document, new: str, caller: Caller) -> Document:
    """One change of status; returns the fields that were set. Raises Conflict (subcode 110) when it is illegal."""
    # Who ends a run lets go of its spool: from here on the store alone has what was logged.
    with store.db.write(durable=new in ENDED) as connection:
        old = stored(connection, TASKS, request["task"], *_READ)
        return set_status(connection, request, old, new, caller)


def set_status(connection: Connection, request: Document, old: Document, new: str, caller: Caller) -> Document:
    """The change itself, within the transaction that read `old`: nobody can have changed it in between."""
    now = dates.now()
    fields = moved(request["task"], old["status"], new, request)
    fields["status_changed"] = now
    if new == IN_PROGRESS and not (old["status"] == IN_PROGRESS and old["started"]):
        fields.update(started=now, completed=None, active_duration=None)
    if new in (STOPPED, FAILED, COMPLETED):
        fields["completed"] = now
        if old["status"] == IN_PROGRESS and old["started"]:
            fields["active_duration"] = dates.seconds_between(old["started"], now)
    if new == PUBLISHED:
        fields["published"] = now
    if new == QUEUED:
        fields["system_tags"] = [tag for tag in old["system_tags"] if tag != "development"]
    if new in ENDED:
        queue_entries.remove_everywhere(connection, request["task"])
    return record(connection, old, fields, caller)


def moved(task_id: str, old: str, new: str, request: Document) -> Document:
    """The new status with its reason and message, which are text even when nobody gave them."""
    if not request.get("force") and not is_legal(old, new):
        allowed = ", ".join(sorted(TRANSITIONS.get(old, ()))) or "nothing"
        raise Conflict(
            f"Invalid task status: id={task_id}, current_status={old}, new_status={new}",
            hint=f"from {old} a task may go to {allowed}; clone it, or repeat with force",
            data={"id": task_id, "current_status": old, "new_status": new},
        )
    return {
        "status": new,
        "status_reason": request.get("status_reason", ""),
        "status_message": request.get("status_message", ""),
        "status_changed": dates.now(),
    }


def stop(store: Store, request: Document, caller: Caller) -> Document:
    """The abort button: ends what nobody works on, and asks a live worker to end what it works on."""
    with store.db.write() as connection:
        answer = _stop(connection, request, caller)
        if request.get("include_pipeline_steps"):
            for row in connection.execute(
                "SELECT id FROM tasks WHERE parent = ? AND status IN (?, ?)", (request["task"], QUEUED, IN_PROGRESS)
            ).fetchall():
                _stop(connection, {**request, "task": row["id"]}, caller)
        return answer


def _stop(connection: Connection, request: Document, caller: Caller) -> Document:
    old = stored(connection, TASKS, request["task"], *_READ)
    if old["status"] == IN_PROGRESS and "development" not in old["system_tags"] and _has_live_worker(old):
        message = {"status_message": "stopping", "status_reason": request.get("status_reason", "")}
        return record(connection, old, {**message, "status_changed": dates.now()}, caller)
    message = {"status_message": f"Stopped by {caller.user_name}"}
    return set_status(connection, {**message, **request}, old, STOPPED, caller)


def stop_silent(store: Store, now: float) -> list[str]:
    """Ends the running tasks of which nothing was heard for WATCHDOG_S, as of the last sign of life; returns their ids.

    A run of ours is left alone: its supervisor may be cut off while it works, and tells the end itself.
    """
    limit = dates.stamp(int((now - WATCHDOG_S) * 1e6))
    query = "SELECT id, last_update FROM tasks WHERE status = ? AND last_update < ? AND run_id IS NULL"
    if store.db.connection.execute(query, (IN_PROGRESS, limit)).fetchone() is None:
        return []
    with store.db.write() as connection:
        rows = connection.execute(query, (IN_PROGRESS, limit)).fetchall()
        for row in rows:
            old = stored(connection, TASKS, row["id"], *_READ)
            wish = {
                "task": row["id"],
                "status_reason": "vanished",
                "status_message": "Nothing was heard of it for hours",
            }
            set_status(connection, wish, old, STOPPED, store.owner)
            duration = dates.seconds_between(old["started"], row["last_update"])
            change(connection, TASKS, old["seq"], {"completed": row["last_update"], "active_duration": duration})
        return [row["id"] for row in rows]


def record(connection: Connection, old: Document, fields: Document, caller: Caller) -> Document:
    """Stores a change of status, and that the project has moved."""
    now = dates.now()
    fields = {**fields, "last_update": now, "last_change": now, "last_changed_by": caller.user}
    change(connection, TASKS, old["seq"], fields)
    projects.touch(connection, old.get("project"), now)
    return fields


def _has_live_worker(task: Document) -> bool:
    return bool(task["last_worker"]) and dates.seconds_between(task["last_update"], dates.now()) < SILENT_S
