"""The tasks service, reading: what lists and shows tasks. It loads nothing that only writing needs."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput
from ..query.collections import TASKS
from ..store import references
from ..store.documents import find, get
from ..store.store import Caller, Store

Body = dict[str, Any]


def get_by_id(store: Store, body: Body, caller: Caller) -> Body:
    return {"task": get(store, TASKS, body.get("task"), body.get("only_fields"))}


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    tasks, scroll_id = find(store, TASKS, references.widened(store, body))
    return {"tasks": tasks, "scroll_id": scroll_id} if scroll_id else {"tasks": tasks}


def get_all_ex(store: Store, body: Body, caller: Caller) -> Body:
    tasks, scroll_id = references.find_joined(store, TASKS, references.widened(store, body))
    return {"tasks": tasks, "scroll_id": scroll_id} if scroll_id else {"tasks": tasks}


def get_by_id_ex(store: Store, body: Body, caller: Caller) -> Body:
    if not body.get("id"):
        raise InvalidInput("Required field missing: id", subcode=11)
    return {"tasks": references.find_joined(store, TASKS, body)[0]}
