"""Queues as documents: made, named, listed with what waits in them and who listens. See also `queueing`."""

from __future__ import annotations

from typing import Any

from ...errors import Conflict, InvalidInput, NotFound
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import QUEUES, TASKS
from ..query.projection import project
from . import documents, queue_entries, references, task_fields, workers
from .documents import Document, change, insert, stored
from .store import Caller, Store, new_id

DEFAULT = "default"
"""The system tag of the queue that is used when none is named."""

_NOT_GLUE = "NOT EXISTS (SELECT 1 FROM json_each(t.system_tags) j WHERE j.value = 'k8s-glue')"


def find(store: Store, body: Document) -> tuple[list[Document], str]:
    """The queues that a query asks for, with the ids of what waits in them."""
    found, scroll_id = documents.find(store, QUEUES, body, _visible(body))
    _add_entries(store, found, body)
    return found, scroll_id


def find_joined(store: Store, body: Document, now: float) -> tuple[list[Document], str]:
    """The same with names: of the tasks that wait, and of the workers that listen."""
    found, scroll_id = references.find_joined(store, QUEUES, _without_inner(body), _visible(body))
    entries = [entry for entries in _add_entries(store, found, body) for entry in entries]
    names = _task_names(store, [entry["task"] for entry in entries])
    for entry in entries:
        entry["task"] = {"id": entry["task"], "name": names.get(entry["task"])}
    if _wants(body, "workers"):
        listening = workers.by_queue(store, [queue["id"] for queue in found], now)
        for queue in found:
            queue["workers"] = listening[queue["id"]]
    return found, scroll_id


def get(store: Store, body: Document) -> Document:
    """Raises NotFound (subcode 701): clients try a queue's name as an id first, and need to be told."""
    queue = documents.get(store, QUEUES, body.get("queue"), body.get("only_fields"))
    _add_entries(store, [queue], body)
    return queue


def get_default(store: Store) -> Document:
    with store.db.read() as connection:
        row = connection.execute("SELECT id, name FROM queues WHERE id = ?", (default(connection),)).fetchone()
        return {"id": row["id"], "name": row["name"]}


def create(store: Store, request: Document, caller: Caller) -> str:
    """Raises Conflict (subcode 801) when there is one of that name."""
    fields = _fields(request)
    with store.db.write() as connection:
        if by_name(connection, fields["name"]):
            raise _exists(fields["name"])
        return _add(connection, fields, caller)


def update(store: Store, request: Document) -> Document:
    fields = _fields(request)
    with store.db.write() as connection:
        old = stored(connection, QUEUES, request["queue"], "name")
        if not fields:
            return {}
        name = str(fields.get("name", old["name"]))
        if name != old["name"] and by_name(connection, name):
            raise _exists(name)
        fields["last_update"] = dates.now()
        change(connection, QUEUES, old["seq"], fields)
    return fields


def default(connection: Connection) -> str:
    """The oldest queue with the system tag `default`. Raises NotFound (subcode 707)."""
    row = connection.execute(
        "SELECT id FROM queues t WHERE EXISTS (SELECT 1 FROM json_each(t.system_tags) j WHERE j.value = ?)"
        " ORDER BY seq LIMIT 1",
        (DEFAULT,),
    ).fetchone()
    if row is None:
        raise NotFound("No default queue", subcode=707, hint="name a queue, or give one the system tag `default`")
    return str(row["id"])


def wanted(connection: Connection, request: Document, caller: Caller) -> str:
    """The queue that a request means, by id or by name (made when it is new); without both the default one."""
    if request.get("queue"):
        return checked(connection, request["queue"])
    if request.get("queue_name"):
        name = task_fields.checked_name(request["queue_name"], "queue")
        return by_name(connection, name) or _add(connection, {"name": name}, caller)
    return default(connection)


def checked(connection: Connection, queue: object) -> str:
    """The id itself. Raises NotFound (subcode 701) when there is no such queue."""
    return str(stored(connection, QUEUES, queue, "id")["id"])


def by_name(connection: Connection, name: str) -> str | None:
    row = connection.execute("SELECT id FROM queues WHERE name = ?", (name,)).fetchone()
    return row["id"] if row else None


def touch(connection: Connection, queue: str) -> None:
    """What waits in the queue has changed."""
    connection.execute("UPDATE queues SET last_update = ? WHERE id = ?", (dates.now(), queue))


def _add(connection: Connection, fields: Document, caller: Caller) -> str:
    now = dates.now()
    queue_id = new_id()
    stamps = {"created": now, "last_update": now}
    insert(connection, QUEUES, {**fields, **stamps, "id": queue_id, "user": caller.user, "company": caller.company})
    return queue_id


def _fields(request: Document) -> Document:
    fields: Document = {key: request[key] for key in ("name", "display_name") if key in request}
    if "name" in fields:
        fields["name"] = task_fields.checked_name(fields["name"], "queue")
    fields.update({key: task_fields.checked_tags(request[key]) for key in ("tags", "system_tags") if key in request})
    if "metadata" in request:
        fields["metadata"] = task_fields.metadata(request["metadata"])
    return fields


def _visible(body: Document) -> list[str]:
    # The queues of the Kubernetes glue are not for people; the open server shows them only to those who name them.
    named = body.get("id") or body.get("name") or body.get("search_hidden")
    return [] if named else [_NOT_GLUE]


def _wants(body: Document, name: str) -> bool:
    """Whether a computed field is asked for, or nothing in particular."""
    projection = project(QUEUES, _without_inner(body).get("only_fields"))
    return name in projection.names or (not projection.kept and name not in projection.dropped)


def _without_inner(body: Document) -> Document:
    """`entries.task.name` asks for the entries: their parts are not cut."""
    fields = body.get("only_fields") or body.get("projection")
    if isinstance(fields, str):
        fields = [fields]
    if not isinstance(fields, list):
        return {**body, "only_fields": fields, "projection": None}
    whole = [
        field.partition(".")[0] if isinstance(field, str) and field.startswith(("entries.", "workers.")) else field
        for field in fields
    ]
    return {**body, "only_fields": whole, "projection": None}


def _add_entries(store: Store, queues: list[Document], body: Document) -> list[list[Document]]:
    if not queues or not _wants(body, "entries"):
        return []
    limit = body.get("max_task_entries")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise InvalidInput("Validation error: max_task_entries must be a whole number from 0 on")
    with store.db.read() as connection:
        entries = queue_entries.entries_of(connection, [queue["id"] for queue in queues], limit)
    for queue in queues:
        queue["entries"] = entries[queue["id"]]
    return list(entries.values())


def _task_names(store: Store, tasks: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(tasks), 500):
        body = {"id": tasks[start : start + 500], "only_fields": ["name"]}
        found.update({task["id"]: task["name"] for task in documents.find(store, TASKS, body)[0]})
    return found


def _exists(name: str) -> Conflict:
    return Conflict(f"Value must be unique: queue name={name}", subcode=801, data={"name": name})
