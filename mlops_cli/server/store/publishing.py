"""Publishing: a task with its last output model, a model with the task that made it."""

from __future__ import annotations

from ...errors import Conflict
from ...schemas.status import COMPLETED, PUBLISHED
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import MODELS, TASKS
from .documents import Document, change, stored
from .store import Caller, Store
from .task_status import set_status

_READ = ("status", "system_tags", "started", "project", "models")


def complete(store: Store, request: Document, caller: Caller) -> tuple[Document, int]:
    """Ends a task as completed, and publishes it when asked to; returns the fields set, and how many were published."""
    with store.db.write(durable=True) as connection:
        old = stored(connection, TASKS, request["task"], *_READ)
        fields = set_status(connection, request, old, COMPLETED, caller)
        if not request.get("publish"):
            return fields, 0
        published = _publish(connection, request, {**old, "status": COMPLETED}, caller)
        return {**fields, **published}, 1


def publish_task(store: Store, request: Document, caller: Caller) -> Document:
    with store.db.write() as connection:
        return _publish(connection, request, stored(connection, TASKS, request["task"], *_READ), caller)


def publish_model(store: Store, request: Document, caller: Caller) -> Document:
    """Makes a model ready; with `publish_task` its task follows when that is legal (or forced)."""
    with store.db.write() as connection:
        old = stored(connection, MODELS, request["model"], "ready", "task")
        if old["ready"]:
            raise Conflict(f"Model is already published: id={request['model']}", subcode=203)
        _make_ready(connection, old["seq"])
        answer: Document = {"updated": 1}
        if request.get("publish_task", True) and old["task"]:
            force = bool(request.get("force_publish_task"))
            task = connection.execute("SELECT status FROM tasks WHERE id = ?", (old["task"],)).fetchone()
            if task is not None and task["status"] != PUBLISHED:
                wish = {"task": old["task"], "force": force, "publish_model": False}
                fields = _publish(connection, wish, stored(connection, TASKS, old["task"], *_READ), caller)
                answer["published_task"] = {"id": old["task"], "data": {"updated": 1, "fields": fields}}
        return answer


def _publish(connection: Connection, request: Document, old: Document, caller: Caller) -> Document:
    fields = set_status(connection, request, old, PUBLISHED, caller)
    output = old["models"].get("output") or []
    if output and request.get("publish_model", True):
        row = connection.execute("SELECT seq FROM models WHERE id = ? AND NOT ready", (output[-1]["model"],)).fetchone()
        if row is not None:
            _make_ready(connection, row["seq"])
    return fields


def _make_ready(connection: Connection, seq: int) -> None:
    now = dates.now()
    change(connection, MODELS, seq, {"ready": True, "last_update": now, "last_change": now})
