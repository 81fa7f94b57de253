"""Copies of a living database, and whether a copy is sound."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ...errors import Conflict
from .migrate import latest, read_meta
from .sqlite import Database


def copy_living(db: Database, target: Path) -> dict[str, str]:
    """A consistent copy at one moment, while others go on writing; returns its `meta`."""
    with db.guard():
        copy = sqlite3.connect(target)
        try:
            # All pages in one step, in one reading transaction: writers go on beside it, and it never starts anew.
            db.connection.backup(copy)
            # One plain file: without this its reader would look for a WAL beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            return read_meta(copy)
        finally:
            copy.close()


def check(path: Path) -> dict[str, str]:
    """The `meta` of a database file that is whole and not newer than this program. Raises Conflict for any other."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            meta = read_meta(connection)
        finally:
            connection.close()
    except sqlite3.Error as exc:
        raise Conflict(f"the database of the backup is damaged: {exc}", hint="take another backup") from exc
    if found != "ok" or broken is not None or "version" not in meta:
        raise Conflict(f"the database of the backup is damaged: {found}", hint="take another backup")
    if latest() < int(meta.get("oldest_reader", meta["version"])):
        raise Conflict(
            f"the backup was made by a newer mlops (version {meta['version']})", hint="pip install -U mlops_cli"
        )
    return meta
