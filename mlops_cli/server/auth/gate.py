"""Finds out who calls, from what came with the request, and whether that role may call the endpoint."""

from __future__ import annotations

import base64
import binascii
import math
import time
from typing import Any

from ...errors import Denied, Unauthorized
from ..store import credentials, users
from ..store.store import Caller, Store
from . import keys, roles, tokens
from .throttle import Throttle

COOKIE = "clearml_token_basic"


class TooMany(Denied):
    """429: clients wait and repeat."""

    code = "too_many"
    http_status = 429


class Gate:
    """The one door in. Remembers failed logins, nothing else: who may do what is read from the store each time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._throttle = Throttle()

    def admit(
        self, endpoint: str, authorization: str = "", *, cookie: str = "", origin: str = "", worker: str = ""
    ) -> Caller:
        """The caller, allowed to call the endpoint.

        Raises Unauthorized (who is it?), Denied (not with this role), TooMany (failed too often just now).
        """
        if endpoint in roles.OPEN:
            return Caller("", "", "", "", worker, "", "", origin)
        caller = self.identify(authorization, cookie=cookie, origin=origin)
        if not roles.allows(caller.role, endpoint):
            raise Denied(
                f"Forbidden (role not allowed): {endpoint}: role={caller.role}",
                hint=f"this needs the role {roles.needed(endpoint)}; an admin can give it",
            )
        return caller._replace(worker=worker)

    def identify(self, authorization: str, *, cookie: str = "", origin: str = "") -> Caller:
        """Basic, Bearer, or the cookie of a browser."""
        scheme, _, value = authorization.strip().partition(" ")
        scheme = scheme.lower()
        if scheme == "basic":
            return self._by_secret(value.strip(), origin)
        if scheme == "bearer":
            return from_token(self._store, value.strip())._replace(origin=origin)
        if scheme:
            raise Unauthorized("Unauthorized (bad authentication type)", subcode=10)
        if cookie:
            return from_token(self._store, cookie)._replace(origin=origin)
        raise Unauthorized(
            "Unauthorized (missing credentials)", subcode=20, hint="log in with `mlops auth login`, or send a key"
        )

    def _by_secret(self, encoded: str, origin: str) -> Caller:
        now = time.monotonic()
        wait = self._throttle.wait_s(origin, now)
        if wait:
            seconds = math.ceil(wait)
            raise TooMany(f"too many failed logins from {origin}: wait {seconds} s", data={"retry_after": seconds})
        try:
            access, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as exc:
            self._throttle.note_failure(origin, now)
            raise Unauthorized("Unauthorized (malformed credentials)", subcode=21) from exc
        known = credentials.find(self._store, access)
        # Compared in any case, so that an unknown key takes as long as a known one.
        if not keys.fits(secret, known.secret_hash if known else "") or known is None:
            self._throttle.note_failure(origin, now)
            raise Unauthorized(
                "Unauthorized (invalid credentials): wrong access key or secret",
                subcode=22,
                hint="check the key, or make a new one with `mlops auth token` on the server's machine",
            )
        credentials.note_use(self._store, access, origin)
        return _caller(self._store, known.user, known.user_name, known.role, access, origin)


def from_token(store: Store, token: str) -> Caller:
    """Raises Unauthorized unless the token is ours and valid, and its user and key still exist."""
    session = tokens.read(store, token)
    found = users.find_role(store, session.user) if not session.key else credentials.find(store, session.key)
    if found is None or found.user != session.user:
        raise Unauthorized("Unauthorized (revoked): the key of this token is gone", subcode=30, hint="log in again")
    return _caller(store, found.user, found.user_name, found.role, session.key)


def _caller(store: Store, user: str, name: str, role: str, key: str, origin: str = "") -> Caller:
    owner: Any = store.owner
    return Caller(user, name, owner.company, owner.company_name, "", role, key, origin)
