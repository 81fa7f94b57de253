"""The `_ex` lists, whose references are objects with chosen fields of what they refer to; widening by sub-projects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..query.collections import MODELS, PROJECTS, QUEUES, TASKS, USERS
from ..query.fields import Collection
from .documents import Document, find
from .store import Store

REFERENCES: dict[str, dict[str, Collection | None]] = {
    "task": {
        "project": PROJECTS,
        "parent": TASKS,
        "user": USERS,
        "company": None,
        "execution.queue": QUEUES,
        "models.input.model": MODELS,
        "models.output.model": MODELS,
    },
    "model": {"task": TASKS, "project": PROJECTS, "parent": MODELS, "user": USERS, "company": None},
    "project": {"parent": PROJECTS, "user": USERS, "company": None},
    "queue": {"user": USERS, "company": None},
}


def find_joined(
    store: Store, collection: Collection, body: Document, extra: Sequence[str] = ()
) -> tuple[list[Document], str]:
    """As `documents.find`, with each reference as `{id, ...}`."""
    known = REFERENCES[collection.noun]
    fields, wanted = _split(known, body.get("only_fields") or body.get("projection"))
    documents, scroll_id = find(store, collection, {**body, "only_fields": fields, "projection": None}, extra)
    for path, target in known.items():
        places = [place for document in documents for place in _places(document, path.split("."))]
        found = _lookup(store, path, target, {str(holder[key]) for holder, key in places}, wanted.get(path, set()))
        for holder, key in places:
            holder[key] = {"id": holder[key], **found.get(holder[key], {})}
    return documents, scroll_id


def widened(store: Store, body: Document) -> Document:
    """With `include_subprojects`, the wanted projects and everything below them."""
    wanted = body.get("project")
    if not body.get("include_subprojects") or not wanted:
        return body
    values = wanted if isinstance(wanted, list) else [wanted]
    plain = [value for value in values if isinstance(value, str) and not value.startswith(("-", "__$"))]
    # A tree by recursion in SQL: one statement, however deep.
    rows = store.db.connection.execute(
        "WITH RECURSIVE below (id) AS (SELECT value FROM json_each(?) UNION"
        " SELECT p.id FROM projects p JOIN below ON p.parent = below.id) SELECT id FROM below",
        (json.dumps(plain),),
    )
    more = [row[0] for row in rows if row[0] not in plain]
    # Right after the first plain value, so that the operators before and behind keep their meaning.
    at = values.index(plain[0]) + 1 if plain else 0
    return {**body, "project": [*values[:at], *more, *values[at:]]}


def _split(known: dict[str, Collection | None], only_fields: Any) -> tuple[Any, dict[str, set[str]]]:
    """`project.name` asks for `project`, joined with `name`."""
    if not isinstance(only_fields, list):
        return only_fields, {}
    fields: list[Any] = []
    wanted: dict[str, set[str]] = {}
    for name in only_fields:
        path = next((path for path in known if isinstance(name, str) and name.startswith(f"{path}.")), None)
        fields.append(path or name)
        if path:
            wanted.setdefault(path, set()).add(name[len(path) + 1 :])
    return fields, wanted


def _places(document: Any, keys: list[str]) -> Iterator[tuple[Document, str]]:
    """Every (object, key) where the path ends in a reference."""
    if isinstance(document, list):
        for item in document:
            yield from _places(item, keys)
    elif isinstance(document, dict) and isinstance(document.get(keys[0]), (dict, list, str)):
        if len(keys) > 1:
            yield from _places(document[keys[0]], keys[1:])
        elif document[keys[0]] and isinstance(document[keys[0]], str):
            yield document, keys[0]


def _lookup(store: Store, path: str, target: Collection | None, ids: set[str], fields: set[str]) -> dict[str, Document]:
    fields = fields - {"id"}
    if not ids or not fields:
        return {}
    if path == "company":
        return {store.owner.company: {"name": store.owner.company_name}} if "name" in fields else {}
    if target is None:
        return {}
    known = [name for name in fields if name.split(".")[0] in target.fields]
    found: dict[str, Document] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        body = {"id": wanted[start : start + 500], "only_fields": known or ["id"]}
        found.update({document.pop("id"): document for document in find(store, target, body)[0]})
    return found
