"""The door to SQLite: one connection a thread, WAL, short writing transactions, and its errors in our words.

What is stored is decided in `store` and `series`; here is only how a connection is opened and a transaction held.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import Busy, Conflict, Denied, InvalidInput, MlopsError, Unreachable

BUSY_S = 10.0
"""How long a writer waits for another writer before it says so."""

Connection = sqlite3.Connection
Row = sqlite3.Row
"""What the rest of the server names of SQLite."""

SqlFunction = tuple[int, Callable[..., Any]]


class Database:
    """One SQLite file. Safe to share between threads: each gets a connection of its own.

    `functions` are SQL functions in Python, by name: (number of arguments, callable). They must be deterministic.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_s: float = BUSY_S,
        functions: Mapping[str, SqlFunction] | None = None,
    ) -> None:
        self.path = path
        self.is_read_only = False
        self._why_looking: MlopsError | None = None
        self._busy_s = busy_s
        self._functions = functions or {}
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode; for reading statements that stand alone."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._open()
            self._local.connection = found
            with self._lock:
                self._all.append(found)
        return found

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Several reading statements on one snapshot."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if _is_open(connection):
                connection.execute("COMMIT")

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One writing transaction; nested uses join the outer one.

        A durable one is on the disk when it returns, and with it all that was committed before. Raises Busy when
        another process holds the store for longer than the bounded wait.
        """
        connection = self.connection if self._why_looking is None else self._open_again()
        if connection.in_transaction:
            yield connection
            return
        if self.is_read_only:
            raise Conflict(
                f"the store was made by a newer mlops that allows this one to read only ({self.path})",
                hint="upgrade with `pip install -U mlops_cli`",
            )
        # Threads of one process queue up here: between processes SQLite can only sleep and try again.
        with self.guard(), self._turn():
            if durable:
                connection.execute("PRAGMA synchronous=FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # After an error such as a full disk SQLite may have rolled back by itself.
                if _is_open(connection):
                    connection.execute("ROLLBACK")
                raise
            finally:
                if durable:
                    connection.execute("PRAGMA synchronous=NORMAL")

    def look_only(self, why: MlopsError) -> bool:
        """Read on where no file can be made beside the store: on a read-only or full disk, in a foreign folder.

        False when that is impossible or would miss what only the WAL holds. A write tries the usual way again, and
        raises what stands in its way.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        try:
            if not self.path.stat().st_size or (wal.exists() and wal.stat().st_size):
                return False
        except OSError:
            return False
        self.close()
        self._why_looking = why
        return True

    def _open_again(self) -> sqlite3.Connection:
        why, self._why_looking = self._why_looking, None
        self.close()
        try:
            with self.guard():
                connection = self.connection
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
                return connection
        except MlopsError as exc:
            self.close()
            self._why_looking = why
            raise exc from exc.__cause__

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self._busy_s):
            raise Busy(f"the store is busy: others write to it ({self.path})", hint="try again")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turns what SQLite refuses, and what it cannot take as a value, into our errors."""
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as exc:
            raise self.explain(exc) from exc

    def close(self) -> None:
        with self._lock:
            connections, self._all = self._all, []
        for connection in connections:
            connection.close()
        self._local = threading.local()

    def explain(self, exc: Exception) -> MlopsError:
        """What happened, in our words and with what to do about it."""
        if isinstance(exc, UnicodeEncodeError):
            return InvalidInput("Validation error: a text is not valid Unicode (it holds a lone surrogate)")
        if isinstance(exc, (OverflowError, sqlite3.DataError)):
            return InvalidInput("Validation error: a number or text is too large to be stored")
        return _explain(str(exc), self.path)

    def _open(self) -> sqlite3.Connection:
        with self.guard():
            is_uri = self._why_looking is not None
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?immutable=1" if is_uri else self.path,
                timeout=self._busy_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                uri=is_uri,
            )
            connection.row_factory = sqlite3.Row
            # NORMAL in WAL: a power cut may lose the last commits, never the file; the spool sends those again.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA temp_store=MEMORY")
            for name, (arguments, function) in self._functions.items():
                connection.create_function(name, arguments, function, deterministic=True)
        return connection


_LIMITS = (
    "user-defined function raised exception",
    "Expression tree is too large",
    "parser stack overflow",
    "too many",
    "tables in a join",
    "too complex",
)
"""What SQLite says when a statement asks for more than it does."""


def _has_no_room(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _is_open(connection: sqlite3.Connection) -> bool:
    return connection.in_transaction


def _explain(text: str, path: Path) -> MlopsError:
    # SQLite tells these apart by code, but extended codes reach Python only from 3.11 and not for every error;
    # its words have not changed in twenty years.
    if "locked" in text or "busy" in text:
        return Busy(
            f"the store is held by another process ({path})", hint="try again; `mlops doctor` names the process"
        )
    # The memory that readers of a WAL share is a file, too: without room for it SQLite speaks of the disk.
    if "disk is full" in text or ("disk I/O error" in text and _has_no_room(path.parent)):
        return Unreachable(
            f"the disk is full: nothing can be written to the store ({path})",
            hint="free some space, or move the store with MLOPS_HOME; what is running goes on into its spool",
        )
    if "readonly" in text or "unable to open" in text or "attempt to write" in text:
        return Denied(
            f"the store cannot be opened for writing ({path})",
            hint="check who owns the folder, or choose another with MLOPS_HOME",
        )
    if "malformed" in text or "not a database" in text:
        return Unreachable(
            f"the store is damaged: {text} ({path})",
            hint="restore a `store.db.v*.bak` beside it, or move it away; runs that were not sent are sent again",
        )
    if "disk I/O error" in text:
        return Unreachable(
            f"the disk cannot be read or written: {text} ({path})", hint="see `dmesg`, or choose MLOPS_HOME"
        )
    if any(limit in text for limit in _LIMITS):
        return InvalidInput(f"Validation error: the query cannot be answered ({text})")
    return MlopsError(f"the store failed: {text} ({path})")
