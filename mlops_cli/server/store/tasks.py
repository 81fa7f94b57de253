"""Tasks: made, edited, cloned, kept alive. Status changes are in `task_status`, parts of a task in `task_parts`."""

from __future__ import annotations

from typing import Any

from ...errors import Conflict, InvalidInput
from ...schemas.status import CREATED, IN_PROGRESS
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import TASKS
from . import projects, task_fields
from .documents import Document, absolute, change, insert, relative, stored
from .store import Caller, Store, new_id
from .task_status import moved

_CLONED = ("name", "comment", "project", "tags", "script", "container", "hyperparams", "configuration")
_NOT_CLONED_TAGS = frozenset({"development", "archived"})
_MERGED = ("script", "execution", "models", "output")


def create(store: Store, request: Document, caller: Caller) -> str:
    """A new draft; returns its id."""
    document = draft(request)
    with store.db.write() as connection:
        check_references(connection, document)
        return add(store, connection, document, caller)


def draft(request: Document) -> Document:
    """The stored fields of a new task. Raises InvalidInput for what no task may have."""
    document = task_fields.from_request(request)
    parameters = document.get("execution", {}).pop("parameters", None)
    if parameters:
        document["hyperparams"] = task_fields.legacy_parameters(document.get("hyperparams", {}), parameters)
    return document


def add(store: Store, connection: Connection, document: Document, caller: Caller) -> str:
    """Stores a draft, within a transaction."""
    now = dates.now()
    task_id = new_id()
    fields = {
        **{key: value or None if key in ("project", "parent") else value for key, value in document.items()},
        "id": task_id,
        "status": CREATED,
        "status_changed": now,
        "user": caller.user,
        "company": caller.company,
        "created": now,
        "last_update": now,
        "last_change": now,
        "last_changed_by": caller.user,
        **run_id(document),
    }
    insert(connection, TASKS, relative(store, fields))
    projects.touch(connection, fields.get("project"), now)
    return task_id


def edit(store: Store, request: Document, caller: Caller) -> Document:
    """Sets the fields that the request holds; returns those that were set."""
    fields = task_fields.from_request(request)
    if "output" in request:
        fields["output"] = {**request["output"], **fields.get("output", {})}
    force = bool(request.get("force"))
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "status", "project", "hyperparams", *_MERGED)
        if old["status"] != CREATED and not force:
            raise not_a_draft(request["task"], old["status"])
        check_references(connection, fields)
        _merge(old, fields)
        for key in ("project", "parent"):
            if key in fields:
                fields[key] = fields[key] or None
        fields.update({key: request[key] for key in ("status_reason", "status_message") if key in request})
        if "status" in request:
            fields.update(moved(request["task"], old["status"], task_fields.checked_status(request["status"]), request))
        if not fields:
            return {}
        return save(store, connection, old["seq"], fields, caller)


def update(store: Store, request: Document, caller: Caller) -> Document:
    """The light edit that is allowed in any status."""
    fields = task_fields.from_request({key: value for key, value in request.items() if key != "task"})
    if "status_message" in request:
        fields["status_message"] = request["status_message"]
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "output")
        check_references(connection, fields)
        if "output__error" in request:
            fields["output"] = {**old["output"], "error": request["output__error"]}
        if "project" in fields:
            fields["project"] = fields["project"] or None
        return save(store, connection, old["seq"], fields, caller) if fields else {}


def save(store: Store, connection: Connection, seq: int, fields: Document, caller: Caller) -> Document:
    """Stores changed fields and when they changed; returns them all as an answer shows them."""
    now = dates.now()
    fields = {**fields, "last_change": now, "last_update": now, "last_changed_by": caller.user}
    change(connection, TASKS, seq, relative(store, {**fields, **run_id(fields)}))
    return absolute(store, fields)


def ping(store: Store, task_id: str) -> None:
    """Says that somebody works on the task. An unknown task is no error: it may just have been deleted."""
    with store.db.write() as connection:
        row = connection.execute("SELECT seq, status, started FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if row is None:
            return
        now = dates.now()
        fields: Document = {"last_update": now}
        if row["status"] == IN_PROGRESS and row["started"]:
            fields["active_duration"] = dates.seconds_between(row["started"], now)
        change(connection, TASKS, row["seq"], fields)


def clone(store: Store, request: Document, caller: Caller) -> Document:
    """A draft like another task, whatever the state of that one. Answers `id`, and `new_project` when one was made."""
    overrides = _clone_overrides(request)
    with store.db.write() as connection:
        names = (*_CLONED, "type", "parent", "system_tags", "models", "execution", "output")
        source = stored(connection, TASKS, request["task"], *names)
        answer: Document = {}
        if request.get("new_project_name") and not request.get("new_task_project"):
            project_id = projects.find_or_make(connection, request["new_project_name"], caller)
            overrides["project"] = project_id
            answer["new_project"] = {"id": project_id, "name": projects.full_name(request["new_project_name"])}
        document = {**_copied(source, request["task"]), **overrides}
        if "execution_overrides" in request:
            document["execution"] = {**document["execution"], **task_fields.execution(request["execution_overrides"])}
        check_references(connection, overrides)
        answer["id"] = add(store, connection, document, caller)
        return answer


def move(store: Store, request: Document, caller: Caller) -> str:
    """Puts tasks into a project, which is made when it is named and new; returns the project's id."""
    with store.db.write() as connection:
        project_id = projects.destination(connection, request, caller)
        for task_id in request["ids"]:
            save(store, connection, stored(connection, TASKS, task_id)["seq"], {"project": project_id}, caller)
        projects.touch(connection, project_id, dates.now())
        return project_id or ""


def not_a_draft(task_id: str, status: str) -> Conflict:
    return Conflict(
        f"Invalid task status: id={task_id}, status={status}, expected=created",
        hint="clone it, or repeat with force",
        data={"id": task_id, "status": status},
    )


def check_references(connection: Connection, fields: Document) -> None:
    """Raises InvalidInput (subcode 16) when the project, the parent or a model does not exist."""
    wanted = [("projects", fields.get("project")), ("tasks", fields.get("parent"))]
    for table, document_id in wanted:
        if not document_id or document_id.startswith("__DELETED__"):
            continue
        if connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (document_id,)).fetchone() is None:  # noqa: S608
            raise InvalidInput(f"Invalid value: no such {table[:-1]}: id={document_id}", subcode=16)


def run_id(fields: Document) -> Document:
    """The run that `runtime` names, in the column by which it is found."""
    if "runtime" not in fields:
        return {}
    found = (fields["runtime"] or {}).get("mlops_run")
    return {"run_id": found if isinstance(found, str) else None}


def _merge(old: Document, fields: Document) -> None:
    """`script`, `execution`, `models` and `output` are merged one level deep; the rest is replaced as a whole."""
    # Clients that rewrite `execution` send the old parameters back empty: that must not touch the parameters.
    parameters = fields.get("execution", {}).pop("parameters", None)
    for key in _MERGED:
        if key in fields:
            fields[key] = {**(old[key] or {}), **fields[key]}
    if parameters:
        known = fields["hyperparams"] if "hyperparams" in fields else old["hyperparams"]
        fields["hyperparams"] = task_fields.legacy_parameters(known, parameters)


def _clone_overrides(request: Document) -> Document:
    renamed = {
        "new_task_name": "name",
        "new_task_comment": "comment",
        "new_task_tags": "tags",
        "new_task_system_tags": "system_tags",
        "new_task_parent": "parent",
        "new_task_project": "project",
        "new_task_hyperparams": "hyperparams",
        "new_task_configuration": "configuration",
        "new_task_container": "container",
    }
    wanted: Document = {field: request[key] for key, field in renamed.items() if key in request}
    if "new_task_input_models" in request:
        wanted["models"] = {"input": request["new_task_input_models"], "output": []}
    return task_fields.from_request(wanted)


def _copied(source: Document, source_id: str) -> Document:
    found: Document = {key: source[key] for key in _CLONED if source[key] is not None}
    execution: dict[str, Any] = {key: value for key, value in source["execution"].items() if key != "queue"}
    artifacts = [item for item in execution.get("artifacts", ()) if task_fields.artifact_key(item)[1] == "input"]
    if "artifacts" in execution:
        execution["artifacts"] = artifacts
    destination = source["output"].get("destination")
    return {
        **found,
        "type": source["type"],
        "parent": source["parent"] or source_id,
        "system_tags": [tag for tag in source["system_tags"] if tag not in _NOT_CLONED_TAGS],
        "models": {"input": source["models"].get("input", []), "output": []},
        "execution": execution,
        "output": {} if destination is None else {"destination": destination},
    }
