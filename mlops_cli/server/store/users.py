"""Who is known to the store. An embedded store has one user, its owner."""

from __future__ import annotations

from ..query.collections import USERS
from .documents import Document, find, get
from .store import Caller, Store


def find_users(store: Store, body: Document, caller: Caller) -> tuple[list[Document], str]:
    users, scroll_id = find(store, USERS, body)
    return [with_company(user, caller) for user in users], scroll_id


def get_user(store: Store, user_id: object, caller: Caller, only_fields: object = None) -> Document:
    return with_company(get(store, USERS, user_id, only_fields), caller)


def with_company(user: Document, caller: Caller) -> Document:
    if user.get("company") == caller.company:
        user["company"] = {"id": caller.company, "name": caller.company_name}
    return user
