"""Access keys in the store: whose they are, and when they were last used. Secrets are here as hashes only."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...errors import Denied, NotFound
from ..auth import keys
from ..query import dates
from .store import Caller, Store

Document = dict[str, Any]

LAST_USED_S = 60
"""How exactly the last use is known: a write for each call would cost more than the call."""


class Known(NamedTuple):
    """A key as it is stored, with its user."""

    secret_hash: str
    user: str
    user_name: str
    role: str


def create(store: Store, user: str, label: str = "") -> Document:
    """A new key for a user. The answer holds the secret, for the only time."""
    pair = keys.new_pair()
    with store.db.write() as connection:
        if connection.execute("SELECT 1 FROM users WHERE id = ?", (user,)).fetchone() is None:
            raise NotFound(f"Invalid user id: id={user}", data={"id": user})
        connection.execute(
            "INSERT INTO credentials (access_key, user, secret_hash, label, created) VALUES (?, ?, ?, ?, ?)",
            (pair.access_key, user, keys.digest(pair.secret_key), label, dates.now()),
        )
    return {"access_key": pair.access_key, "secret_key": pair.secret_key, "label": label}


def of_user(store: Store, user: str) -> list[Document]:
    rows = store.db.connection.execute(
        "SELECT access_key, label, created, last_used, last_used_from FROM credentials WHERE user = ?"
        " ORDER BY created, access_key",
        (user,),
    )
    return [dict(row) for row in rows]


def edit(store: Store, access_key: str, label: str, caller: Caller) -> int:
    with store.db.write() as connection:
        _owned(store, access_key, caller)
        return connection.execute("UPDATE credentials SET label = ? WHERE access_key = ?", (label, access_key)).rowcount


def revoke(store: Store, access_key: str, caller: Caller) -> int:
    with store.db.write() as connection:
        _owned(store, access_key, caller)
        return connection.execute("DELETE FROM credentials WHERE access_key = ?", (access_key,)).rowcount


def find(store: Store, access_key: str) -> Known | None:
    row = store.db.connection.execute(
        "SELECT c.secret_hash, u.id, u.name, u.role FROM credentials c JOIN users u ON u.id = c.user"
        " WHERE c.access_key = ?",
        (access_key,),
    ).fetchone()
    return None if row is None else Known(*row)


def note_use(store: Store, access_key: str, origin: str) -> None:
    """When and from where the key was last used, about once a minute."""
    with store.db.write() as connection:
        connection.execute(
            "UPDATE credentials SET last_used = :now, last_used_from = :origin WHERE access_key = :key"
            " AND (last_used IS NULL OR julianday(:now) - julianday(last_used) > :age OR last_used_from <> :origin)",
            {"now": dates.now(), "origin": origin, "key": access_key, "age": LAST_USED_S / 86400},
        )


def count(store: Store) -> int:
    return int(store.db.connection.execute("SELECT count(*) FROM credentials").fetchone()[0])


def _owned(store: Store, access_key: str, caller: Caller) -> None:
    known = find(store, access_key)
    if known is None or (known.user != caller.user and caller.role != "admin"):
        # The same answer for a key of somebody else: whether it exists is not the caller's to know.
        raise Denied(f"no such access key of yours: {access_key[:40]}", subcode=21)
