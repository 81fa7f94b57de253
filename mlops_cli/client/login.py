"""Who we are to a server: an access key or a token exchanged for a session token, kept in a 0600 file until it ends.

Beside the token the file keeps what else holds as long: the server's version, whether it is one of ours, and which
calls it lacks. So a command costs one request more only once a month.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.credentials import Credentials
from ..errors import MlopsError, Unauthorized

Json = dict[str, Any]

MARGIN_S = 60.0
"""A token that ends so soon is not used any more: a call may take that long."""

REFUSED_S = 30.0
"""A wrong key does not become right: within this time the same refusal is given without asking again."""


class Session:
    """One server and one set of credentials. `exchange` makes a token of an `Authorization` header.

    Losing the file loses nothing but one login.
    """

    def __init__(
        self, server: str, credentials: Credentials | None, folder: Path, exchange: Callable[[str], str]
    ) -> None:
        self.server = server
        self.credentials = credentials
        self._exchange = exchange
        who = credentials.key or credentials.token if credentials else ""
        name = hashlib.sha256(f"{server}\n{who}".encode()).hexdigest()[:32]
        self._path = folder / f"{name}.json"
        self._facts: Json = self._read()
        self._refusal: tuple[float, MlopsError] | None = None

    def token(self) -> str:
        """A token that holds for a while. Raises Unauthorized with what to type when there is no way to one."""
        known = self._facts.get("token")
        if isinstance(known, str) and float(self._facts.get("exp") or 0) > time.time() + MARGIN_S:
            return known
        return self.renew("")

    def renew(self, stale: str) -> str:
        """A fresh token instead of one that was refused; another process may have fetched it already."""
        found = self._read()
        token = found.get("token")
        if isinstance(token, str) and token != stale and float(found.get("exp") or 0) > time.time() + MARGIN_S:
            self._facts = found
            return token
        if self._refusal is not None and time.monotonic() - self._refusal[0] < REFUSED_S:
            raise self._refusal[1]
        if self.credentials is None:
            raise Unauthorized(
                f"there are no credentials for {self.server}",
                hint="mlops auth login, or set CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY",
            )
        try:
            token = self._exchange(self.credentials.authorization())
        except Unauthorized as exc:
            self._refusal = time.monotonic(), exc
            raise
        claims = read_claims(token)
        kept = {"server": self.server, "token": token, "exp": _number(claims.get("exp")) or time.time() + 3600}
        self._facts = kept
        self._write()
        return token

    def claims(self) -> Json:
        """What the token says of the server and of us."""
        return read_claims(self.token())

    def fact(self, name: str) -> Any:
        return self._facts.get(name)

    def learn(self, **facts: Any) -> None:
        """Keep something about the server for as long as the token holds."""
        self._facts.update(facts)
        self._write()

    def forget(self) -> bool:
        """Take the token off this machine; whether there was one."""
        self._facts = {}
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    @property
    def expires_at(self) -> float | None:
        return _number(self._facts.get("exp"))

    def _read(self) -> Json:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and found.get("server") == self.server else {}

    def _write(self) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}.{os.urandom(3).hex()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as stream:
                json.dump(self._facts, stream)
            fresh.replace(self._path)
        except OSError:  # on a full disk we log in once more next time
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def read_claims(token: str) -> Json:
    """The claims of a JWT, unchecked: the server checks it, we only read what it tells us."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
