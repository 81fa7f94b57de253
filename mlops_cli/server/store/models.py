"""Models: registered, edited, described, deleted. Publishing is in `publishing`."""

from __future__ import annotations

import json

from ...errors import Conflict, InvalidInput
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import MODELS, TASKS
from . import leftovers, projects, task_fields
from .documents import Document, absolute, change, insert, relative, stored
from .store import Caller, Store, new_id

_PLAIN = ("name", "uri", "project", "task", "parent", "framework", "comment", "labels", "design", "ready")
_REFERENCES = {"project": "projects", "task": "tasks", "parent": "models"}


def create(store: Store, request: Document, caller: Caller) -> str:
    """Registers a model; published at once unless `ready` says otherwise, as the API has it."""
    now = dates.now()
    model_id = new_id()
    document: Document = {
        "ready": True,
        **_fields(request),
        "id": model_id,
        "user": caller.user,
        "company": caller.company,
        "created": now,
        "last_update": now,
        "last_change": now,
    }
    with store.db.write() as connection:
        _check_references(connection, document)
        insert(connection, MODELS, relative(store, document))
        projects.touch(connection, document.get("project"), now)
    return model_id


def edit(store: Store, request: Document) -> Document:
    """Sets the fields that the request holds; returns those that were set."""
    fields = _fields(request)
    with store.db.write() as connection:
        old = stored(connection, MODELS, request["model"], "last_iteration")
        _check_references(connection, fields)
        if "iteration" in request:
            fields["last_iteration"] = max(old["last_iteration"], request["iteration"])
        return _save(store, connection, old["seq"], fields) if fields else {}


def add_metadata(store: Store, request: Document) -> None:
    with store.db.write() as connection:
        old = stored(connection, MODELS, request["model"], "metadata")
        kept = {} if request.get("replace_metadata") else old["metadata"]
        _save(store, connection, old["seq"], {"metadata": {**kept, **task_fields.metadata(request["metadata"])}})


def delete_metadata(store: Store, request: Document) -> None:
    with store.db.write() as connection:
        old = stored(connection, MODELS, request["model"], "metadata")
        kept = {key: item for key, item in old["metadata"].items() if key not in request["keys"]}
        _save(store, connection, old["seq"], {"metadata": kept})


def delete(store: Store, request: Document) -> tuple[str, list[str]]:
    """Deletes a model; returns its URI and the files that are named no more.

    Raises Conflict (subcode 205) when a task uses it as input, without `force`.
    """
    model_id = request["model"]
    with store.db.write() as connection:
        old = stored(connection, MODELS, model_id, "uri", "task")
        users = _using(connection, model_id)
        if users and not request.get("force"):
            raise Conflict(
                f"Model is used by tasks: id={model_id}, tasks={', '.join(users[:5])}",
                subcode=205,
                hint="repeat with force",
                data={"tasks": users},
            )
        _unlink(connection, old["task"], model_id)
        urls = [*leftovers.drop_events(connection, model_id), *([old["uri"]] if old["uri"] else [])]
        connection.execute("UPDATE models SET parent = ? WHERE parent = ?", (leftovers.DELETED + model_id, model_id))
        connection.execute("DELETE FROM models WHERE seq = ?", (old["seq"],))
    return store.files.absolute(old["uri"] or ""), urls


def move(store: Store, request: Document, caller: Caller) -> str:
    with store.db.write() as connection:
        project_id = projects.destination(connection, request, caller)
        for model_id in request["ids"]:
            _save(store, connection, stored(connection, MODELS, model_id)["seq"], {"project": project_id})
        projects.touch(connection, project_id, dates.now())
        return project_id or ""


def frameworks(store: Store, project_ids: list[str]) -> list[str]:
    clause = "AND project IN (SELECT value FROM json_each(:projects))" if project_ids else ""
    rows = store.db.connection.execute(
        f"SELECT DISTINCT framework FROM models WHERE framework <> '' {clause} ORDER BY framework",  # noqa: S608
        {"projects": json.dumps(project_ids)} if project_ids else {},
    )
    return [row[0] for row in rows]


def _fields(request: Document) -> Document:
    fields: Document = {key: request[key] for key in _PLAIN if key in request}
    if "name" in fields:
        fields["name"] = task_fields.checked_name(fields["name"], "model")
    for key in _REFERENCES:
        if key in fields:
            fields[key] = fields[key] or None
    for key in ("tags", "system_tags"):
        if key in request:
            fields[key] = task_fields.checked_tags(request[key])
    if "metadata" in request:
        fields["metadata"] = task_fields.metadata(request["metadata"])
    return fields


def _save(store: Store, connection: Connection, seq: int, fields: Document) -> Document:
    now = dates.now()
    fields = {**fields, "last_update": now, "last_change": now}
    change(connection, MODELS, seq, relative(store, fields))
    return absolute(store, fields)


def _check_references(connection: Connection, fields: Document) -> None:
    for key, table in _REFERENCES.items():
        wanted = fields.get(key)
        if not wanted or wanted.startswith(leftovers.DELETED):
            continue
        if connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (wanted,)).fetchone() is None:  # noqa: S608
            raise InvalidInput(f"Invalid value: no such {key}: id={wanted}", subcode=16)


def _using(connection: Connection, model_id: str) -> list[str]:
    rows = connection.execute(
        "SELECT t.id FROM tasks t WHERE t.models LIKE :like AND EXISTS"
        " (SELECT 1 FROM json_each(t.models, '$.input') j WHERE json_extract(j.value, '$.model') = :model)",
        {"model": model_id, "like": f"%{model_id}%"},
    )
    return [row[0] for row in rows]


def _unlink(connection: Connection, task_id: str | None, model_id: str) -> None:
    """Takes the model off the outputs of the task that made it."""
    row = connection.execute("SELECT seq, models FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None or not row["models"]:
        return
    models = json.loads(row["models"])
    output = [entry for entry in models.get("output") or [] if entry["model"] != model_id]
    change(connection, TASKS, row["seq"], {"models": {**models, "output": output}})
