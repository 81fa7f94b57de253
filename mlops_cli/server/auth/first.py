"""The first start of a server: an admin key, told once."""

from __future__ import annotations

from ..store import credentials
from ..store.store import Store


def first_key(store: Store) -> tuple[str, str] | None:
    """A key for the store's owner when there is no key at all yet; None on every later start."""
    with store.db.write():
        if credentials.count(store):
            return None
        made = credentials.create(store, store.owner.user, "made at the first start")
    return made["access_key"], made["secret_key"]
