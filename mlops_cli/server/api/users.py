"""The users service."""

from __future__ import annotations

from typing import Any

from ..store import users
from ..store.store import Caller, Store

Body = dict[str, Any]


def get_current_user(store: Store, body: Body, caller: Caller) -> Body:
    return {"user": users.get_user(store, caller.user, caller), "settings": {}, "getting_started": None}


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    found, scroll_id = users.find_users(store, body, caller)
    return {"users": found, "scroll_id": scroll_id} if scroll_id else {"users": found}


get_all_ex = get_all


def get_by_id(store: Store, body: Body, caller: Caller) -> Body:
    return {"user": users.get_user(store, body.get("user"), caller, body.get("only_fields"))}


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": users.create(store, body["name"], body.get("role", "user"), caller)}


def update(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": users.update(store, body["user"], body), "fields": {}}


def delete(store: Store, body: Body, caller: Caller) -> Body:
    return {"deleted": users.delete(store, body["user"])}
