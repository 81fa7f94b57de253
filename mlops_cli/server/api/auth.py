"""The `auth` service: tokens for a caller who is known already, and access keys.

Who the caller is was found out by the face (HTTP), or needs no finding out (in process).
"""

from __future__ import annotations

from typing import Any

from ...errors import Denied, MlopsError
from ..auth import roles, tokens
from ..auth.gate import from_token
from ..store import credentials
from ..store.store import Caller, Store

Body = dict[str, Any]


def login(store: Store, body: Body, caller: Caller) -> Body:
    return {"token": tokens.issue(store, caller, body.get("expiration_sec"))}


def logout(store: Store, body: Body, caller: Caller) -> Body:
    return {}


def validate_token(store: Store, body: Body, caller: Caller) -> Body:
    try:
        found = from_token(store, body["token"])
    except MlopsError as exc:
        return {"valid": False, "msg": exc.message}
    return {"valid": True, "user": found.user, "company": found.company, "msg": ""}


def create_credentials(store: Store, body: Body, caller: Caller) -> Body:
    return {"credentials": credentials.create(store, _whose(body, caller), body.get("label", ""))}


def get_credentials(store: Store, body: Body, caller: Caller) -> Body:
    return {"credentials": credentials.of_user(store, _whose(body, caller)), "additional_credentials": {}}


def edit_credentials(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": credentials.edit(store, body["access_key"], body.get("label", ""), caller)}


def revoke_credentials(store: Store, body: Body, caller: Caller) -> Body:
    return {"revoked": credentials.revoke(store, body["access_key"], caller)}


def _whose(body: Body, caller: Caller) -> str:
    user = str(body.get("user", caller.user))
    if user != caller.user and caller.role != roles.ADMIN:
        raise Denied("only an admin may do this for somebody else")
    return user
