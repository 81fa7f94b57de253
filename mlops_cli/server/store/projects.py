"""Projects: a tree of full names, made with their parents, renamed with their children. See also `project_delete`."""

from __future__ import annotations

from ...errors import Conflict, InvalidInput
from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import PROJECTS
from . import task_fields
from .documents import Document, change, insert, stored
from .store import Caller, Store, new_id

MAX_DEPTH = 10
_PLAIN = ("description", "default_output_destination")


def create(store: Store, request: Document, caller: Caller) -> str:
    """A new project, with those above it that do not exist yet. Raises Conflict (subcode 801) when it exists."""
    name = full_name(request["name"])
    with store.db.write() as connection:
        if find(connection, name) is not None:
            raise _exists(name)
        project_id = _make(connection, name, caller)
        fields = _plain_fields(request)
        if fields:
            change(connection, PROJECTS, stored(connection, PROJECTS, project_id)["seq"], fields)
        return project_id


def query(store: Store, body: Document) -> tuple[Document, list[str]]:
    """What a query of projects means: `parent` is anywhere below, unless `shallow_search` says directly below."""
    if body.get("shallow_search"):
        return body, ([] if body.get("parent") else ["t.parent IS NULL"])
    parent = body.get("parent")
    wanted = parent if isinstance(parent, list) else [parent]
    plain = [value for value in wanted if isinstance(value, str) and not value.startswith(("-", "__$"))]
    if not plain:
        return body, []
    with store.db.read() as connection:
        below = descendants(connection, plain)
    at = wanted.index(plain[0]) + 1
    more = [project_id for project_id in below if project_id not in plain]
    return {**body, "parent": [*wanted[:at], *more, *wanted[at:]]}, []


def find_or_make(connection: Connection, name: str, caller: Caller) -> str:
    name = full_name(name)
    return find(connection, name) or _make(connection, name, caller)


def destination(connection: Connection, request: Document, caller: Caller) -> str | None:
    """Where `move` leads: a project by id, or by name (made when it is new), or none at all."""
    if request.get("project"):
        return str(stored(connection, PROJECTS, request["project"], "id")["id"])
    if request.get("project_name"):
        return find_or_make(connection, request["project_name"], caller)
    if "project" in request:
        return None
    raise InvalidInput("Required field missing: project or project_name", subcode=11)


def find(connection: Connection, name: str) -> str | None:
    row = connection.execute("SELECT id FROM projects WHERE name = ?", (name,)).fetchone()
    return row["id"] if row else None


def update(store: Store, request: Document) -> Document:
    """Sets fields; a new name may differ in its last segment only, and moves the names of all below."""
    fields = _plain_fields(request)
    with store.db.write() as connection:
        old = stored(connection, PROJECTS, request["project"], "id", "name")
        if "name" in request:
            name = full_name(request["name"])
            if _parent_name(name) != _parent_name(old["name"]):
                raise InvalidInput(
                    f"Invalid project name: a rename would move it: {old['name']} > {name}",
                    subcode=408,
                    hint="use projects.move to move it",
                )
            if name != old["name"]:
                rename(connection, old["name"], name)
                fields.update(name=name, basename=name.rpartition("/")[2])
        if not fields:
            return {}
        fields["last_update"] = dates.now()
        change(connection, PROJECTS, old["seq"], fields)
        return fields


def move(store: Store, request: Document, caller: Caller) -> int:
    """Puts a project below another (made when new), or to the top with an empty location; returns how many moved."""
    with store.db.write() as connection:
        old = stored(connection, PROJECTS, request["project"], "id", "name", "basename")
        location = request.get("new_location", "")
        above = full_name(location) if location.strip("/ ") else ""
        if f"{above}/".startswith(f"{old['name']}/"):
            raise InvalidInput(f"Invalid project name: {old['name']} cannot lie under itself: {above}", subcode=411)
        name = f"{above}/{old['basename']}" if above else old["basename"]
        if name == old["name"]:
            return 0
        _check_depth(connection, old["name"], name)
        parent = find_or_make(connection, above, caller) if above else None
        moved = rename(connection, old["name"], name)
        change(connection, PROJECTS, old["seq"], {"parent": parent, "last_update": dates.now()})
        return moved


def merge(store: Store, request: Document) -> Document:
    """Puts all that a project holds into another, and deletes it; returns how much moved, as `projects.merge`."""
    with store.db.write() as connection:
        old = checked(connection, request["project"])
        new = checked(connection, request["destination_project"])
        if f"{new['name']}/".startswith(f"{old['name']}/"):
            raise InvalidInput(
                f"Invalid project name: {old['name']} cannot lie under itself: {new['name']}", subcode=411
            )
        moved = 0
        for row in connection.execute(
            "SELECT seq, name, basename FROM projects WHERE parent = ?", (old["id"],)
        ).fetchall():
            name = f"{new['name']}/{row['basename']}"
            _check_depth(connection, row["name"], name)
            moved += rename(connection, row["name"], name)
            change(connection, PROJECTS, row["seq"], {"parent": new["id"]})
        entities = sum(
            connection.execute(f"UPDATE {table} SET project = ? WHERE project = ?", (new["id"], old["id"])).rowcount  # noqa: S608
            for table in ("tasks", "models")
        )
        connection.execute("DELETE FROM projects WHERE seq = ?", (old["seq"],))
        touch(connection, new["id"], dates.now())
    return {"moved_entities": entities, "moved_projects": moved}


def rename(connection: Connection, old: str, new: str) -> int:
    """Gives a project and all below it the new full name; returns how many."""
    if find(connection, new) is not None:
        raise _exists(new)
    below = _names_below(connection, old)
    for name in [old, *below]:
        changed = new + name[len(old) :]
        basename = changed.rpartition("/")[2]
        connection.execute("UPDATE projects SET name = ?, basename = ? WHERE name = ?", (changed, basename, name))
    return len(below) + 1


def touch(connection: Connection, project_id: str | None, now: str) -> None:
    """Something in the project changed."""
    if project_id:
        connection.execute("UPDATE projects SET last_update = ? WHERE id = ?", (now, project_id))


def descendants(connection: Connection, project_ids: list[str]) -> list[str]:
    """These projects and everything below them."""
    found, level = dict.fromkeys(project_ids), list(project_ids)
    while level:
        rows = [
            row["id"]
            for project_id in level
            for row in connection.execute("SELECT id FROM projects WHERE parent = ?", (project_id,))
        ]
        level = [project_id for project_id in rows if project_id not in found]
        found.update(dict.fromkeys(level))
    return list(found)


def checked(connection: Connection, project_id: str) -> Document:
    """The project's place and name. Raises NotFound (subcode 401)."""
    return stored(connection, PROJECTS, project_id, "id", "name")


def full_name(name: str) -> str:
    """The name with trimmed segments and no blank ones. Raises InvalidInput for a bad last one or too many."""
    segments = [segment.strip() for segment in name.split("/")]
    segments = [segment for segment in segments if segment]
    if not segments or len(segments[-1]) < task_fields.MIN_NAME:
        raise InvalidInput(
            f"Invalid project name: the last part needs {task_fields.MIN_NAME} characters: {name!r}", subcode=407
        )
    if len(segments) > MAX_DEPTH:
        raise _too_deep(name)
    return "/".join(segments)


def _make(connection: Connection, name: str, caller: Caller) -> str:
    above = _parent_name(name)
    parent = (find(connection, above) or _make(connection, above, caller)) if above else None
    now = dates.now()
    project_id = new_id()
    document = {
        "id": project_id,
        "name": name,
        "basename": name.rpartition("/")[2],
        "description": "",
        "parent": parent,
        "user": caller.user,
        "company": caller.company,
        "created": now,
        "last_update": now,
    }
    insert(connection, PROJECTS, document)
    return project_id


def _plain_fields(request: Document) -> Document:
    fields: Document = {key: request[key] for key in _PLAIN if key in request}
    fields.update({key: task_fields.checked_tags(request[key]) for key in ("tags", "system_tags") if key in request})
    return fields


def _parent_name(name: str) -> str:
    return name.rpartition("/")[0]


def _names_below(connection: Connection, name: str) -> list[str]:
    # Between the two characters that follow "/" in the order of characters: a prefix search by index, without LIKE.
    rows = connection.execute("SELECT name FROM projects WHERE name > ? AND name < ?", (f"{name}/", f"{name}0"))
    return [row["name"] for row in rows]


def _check_depth(connection: Connection, old: str, new: str) -> None:
    """That a project and all below it still fit under the new name."""
    depth = max(name.count("/") for name in [old, *_names_below(connection, old)])
    if depth - old.count("/") + new.count("/") >= MAX_DEPTH:
        raise _too_deep(new)


def _exists(name: str) -> Conflict:
    return Conflict(f"Value must be unique: project name={name}", subcode=801, data={"name": name})


def _too_deep(name: str) -> InvalidInput:
    return InvalidInput(f"Invalid project name: deeper than {MAX_DEPTH}: {name}", subcode=409)
