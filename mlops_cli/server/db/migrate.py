"""Brings a store to the version of this program: backup, then all missing numbered steps in one transaction.

`meta` in the store holds its version and the oldest program versions that may read and write it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from ... import __version__
from ...errors import Conflict, Unreachable
from .sqlite import BUSY_S, Database

STEPS = Path(__file__).parent / "migrations"


def latest() -> int:
    """The version that this program makes."""
    return max(number for number, _ in _steps())


def bring_up(db: Database, *, runs: Path) -> dict[str, str]:
    """Makes, migrates or refuses the store, and returns its `meta`. Costs one read when there is nothing to do."""
    meta = read_meta(db.connection) if db.path.exists() else {}
    ours, theirs = latest(), int(meta.get("version", 0))
    if theirs == ours:
        return meta
    if theirs > ours:
        return _accept_newer(db, meta, ours)
    if theirs:
        _refuse_while_live(runs)
        _back_up(db, theirs)
    return _apply(db, ours)


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """The store's own facts; empty for a file that is not yet a store."""
    try:
        return dict(connection.execute("SELECT key, value FROM meta").fetchall())
    except sqlite3.OperationalError as exc:
        if "no such table" in str(exc):
            return {}
        raise


def statements(script: str) -> Iterator[str]:
    """The single statements of a script: `executescript` would commit the transaction that we hold."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending


def live_runs(runs: Path) -> list[str]:
    """The runs that another version of the program holds: those marked live whose lock is held by one.

    A run of this version, the caller's own first of all, opens the store as it will be: it holds nothing up.
    """
    try:
        names = [entry.name for entry in (runs / "live").iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if _is_held_by_another(runs / name / "lock"))


def _steps() -> list[tuple[int, Path]]:
    return sorted((int(path.name.split("_", 1)[0]), path) for path in STEPS.iterdir() if path.suffix == ".sql")


def _accept_newer(db: Database, meta: dict[str, str], ours: int) -> dict[str, str]:
    if ours < int(meta.get("oldest_reader", meta["version"])):
        raise Conflict(
            f"the store was made by a newer mlops (version {meta['version']}, this program knows {ours}): {db.path}",
            hint="upgrade with `pip install -U mlops_cli`, or choose another folder with MLOPS_HOME",
        )
    db.is_read_only = ours < int(meta.get("oldest_writer", meta["version"]))
    return meta


def _refuse_while_live(runs: Path) -> None:
    live = live_runs(runs)
    if live:
        raise Conflict(
            f"the store must be migrated, but {len(live)} live run(s) of another version of mlops use it: "
            f"{', '.join(live[:3])}",
            hint="wait until they have ended, then repeat the command",
            data={"runs": live},
        )


def _is_held_by_another(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _version_of_holder(descriptor) != __version__
    finally:
        os.close(descriptor)
    return False


def _version_of_holder(descriptor: int) -> str:
    """What the holder wrote of itself; the first releases wrote no version."""
    try:
        return str(json.loads(os.pread(descriptor, 4096, 0)).get("version", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _back_up(db: Database, version: int) -> None:
    """A whole copy beside the store, under its final name only once it is complete."""
    target = db.path.with_name(f"{db.path.name}.v{version}.bak")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        db.connection.execute("VACUUM INTO ?", (str(part),))
        # Another process may have migrated the store meanwhile: what it backed up is not to be overwritten.
        if _version_of(part) == version:
            part.replace(target)
        part.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as exc:
        part.unlink(missing_ok=True)
        raise Unreachable(
            f"the store must be migrated, but its backup failed: {exc} ({target})",
            hint="free some space beside the store, then repeat the command",
        ) from exc


def _version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(read_meta(connection).get("version", 0))
    finally:
        connection.close()


def _apply(db: Database, ours: int) -> dict[str, str]:
    _use_wal(db)
    with db.write() as connection:
        # Somebody else may have done it while we waited for the lock.
        meta = read_meta(connection)
        theirs = int(meta.get("version", 0))
        if theirs >= ours:
            return meta
        connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        facts = {"oldest_reader": "1", "oldest_writer": "1", **meta}
        for number, path in _steps():
            if number > theirs:
                script = path.read_text(encoding="utf-8")
                for statement in statements(script):
                    connection.execute(statement)
                facts.update(_allowed(script))
        facts["version"] = str(ours)
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())
        return facts


def _allowed(script: str) -> dict[str, str]:
    found = {}
    for line in script.splitlines():
        if not line.startswith("--"):
            break
        key, _, value = line.removeprefix("--").partition(":")
        if key.strip() in ("oldest_reader", "oldest_writer"):
            found[key.strip()] = str(int(value))
    return found


def _use_wal(db: Database) -> None:
    """WAL is a property of the file. Changing to it does not wait for others by itself, so it is tried for a while."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
