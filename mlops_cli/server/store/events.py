"""What a run reports, on its way in and out of existence: one batch is one transaction, with its effects on the task.

`add` stores API events; `add_columns` one batch of one stream of a run, exactly once. Reading is in `event_reads`.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import Conflict, InvalidInput, NotFound
from ...schemas.events import counts
from ...schemas.status import PUBLISHED, PUBLISHING
from ..db.sqlite import Connection
from ..query import dates
from . import console
from .intake import Document, Intake, Owner, Share
from .summaries import record

if TYPE_CHECKING:
    from .store import Store

UNKNOWN_TASK, UNKNOWN_MODEL = "unknown task id", "unknown model id"
LOCKED_TASK, LOCKED_MODEL = "task is published", "model is ready"

DEFLATE_BYTES = 512
"""Bodies larger than this are deflated."""


class Offset(NamedTuple):
    """The part of a stream that a batch holds: `run` and `stream` name it, `start` to `next` is what it covers."""

    run: str
    stream: str
    start: int
    next: int


def add(store: Store, intake: Intake) -> tuple[int, Counter[str]]:
    """Stores what can be stored; returns how many events that were, and the others by reason."""
    errors = Counter(intake.errors)
    added = 0
    with store.db.write() as connection:
        for owner, share in intake.shares.items():
            refusal = _refusal(connection, owner)
            if refusal:
                errors[refusal] += share.size
                continue
            _store(store, connection, owner, share)
            added += share.size
    return added, errors


def add_columns(store: Store, owner: Owner, share: Share, offset: Offset) -> dict[str, Any]:
    """Stores one batch of a stream, once: offset, points, console and the stream's `next` in one transaction.

    Raises InvalidInput with `data["expected"]` when the batch does not begin where the stream ends.
    """
    with store.db.write() as connection:
        row = connection.execute(
            "SELECT next FROM streams WHERE run = ? AND stream = ?", (offset.run, offset.stream)
        ).fetchone()
        expected = 0 if row is None else int(row[0])
        if offset.next <= expected:
            return {"added": 0, "skipped": True, "next": expected}
        if offset.start != expected:
            raise InvalidInput(
                f"stream {offset.stream} of run {offset.run} goes on at {expected}, not at {offset.start}",
                hint="send again from the expected offset",
                data={"expected": expected},
            )
        refuse(connection, owner)
        _store(store, connection, owner, share)
        connection.execute(
            "INSERT INTO streams (run, stream, task, next) VALUES (:run, :stream, :task, :next)"
            " ON CONFLICT (run, stream) DO UPDATE SET next = :next, task = :task",
            {"run": offset.run, "stream": offset.stream, "task": owner.id, "next": offset.next},
        )
    return {"added": share.size, "skipped": False, "next": offset.next}


def refuse(connection: Connection, owner: Owner) -> None:
    """Raises when the events of this owner may not be written: it is unknown, or published."""
    reason = _refusal(connection, owner)
    if reason in (UNKNOWN_TASK, UNKNOWN_MODEL):
        raise unknown(owner.id, is_model=owner.is_model)
    if reason:
        raise Conflict(f"{reason}: id={owner.id}", hint="a published record does not change")


def unknown(owner: str, *, is_model: bool = False) -> NotFound:
    noun, subcode = ("model", 201) if is_model else ("task", 101)
    return NotFound(f"Invalid {noun} id: id={owner}", subcode=subcode)


def clear_log(store: Store, owner: Owner, *, before: int | None = None) -> int:
    """Deletes console entries, all or those before a time in ms; returns how many."""
    with store.db.write() as connection:
        refuse(connection, owner)
        return console.clear(connection, owner.id, before=before)


def delete_for_task(store: Store, owner: Owner) -> int:
    """Deletes all that a task reported; returns how many events that were."""
    with store.db.write() as connection:
        refuse(connection, owner)
        deleted = delete_all(connection, owner.id)
        connection.execute("UPDATE tasks SET last_change = ? WHERE id = ?", (dates.now(), owner.id))
    return deleted


def delete_all(connection: Connection, task: str) -> int:
    """Deletes every event of a task (or model), its series with their summaries included.

    The streams' offsets stay: what a living run sent before it is not sent again.
    """
    points, documents, entries = (
        int(connection.execute(statement, (task,)).fetchone()[0])
        for statement in (
            "SELECT coalesce(sum(size), 0) FROM chunks JOIN series ON series.id = chunks.series WHERE task = ?",
            "SELECT count(*) FROM events WHERE task = ?",
            "SELECT coalesce(sum(count), 0) FROM console WHERE task = ?",
        )
    )
    connection.execute("DELETE FROM series WHERE task = ?", (task,))
    connection.execute("DELETE FROM events WHERE task = ?", (task,))
    connection.execute("DELETE FROM console WHERE task = ?", (task,))
    return points + documents + entries


def pack(body: dict[str, Any]) -> str | bytes:
    text = json.dumps(body, separators=(",", ":"))
    return text if len(text) <= DEFLATE_BYTES else zlib.compress(text.encode(), 1)


def unpack(body: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body if isinstance(body, str) else zlib.decompress(body))
    return found


def _refusal(connection: Connection, owner: Owner) -> str:
    if owner.is_model:
        row = connection.execute("SELECT ready FROM models WHERE id = ?", (owner.id,)).fetchone()
        if row is None:
            return UNKNOWN_MODEL
        return LOCKED_MODEL if row[0] and not owner.allow_locked else ""
    row = connection.execute("SELECT status FROM tasks WHERE id = ?", (owner.id,)).fetchone()
    if row is None:
        return UNKNOWN_TASK
    return LOCKED_TASK if row[0] in (PUBLISHED, PUBLISHING) and not owner.allow_locked else ""


def _store(store: Store, connection: Connection, owner: Owner, share: Share) -> None:
    iterations = [document.iter for document in share.documents if counts(document.metric)]
    for (metric, variant), column in share.scalars.items():
        last = record(connection, owner.id, metric, variant, column)
        if counts(metric):
            iterations.append(last)
    connection.executemany(
        "INSERT INTO events (task, type, id, metric, variant, iter, timestamp, worker, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task, type, id) DO UPDATE SET"
        " timestamp = excluded.timestamp, worker = excluded.worker, body = excluded.body",
        [_row(store, owner.id, document) for document in share.documents],
    )
    if share.logs:
        console.append(connection, owner.id, share.logs)
    table = "models" if owner.is_model else "tasks"
    connection.execute(
        f"UPDATE {table} SET last_iteration = max(last_iteration, :iter), last_update = :now, last_change = :now"  # noqa: S608
        " WHERE id = :id",
        {"iter": max(iterations, default=0), "now": dates.now(), "id": owner.id},
    )


def _row(store: Store, task: str, document: Document) -> tuple[Any, ...]:
    url = document.body.get("url")
    # A file of our own store is named relative to it, so that moving the store breaks no link.
    body = {**document.body, "url": store.files.relative(url)} if isinstance(url, str) else document.body
    return (
        task,
        document.type,
        document.id,
        document.metric,
        document.variant,
        document.iter,
        document.timestamp,
        document.worker,
        pack(body),
    )
