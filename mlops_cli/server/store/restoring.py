"""Puts an exported task back: under its own id, with its own times and end, once everything else of it is there."""

from __future__ import annotations

import re

from ...errors import Conflict, InvalidInput
from ..query import dates
from ..query.collections import TASKS
from . import projects, task_fields, tasks
from .documents import Document, change, insert, relative, stored
from .store import Caller, Store

RESTORING = "importing"
"""The system tag of a task that is not whole yet; `hidden` keeps it out of lists meanwhile."""

_DATES = (
    "created",
    "started",
    "completed",
    "published",
    "status_changed",
    "last_update",
    "last_change",
    "last_worker_report",
)
_TEXTS = ("status_reason", "status_message", "user", "last_worker")
_NUMBERS = ("active_duration", "last_iteration")
_ID = re.compile(r"[0-9a-f]{32}\Z")


def begin(store: Store, document: Document, caller: Caller) -> str:
    """A hidden draft under the document's id, to fill with events. Raises Conflict when the id is taken."""
    task_id = document.get("id")
    if not isinstance(task_id, str) or not _ID.match(task_id):
        raise InvalidInput(f"Validation error: an id has 32 hexadecimal digits: {task_id!r}")
    fields = {**tasks.draft(document), "system_tags": ["hidden", RESTORING]}
    now = dates.now()
    with store.db.write() as connection:
        if connection.execute("SELECT 1 FROM tasks WHERE id = ?", (task_id,)).fetchone():
            raise Conflict(f"Task exists already: id={task_id}", subcode=801, data={"id": task_id})
        tasks.check_references(connection, fields)
        made: Document = {**fields, "id": task_id, "status": "created", "user": caller.user, "company": caller.company}
        made.update(dict.fromkeys(("created", "status_changed", "last_update", "last_change"), now))
        insert(connection, TASKS, relative(store, made))
    return task_id


def finish(store: Store, document: Document, caller: Caller) -> None:
    """The fields as they were, and the task is one like any other. Raises Conflict when it was not begun."""
    with store.db.write() as connection:
        row = stored(connection, TASKS, document.get("id"), "system_tags")
        if RESTORING not in (row["system_tags"] or []):
            raise Conflict(f"Task is not being restored: id={document.get('id')}", data={"id": str(document.get("id"))})
        fields = {**tasks.draft(document), **_history(document), **tasks.run_id(document)}
        fields.setdefault("system_tags", [])
        tasks.check_references(connection, fields)
        change(connection, TASKS, row["seq"], relative(store, fields))
        projects.touch(connection, fields.get("project"), dates.now())


def _history(document: Document) -> Document:
    """What no other call may set: the status and its reason, who, when, and how far."""
    found: Document = {"status": task_fields.checked_status(str(document.get("status")))}
    for name in _DATES:
        if document.get(name) is not None:
            found[name] = dates.normalize(document[name])
    found.update({name: document[name] for name in _TEXTS if document.get(name) is not None})
    for name in _NUMBERS:
        value = document.get(name)
        if value is not None:
            if not 0 <= value < 1 << 62:
                raise InvalidInput(f"Validation error: {name} cannot be {value!r}")
            found[name] = value
    return found
