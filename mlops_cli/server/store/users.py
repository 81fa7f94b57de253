"""Who is known to the store. An embedded store has one user, its owner."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import Conflict, NotFound
from ..query import dates
from ..query.collections import USERS
from .documents import Document, find, get
from .store import Caller, Store, new_id


class Member(NamedTuple):
    user: str
    user_name: str
    role: str


def find_users(store: Store, body: Document, caller: Caller) -> tuple[list[Document], str]:
    users, scroll_id = find(store, USERS, body)
    return [with_company(user, caller) for user in users], scroll_id


def get_user(store: Store, user_id: object, caller: Caller, only_fields: object = None) -> Document:
    return with_company(get(store, USERS, user_id, only_fields), caller)


def with_company(user: Document, caller: Caller) -> Document:
    if user.get("company") == caller.company:
        user["company"] = {"id": caller.company, "name": caller.company_name}
    return user


def find_role(store: Store, user_id: str) -> Member | None:
    row = store.db.connection.execute("SELECT id, name, role FROM users WHERE id = ?", (user_id,)).fetchone()
    return None if row is None else Member(*row)


def create(store: Store, name: str, role: str, caller: Caller) -> str:
    made = new_id()
    with store.db.write() as connection:
        if connection.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone() is not None:
            raise Conflict(f"Value already exists: user: name={name}", subcode=801, hint="choose another name")
        connection.execute(
            "INSERT INTO users (id, name, role, company, created) VALUES (?, ?, ?, ?, ?)",
            (made, name, role, caller.company, dates.now()),
        )
    return made


def update(store: Store, user_id: str, fields: Document) -> int:
    with store.db.write() as connection:
        member = _known(store, user_id)
        if fields.get("role", "admin") != "admin":
            _check_not_last(store, member)
        connection.execute(
            "UPDATE users SET name = ?, role = ? WHERE id = ?",
            (fields.get("name", member.user_name), fields.get("role", member.role), user_id),
        )
    return 1


def delete(store: Store, user_id: str) -> int:
    """Removes a user with its keys; its tasks stay, under its id."""
    with store.db.write() as connection:
        member = _known(store, user_id)
        _check_not_last(store, member)
        if user_id == store.owner.user:
            raise Conflict(f"the owner of the store cannot be deleted: {member.user_name}", hint="revoke its keys")
        return connection.execute("DELETE FROM users WHERE id = ?", (user_id,)).rowcount


def _known(store: Store, user_id: str) -> Member:
    member = find_role(store, user_id)
    if member is None:
        raise NotFound(f"Invalid user id: id={user_id}", data={"id": user_id})
    return member


def _check_not_last(store: Store, member: Member) -> None:
    admins = store.db.connection.execute("SELECT id FROM users WHERE role = 'admin'").fetchall()
    if [row[0] for row in admins] == [member.user]:
        raise Conflict(f"the last admin: {member.user_name}", hint="make another one first")
