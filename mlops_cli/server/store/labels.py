"""Tags of many documents at once, and the tags in use."""

from __future__ import annotations

import json

from ..query import dates
from ..query.fields import Collection
from . import task_fields
from .documents import Document, change, stored
from .store import Store


def update_tags(store: Store, collection: Collection, request: Document) -> int:
    """Adds and removes tags; returns how many documents that changed."""
    added = task_fields.checked_tags(request.get("add_tags", ()))
    removed = set(request.get("remove_tags", ()))
    updated = 0
    with store.db.write() as connection:
        for document_id in dict.fromkeys(request["ids"]):
            old = stored(connection, collection, document_id, "tags")
            tags = sorted((set(old["tags"]) - removed) | set(added))
            if tags != old["tags"]:
                now = dates.now()
                change(connection, collection, old["seq"], {"tags": tags, "last_update": now, "last_change": now})
                updated += 1
    return updated


def set_archived(store: Store, collection: Collection, document_id: str, *, is_archived: bool) -> None:
    """Adds or takes away the system tag `archived`."""
    with store.db.write() as connection:
        old = stored(connection, collection, document_id, "system_tags")
        tags = {tag for tag in old["system_tags"] if tag != "archived"} | ({"archived"} if is_archived else set())
        now = dates.now()
        change(
            connection, collection, old["seq"], {"system_tags": sorted(tags), "last_update": now, "last_change": now}
        )


def tags_in_use(store: Store, collection: Collection, request: Document) -> Document:
    """Every tag of these projects' documents (of all, without projects); system tags only when asked for."""
    by = "id" if collection.noun == "project" else "project"
    projects = request.get("projects")
    clause = f"WHERE t.{by} IN (SELECT value FROM json_each(:projects))" if projects else ""  # noqa: S608
    found: Document = {}
    for name in ("tags", "system_tags") if request.get("include_system") else ("tags",):
        rows = store.db.connection.execute(
            f"SELECT DISTINCT j.value FROM {collection.table} t, json_each(t.{name}) j {clause} ORDER BY 1",  # noqa: S608
            {"projects": json.dumps(projects)} if projects else {},
        )
        found[name] = [row[0] for row in rows]
    return {"system_tags": [], **found}
