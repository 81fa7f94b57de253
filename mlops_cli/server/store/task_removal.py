"""Archiving a task, resetting it to a draft, and deleting it, with what it made."""

from __future__ import annotations

from ...errors import Conflict
from ...schemas.status import CREATED, IN_PROGRESS, PUBLISHED, QUEUED
from ..db.sqlite import Connection
from ..query.collections import TASKS
from . import labels, leftovers, queue_entries, queueing, task_status
from .documents import Document, stored
from .leftovers import DELETED, Urls
from .store import Caller, Store
from .task_fields import artifact_key

_CLEARED: Document = {
    "last_iteration": 0,
    "runtime": {},
    "run_id": None,
    "enqueue_status": None,
    "last_worker": None,
    "last_worker_report": None,
    "started": None,
    "completed": None,
    "published": None,
    "active_duration": None,
}


def archive(store: Store, request: Document, caller: Caller) -> None:
    """Out of sight and out of every queue; what runs is stopped."""
    with store.db.write() as connection:
        status = stored(connection, TASKS, request["task"], "status")["status"]
        if status == IN_PROGRESS:
            task_status.stop(store, request, caller)
        elif status == QUEUED:
            queueing.dequeue(store, request, caller)
        queue_entries.remove_everywhere(connection, request["task"])
        labels.set_archived(store, TASKS, request["task"], is_archived=True)


def reset(store: Store, request: Document, caller: Caller) -> tuple[Document, Urls]:
    """Back to a draft without outputs; returns what `tasks.reset` answers and the files that are named no more."""
    wish = {**request, "status_reason": "reset", "status_message": "reset"}
    with store.db.write() as connection:
        names = ("status", "project", "execution", "models", "output")
        old = stored(connection, TASKS, request["task"], *names)
        fields = {**task_status.moved(request["task"], old["status"], CREATED, wish), **_CLEARED}
        urls = Urls(artifact_urls=leftovers.artifact_urls(old["execution"], with_inputs=False))
        urls.event_urls += leftovers.drop_events(connection, request["task"])
        deleted = 0
        if request.get("delete_output_models", True):
            deleted, model_urls = leftovers.drop_draft_models(connection, request["task"])
            urls.add(model_urls)
        fields["models"] = {**old["models"], "output": []}
        fields["output"] = {key: value for key, value in old["output"].items() if key not in ("result", "error")}
        fields["execution"] = {} if request.get("clear_all") else _without_outputs(old["execution"])
        if request.get("clear_all"):
            fields["script"] = {}
        fields = task_status.record(connection, old, fields, caller)
        shown = {key: value for key, value in fields.items() if not TASKS.fields[key].internal}
        removed = queue_entries.remove_everywhere(connection, request["task"])
    dequeued = {"removed": removed} if removed else {}
    answer = {"updated": 1, "fields": shown, "deleted_models": deleted, "dequeued": dequeued, "urls": None}
    return answer, urls


def delete(store: Store, request: Document, caller: Caller) -> tuple[Document, Urls]:
    """Deletes a task, what it reported and its draft models; returns what `tasks.delete` answers, and the files."""
    task_id = request["task"]
    with store.db.write() as connection:
        old = stored(connection, TASKS, task_id, "status", "system_tags", "execution")
        if not request.get("force"):
            _check_deletable(connection, task_id, old)
        urls = Urls(artifact_urls=leftovers.artifact_urls(old["execution"]))
        if request.get("include_pipeline_steps"):
            for row in connection.execute("SELECT id FROM tasks WHERE parent = ?", (task_id,)).fetchall():
                step = {**request, "task": row["id"], "include_pipeline_steps": False, "force": True}
                urls.add(delete(store, step, caller)[1])
        urls.event_urls += leftovers.drop_events(connection, task_id)
        connection.execute("DELETE FROM streams WHERE task = ?", (task_id,))
        queue_entries.forget(connection, task_id)
        deleted = 0
        if request.get("delete_output_models", True):
            deleted, model_urls = leftovers.drop_draft_models(connection, task_id)
            urls.add(model_urls)
        untied = leftovers.untie_models(connection, task_id)
        children = connection.execute(
            "UPDATE tasks SET parent = ? WHERE parent = ?", (DELETED + task_id, task_id)
        ).rowcount
        connection.execute("DELETE FROM tasks WHERE seq = ?", (old["seq"],))
    answer = {
        "deleted": True,
        "updated_children": children,
        "updated_models": untied,
        "deleted_models": deleted,
        "urls": None,
    }
    return answer, urls


def _check_deletable(connection: Connection, task_id: str, old: Document) -> None:
    reason = ""
    if old["status"] != CREATED and "archived" not in old["system_tags"]:
        reason = f"it is {old['status']} and not archived"
    elif connection.execute("SELECT 1 FROM tasks WHERE parent = ? AND status = ?", (task_id, PUBLISHED)).fetchone():
        reason = "a published task came from it"
    elif connection.execute("SELECT 1 FROM models WHERE task = ? AND ready", (task_id,)).fetchone():
        reason = "it made a published model"
    if reason:
        raise Conflict(
            f"Task cannot be deleted: {reason}: id={task_id}",
            subcode=123,
            hint="archive it first, or repeat with force",
            data={"id": task_id, "status": old["status"]},
        )


def _without_outputs(execution: Document) -> Document:
    found = {key: value for key, value in execution.items() if key != "queue"}
    if "artifacts" in found:
        found["artifacts"] = [item for item in found["artifacts"] or () if artifact_key(item)[1] == "input"]
    return found
