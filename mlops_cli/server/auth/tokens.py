"""Tokens: JWTs with the claims that the API's clients read, signed with a key that lives in the store.

The clients decode a token without checking it; we check the signature, the expiry, and that its user and key exist.
"""

from __future__ import annotations

import secrets
import time
from functools import lru_cache
from typing import Any, NamedTuple

import jwt

from ...errors import Unauthorized
from ..store.store import Caller, Store, new_id
from ..version import API_VERSION, SERVER_VERSION

DEFAULT_S = 30 * 86400
MAX_S = 365 * 86400
_ALGORITHM = "HS256"


class Session(NamedTuple):
    """What a token says; whether its user and key still exist is the store's to say."""

    user: str
    key: str


def issue(store: Store, caller: Caller, expiration_s: int | None = None) -> str:
    now = int(time.time())
    claims = {
        "iat": now,
        "exp": now + min(max(expiration_s or DEFAULT_S, 1), MAX_S),
        "auth_type": "Bearer",
        "env": "<unknown>",
        "session_id": new_id(),
        "identity": {
            "user": caller.user,
            "company": caller.company,
            "role": caller.role,
            "user_name": caller.user_name,
            "company_name": caller.company_name,
        },
        "key": caller.key,
        "api_version": API_VERSION,
        "server_version": SERVER_VERSION,
        "server_build": "0",
        # Anything but `basic` makes clients call endpoints of the paid servers.
        "feature_set": "basic",
    }
    return jwt.encode(claims, signing_key(store), algorithm=_ALGORITHM)


def read(store: Store, token: str) -> Session:
    """Raises Unauthorized for a token that is malformed, not ours, or expired."""
    claims = _verified(token, signing_key(store))
    if claims["exp"] <= time.time():
        raise Unauthorized("Unauthorized (invalid token): the token has expired", subcode=30, hint="log in again")
    return Session(claims["identity"]["user"], claims["key"])


def signing_key(store: Store) -> str:
    """Kept in the store, so that tokens outlive a restart and a move; made when it is first needed."""
    known = _keys.get(store.uid)
    if known is None:
        known = _keys[store.uid] = _find_key(store)
    return known


_keys: dict[str, str] = {}


def _find_key(store: Store) -> str:
    query = "SELECT value FROM meta WHERE key = 'signing_key'"
    row = store.db.connection.execute(query).fetchone()
    if row is None:
        with store.db.write() as connection:
            made = ("signing_key", secrets.token_hex(32))
            connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", made)
            row = connection.execute(query).fetchone()
    return str(row[0])


@lru_cache(maxsize=1024)
def _verified(token: str, key: str) -> dict[str, Any]:
    """Signature and shape: what cannot change, so that it is checked once a token. Expiry is checked each time."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[_ALGORITHM], options={"verify_exp": False, "require": ["exp"]}
        )
        # Signed by us, so of the right types; an older version of ours may have left a claim out.
        float(claims["exp"]), claims["identity"]["user"], claims["key"]
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as exc:
        raise Unauthorized("Unauthorized (invalid token)", subcode=30, hint="log in again") from exc
    return claims
