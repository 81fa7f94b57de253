"""Who we are to which server: from the environment, the keyring when there is one, else a file that only we can read.

Never from the command line, where every user of the machine sees it, and never from a project's file.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InvalidInput
from . import environ

FILE = "credentials.json"
_SERVICE = "mlops"


class Credentials(NamedTuple):
    """An access key with its secret, or a token. `origin` says where they were found."""

    key: str
    secret: str
    token: str = ""
    origin: str = ""

    def authorization(self) -> str:
        """The header that a login takes."""
        if self.key:
            return "Basic " + base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        return f"Bearer {self.token}"

    def __repr__(self) -> str:  # a traceback must not show the secret
        return f"Credentials({self.key or 'token'}, from {self.origin})"


def find(
    server: str, folder: Path, *, env: Mapping[str, str] = os.environ, from_env: bool = True
) -> Credentials | None:
    """What we have for this server. `from_env`: the environment means this server, not some other one."""
    return (from_environment(env) if from_env else None) or _stored(server, folder)


def from_environment(env: Mapping[str, str] = os.environ) -> Credentials | None:
    for key_name, secret_name in zip(environ.ACCESS_KEYS, environ.SECRET_KEYS, strict=True):
        if env.get(key_name) and env.get(secret_name):
            return Credentials(env[key_name], env[secret_name], origin=f"{key_name} and {secret_name}")
    for name in environ.TOKENS:
        if env.get(name):
            return Credentials("", "", env[name], origin=name)
    return None


def save(server: str, found: Credentials, folder: Path) -> str:
    """Keep them for this server; returns where."""
    table = _read(folder / FILE)
    if _put_in_keyring(server, found):
        table[server] = {"keyring": True}
        where = "the keyring"
    else:
        table[server] = {"access_key": found.key, "secret_key": found.secret, "token": found.token}
        where = str(folder / FILE)
    _write(folder / FILE, table)
    return where


def remove(server: str, folder: Path) -> bool:
    """Forget them; whether there were any."""
    table = _read(folder / FILE)
    if server not in table:
        return False
    if table[server].get("keyring") and (keyring := _keyring()) is not None:
        try:
            keyring.delete_password(_SERVICE, server)
        except Exception:  # noqa: S110 - backends raise what they like; the person asked to forget, and we do
            pass
    del table[server]
    _write(folder / FILE, table)
    return True


def servers(folder: Path) -> list[str]:
    """The servers that credentials are kept for."""
    return sorted(_read(folder / FILE))


def _stored(server: str, folder: Path) -> Credentials | None:
    item = _read(folder / FILE).get(server)
    if item is None:
        return None
    origin = str(folder / FILE)
    if item.get("keyring"):
        item, origin = _from_keyring(server), "the keyring"
    key, secret, token = (str(item.get(name) or "") for name in ("access_key", "secret_key", "token"))
    return Credentials(key, secret, token, origin) if (key and secret) or token else None


def _from_keyring(server: str) -> dict[str, Any]:
    keyring = _keyring()
    try:
        found = json.loads(keyring.get_password(_SERVICE, server) or "{}") if keyring is not None else {}
    except Exception:  # a locked keyring, or one without its service: as if there were none
        found = {}
    return found if isinstance(found, dict) else {}


def _put_in_keyring(server: str, found: Credentials) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    text = json.dumps({"access_key": found.key, "secret_key": found.secret, "token": found.token})
    try:
        keyring.set_password(_SERVICE, server, text)
        return bool(keyring.get_password(_SERVICE, server) == text)
    except Exception:
        return False


def _keyring() -> Any:
    """The optional library, when it has a place that keeps things; None else."""
    try:
        keyring = import_module("keyring")
        backend = keyring.get_keyring()
    except Exception:  # not installed, or broken where it is
        return None
    # The library's own words for "no place at all".
    return None if type(backend).__module__.rpartition(".")[2] in ("fail", "null") else keyring


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise InvalidInput(f"cannot read {path}: {exc}", hint="move it away, and `mlops auth login`") from exc
    return {key: item for key, item in found.items() if isinstance(item, dict)} if isinstance(found, dict) else {}


def _write(path: Path, table: Mapping[str, Any]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            json.dump(table, stream, indent=2)
        fresh.replace(path)
    except OSError as exc:
        fresh.unlink(missing_ok=True)
        raise InvalidInput(f"cannot write {path}: {exc.strerror or exc}") from exc
