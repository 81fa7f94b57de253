"""The projects service: finding, making and changing them."""

from __future__ import annotations

from typing import Any

from ..query.collections import PROJECTS
from ..store import projects
from ..store.documents import find, get
from ..store.store import Caller, Store

Body = dict[str, Any]


def get_by_id(store: Store, body: Body, caller: Caller) -> Body:
    return {"project": get(store, PROJECTS, body.get("project"), body.get("only_fields"))}


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    query, extra = projects.query(store, body)
    found, scroll_id = find(store, PROJECTS, query, extra)
    return {"projects": found, "scroll_id": scroll_id} if scroll_id else {"projects": found}


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": projects.create(store, body, caller)}


def update(store: Store, body: Body, caller: Caller) -> Body:
    fields = projects.update(store, body)
    return {"updated": 1, "fields": fields} if fields else {"updated": 0}


def move(store: Store, body: Body, caller: Caller) -> Body:
    return {"moved": projects.move(store, body, caller)}


def merge(store: Store, body: Body, caller: Caller) -> Body:
    return projects.merge(store, body)
