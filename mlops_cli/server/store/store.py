"""Opens the store: the database beside its files, at the right version, and who owns it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from ...errors import Denied, Unreachable
from ..db.filesystem import refuse_network
from ..db.migrate import bring_up
from ..db.sqlite import Database
from ..files.local import LocalFiles
from ..query import dates
from ..query.patterns import FUNCTIONS


class Caller(NamedTuple):
    """Who calls. `worker` is the machine's name where the caller gave one; `key` the access key behind the session.

    `role` is `admin`, `user` or `viewer`; `origin` the network address, where there is one.
    """

    user: str
    user_name: str
    company: str
    company_name: str
    worker: str = ""
    role: str = "user"
    key: str = ""
    origin: str = ""


class Store(NamedTuple):
    """One store. Safe to share between threads and, through its file, between processes."""

    db: Database
    files: LocalFiles
    owner: Caller
    uid: str

    def close(self) -> None:
        self.db.close()


def open_store(path: Path, files: Path) -> Store:
    """Opens the store at `path`, with its files below `files`; makes or migrates it first when needed.

    Raises Refused (network file system), Denied (unwritable folder), Unreachable (disk full, damaged), Busy (held by
    another process), Conflict (made by a newer program, or to be migrated while a live run uses it).
    """
    folder = path.parent
    try:
        # Only its owner may look inside: parameters and console text may be private.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    refuse_network(folder)
    db = Database(path, functions=FUNCTIONS)
    try:
        try:
            meta = _bring_up(db, folder)
        except (Denied, Unreachable) as exc:
            # What is there can still be looked at.
            if not db.look_only(exc):
                raise
            meta = _bring_up(db, folder)
    except BaseException:
        db.close()
        raise
    owner = Caller(meta["user"], meta["user_name"], meta["company"], meta["company_name"], role="admin")
    return Store(db, LocalFiles(files), owner, meta["uid"])


def _bring_up(db: Database, folder: Path) -> dict[str, str]:
    with db.guard():
        meta = bring_up(db, runs=folder / "runs")
        return meta if "uid" in meta else _introduce(db, meta)


def new_id() -> str:
    """32 lower-case hex characters, as the API's ids are."""
    return os.urandom(16).hex()


def _introduce(db: Database, meta: dict[str, str]) -> dict[str, str]:
    """Gives a new store its own id, its company and its one user, once and for ever."""
    with db.write() as connection:
        found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        if "uid" in found:
            return found
        facts = {
            "uid": new_id(),
            "user": new_id(),
            "user_name": _login_name(),
            "company": new_id(),
            "company_name": "mlops",
            "made": str(int(time.time())),
        }
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        connection.execute(
            "INSERT INTO users (id, name, role, company, created)"
            " VALUES (:user, :user_name, 'admin', :company, :created)",
            {**facts, "created": dates.now()},
        )
    return {**meta, **facts}


def _login_name() -> str:
    import getpass  # noqa: PLC0415 - once in the life of a store

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


def _unwritable(folder: Path, exc: OSError) -> Denied | Unreachable:
    if isinstance(exc, PermissionError):
        return Denied(
            f"cannot make the folder {folder}: {exc.strerror}", hint="set MLOPS_HOME to a folder that you own"
        )
    return Unreachable(f"cannot make the folder {folder}: {exc.strerror}", hint="set MLOPS_HOME to another folder")
