"""Deleting a project with everything below it, and what that would mean."""

from __future__ import annotations

import json

from ...errors import Conflict
from ..db.sqlite import Connection
from ..query.collections import PROJECTS
from . import leftovers, projects, task_removal
from .documents import Document, stored
from .leftovers import Urls
from .store import Caller, Store

_ARCHIVED = "EXISTS (SELECT 1 FROM json_each(t.system_tags) j WHERE j.value = 'archived')"
_SPECIAL = {"pipelines": "pipeline", "datasets": "dataset", "reports": "reports"}


def count_contents(store: Store, project_id: str) -> Document:
    """What lies in a project and below: all of it, and what is not archived."""
    with store.db.read() as connection:
        stored(connection, PROJECTS, project_id)
        return _counts(connection, projects.descendants(connection, [project_id]))


def delete(store: Store, request: Document, caller: Caller) -> tuple[Document, Urls]:
    """Deletes a project and those below; its tasks and models stay without a project, or go too.

    Raises Conflict (subcodes 402, 405) when something in it is not archived, without `force`.
    """
    urls = Urls()
    with store.db.write() as connection:
        stored(connection, PROJECTS, request["project"])
        project_ids = projects.descendants(connection, [request["project"]])
        if not request.get("force"):
            _check_empty(request["project"], _counts(connection, project_ids))
        answer = {"deleted": len(project_ids), "disassociated_tasks": 0, "deleted_models": 0, "deleted_tasks": 0}
        if request.get("delete_contents"):
            answer["deleted_tasks"] = _delete_tasks(store, connection, project_ids, caller, urls)
            answer["deleted_models"] = _delete_models(connection, project_ids, urls)
        else:
            answer["disassociated_tasks"] = _set_free(connection, "tasks", project_ids)
            _set_free(connection, "models", project_ids)
        for project_id in project_ids:
            connection.execute("DELETE FROM projects WHERE id = ?", (project_id,))
    return {**answer, "urls": urls.answer(store)}, urls


def _counts(connection: Connection, project_ids: list[str]) -> Document:
    ids = {"ids": json.dumps(project_ids)}
    counts: Document = {}
    for table in ("tasks", "models"):
        row = connection.execute(
            f"SELECT count(*), coalesce(sum(NOT {_ARCHIVED}), 0) FROM {table} t"  # noqa: S608
            " WHERE t.project IN (SELECT value FROM json_each(:ids))",
            ids,
        ).fetchone()
        counts[table], counts[f"non_archived_{table}"] = row
    for name, tag in _SPECIAL.items():
        row = connection.execute(
            f"SELECT count(*), coalesce(sum(NOT {_ARCHIVED}), 0) FROM tasks t"  # noqa: S608
            " WHERE t.project IN (SELECT value FROM json_each(:ids))"
            " AND EXISTS (SELECT 1 FROM json_each(t.system_tags) j WHERE j.value = :tag)",
            {**ids, "tag": tag},
        ).fetchone()
        counts[name], counts[f"non_archived_{name}"] = row
    return counts


def _check_empty(project_id: str, counts: Document) -> None:
    for name, subcode in (("tasks", 402), ("models", 405)):
        left = counts[f"non_archived_{name}"]
        if left:
            raise Conflict(
                f"Project has associated non-archived {name}: id={project_id}, {name}={left}",
                subcode=subcode,
                hint="archive them first, or repeat with force",
                data=counts,
            )


def _delete_tasks(store: Store, connection: Connection, project_ids: list[str], caller: Caller, urls: Urls) -> int:
    rows = connection.execute(
        "SELECT id FROM tasks WHERE project IN (SELECT value FROM json_each(?))", (json.dumps(project_ids),)
    ).fetchall()
    for row in rows:
        urls.add(task_removal.delete(store, {"task": row["id"], "force": True}, caller)[1])
    return len(rows)


def _delete_models(connection: Connection, project_ids: list[str], urls: Urls) -> int:
    rows = connection.execute(
        "SELECT id, uri FROM models WHERE project IN (SELECT value FROM json_each(?))", (json.dumps(project_ids),)
    ).fetchall()
    for row in rows:
        urls.event_urls += leftovers.drop_events(connection, row["id"])
        urls.model_urls += [row["uri"]] if row["uri"] else []
        connection.execute("DELETE FROM models WHERE id = ?", (row["id"],))
    return len(rows)


def _set_free(connection: Connection, table: str, project_ids: list[str]) -> int:
    return connection.execute(
        f"UPDATE {table} SET project = NULL WHERE project IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(project_ids),),
    ).rowcount
