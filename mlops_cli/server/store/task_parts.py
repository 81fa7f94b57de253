"""The parts of a task: parameters, configuration, artifacts, models, runtime. Each change is one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ...errors import Conflict, InvalidInput
from ...schemas.status import CREATED, IN_PROGRESS, QUEUED
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import MODELS, TASKS
from . import task_fields
from .documents import Document, find, stored
from .store import Caller, Store
from .task_fields import PROPERTIES
from .tasks import not_a_draft, save

_OPEN = (CREATED, QUEUED, IN_PROGRESS)


def set_requirements(store: Store, request: Document, caller: Caller) -> Document:
    """Kept exactly as sent: values are texts or lists of texts, by whoever wrote them."""
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "script")
        script = {**old["script"], "requirements": request["requirements"]}
        fields = save(store, connection, old["seq"], {"script": script}, caller)
        fields.pop("script")
        return {"script.requirements": request["requirements"], **fields}


def edit_hyperparams(store: Store, request: Document, caller: Caller) -> None:
    items = request["hyperparams"]
    mode = request.get("replace_hyperparams", "none")
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "status", "hyperparams")
        _check_parameters_open(request, old["status"], [item["section"] for item in items])
        found: dict[str, Document] = {} if mode == "all" else old["hyperparams"]
        if mode == "section":
            for item in items:
                found.pop(task_fields.section_name(item["section"]), None)
        for item in items:
            section = task_fields.section_name(item["section"])
            found.setdefault(section, {})[item["name"]] = task_fields.parameter(section, item["name"], item)
        save(store, connection, old["seq"], {"hyperparams": found}, caller)


def delete_hyperparams(store: Store, request: Document, caller: Caller) -> int:
    """Removes parameters, or whole sections where no name is given."""
    keys = request["hyperparams"]
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "status", "hyperparams")
        _check_parameters_open(request, old["status"], [key["section"] for key in keys])
        found: dict[str, Document] = old["hyperparams"]
        for key in keys:
            section = task_fields.section_name(key["section"])
            if key.get("name") is None:
                found.pop(section, None)
            else:
                found.get(section, {}).pop(key["name"], None)
        found = {section: items for section, items in found.items() if items}
        save(store, connection, old["seq"], {"hyperparams": found}, caller)
    return 1


def hyperparams_of(store: Store, task_ids: list[str]) -> list[Document]:
    return [
        {
            "task": task_id,
            "hyperparams": [items[name] for _, items in sorted(sections.items()) for name in sorted(items)],
        }
        for task_id, sections in _field_of(store, task_ids, "hyperparams")
    ]


def edit_configuration(store: Store, request: Document, caller: Caller) -> None:
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "status", "configuration")
        _check_open(request, old["status"])
        found = {} if request.get("replace_configuration") else old["configuration"]
        for item in request["configuration"]:
            found[item["name"]] = task_fields.configuration_item(item["name"], item)
        save(store, connection, old["seq"], {"configuration": found}, caller)


def delete_configuration(store: Store, request: Document, caller: Caller) -> int:
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "status", "configuration")
        _check_open(request, old["status"])
        found = {name: item for name, item in old["configuration"].items() if name not in request["configuration"]}
        save(store, connection, old["seq"], {"configuration": found}, caller)
    return 1


def configurations_of(store: Store, request: Document) -> list[Document]:
    names = request.get("names")
    return [
        {"task": task_id, "configuration": [items[name] for name in sorted(items) if not names or name in names]}
        for task_id, items in _field_of(store, request["tasks"], "configuration")
    ]


def configuration_names_of(store: Store, request: Document) -> list[Document]:
    found = [
        {"task": task_id, "names": sorted(items)}
        for task_id, items in _field_of(store, request["tasks"], "configuration")
    ]
    return [entry for entry in found if entry["names"]] if request.get("skip_empty", True) else found


def edit_runtime(store: Store, request: Document, caller: Caller) -> Document:
    """Sets and removes single keys: two writers of different keys do not overwrite each other, as an edit would."""
    with store.db.write() as connection:
        old = stored(connection, TASKS, request["task"], "runtime")
        runtime = {key: value for key, value in old["runtime"].items() if key not in request.get("remove", ())}
        runtime.update(request.get("add_or_update", {}))
        return save(store, connection, old["seq"], {"runtime": runtime}, caller)


def add_artifacts(store: Store, request: Document, caller: Caller) -> None:
    """Adds artifacts, or replaces those of the same key and mode."""
    with store.db.write() as connection:
        old = _open_task(connection, request, "execution")
        artifacts = task_fields.merge_artifacts(old["execution"].get("artifacts") or [], request["artifacts"])
        save(store, connection, old["seq"], {"execution": {**old["execution"], "artifacts": artifacts}}, caller)


def delete_artifacts(store: Store, request: Document, caller: Caller) -> int:
    gone = {task_fields.artifact_key(item) for item in request["artifacts"]}
    with store.db.write() as connection:
        old = _open_task(connection, request, "execution")
        artifacts = [
            item for item in old["execution"].get("artifacts") or [] if task_fields.artifact_key(item) not in gone
        ]
        save(store, connection, old["seq"], {"execution": {**old["execution"], "artifacts": artifacts}}, caller)
    return 1


def add_model(store: Store, request: Document, caller: Caller) -> None:
    """Links a model under a name, in place of one of the same name."""
    entry = {"name": request["name"], "model": request["model"], "updated": dates.now()}
    side = request["type"]
    with store.db.write() as connection:
        old = _open_task(connection, request, "models", "last_iteration")
        if connection.execute("SELECT 1 FROM models WHERE id = ?", (request["model"],)).fetchone() is None:
            raise InvalidInput(f"Invalid {MODELS.noun} id: id={request['model']}", subcode=MODELS.unknown_id)
        entries = list(old["models"].get(side) or [])
        at = next((place for place, known in enumerate(entries) if known["name"] == entry["name"]), len(entries))
        entries[at : at + 1] = [entry]
        fields: Document = {"models": {**old["models"], side: entries}}
        if "iteration" in request:
            fields["last_iteration"] = max(old["last_iteration"], request["iteration"])
        save(store, connection, old["seq"], fields, caller)


def delete_models(store: Store, request: Document, caller: Caller) -> None:
    gone = {(item["type"], item["name"]) for item in request["models"]}
    with store.db.write() as connection:
        old = _open_task(connection, request, "models")
        models = {
            side: [entry for entry in old["models"].get(side) or [] if (side, entry["name"]) not in gone]
            for side in ("input", "output")
        }
        save(store, connection, old["seq"], {"models": models}, caller)


def types_of(store: Store, projects: list[str]) -> list[str]:
    clause = "WHERE project IN (SELECT value FROM json_each(:projects))" if projects else ""
    rows = store.db.connection.execute(
        f"SELECT DISTINCT type FROM tasks {clause} ORDER BY type",  # noqa: S608
        {"projects": json.dumps(projects)} if projects else {},
    )
    return [row[0] for row in rows]


def _field_of(store: Store, task_ids: list[str], name: str) -> Iterable[tuple[str, Document]]:
    """(id, the field) of each task, in the order asked for; unknown ids are left out."""
    found: dict[str, Document] = {}
    for start in range(0, len(task_ids), 500):
        part = task_ids[start : start + 500]
        if part:
            body = {"id": part, "only_fields": [name], "search_hidden": True}
            found.update({task["id"]: task[name] for task in find(store, TASKS, body)[0]})
    return ((task_id, found[task_id]) for task_id in task_ids if task_id in found)


def _check_parameters_open(request: Document, status: str, sections: list[str]) -> None:
    """User properties may change at any time, parameters only before the task has ended."""
    if not all(task_fields.section_name(section) == PROPERTIES for section in sections):
        _check_open(request, status)


def _check_open(request: Document, status: str) -> None:
    allowed = _OPEN if request.get("force") else (CREATED,)
    if status not in allowed:
        raise not_a_draft(request["task"], status)


def _open_task(connection: Connection, request: Document, *names: str) -> Document:
    """Artifacts and models are added by a task that works: not even force reaches a finished one."""
    old = stored(connection, TASKS, request["task"], "status", *names)
    if old["status"] not in _OPEN:
        raise Conflict(
            f"Invalid task status: id={request['task']}, status={old['status']}, expected={', '.join(_OPEN)}",
            hint="the outputs of a finished task are fixed; clone it",
            data={"id": request["task"], "status": old["status"]},
        )
    return old
