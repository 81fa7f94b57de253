"""Console text in the store: entries in the order of arrival, packed into compressed blocks, raw bytes kept.

An entry is either a piece of raw output (`events.add_columns`) or one log event of the API, whose text comes back as it
was sent. Entries are numbered from 0 per task; the numbers stay, so that a follower can go on from the last one.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...schemas.console import unfinished
from ..db.sqlite import Connection

BLOCK_BYTES = 64 * 1024
"""Raw text of a full block: what a tail decompresses at least."""

ENTRY_BYTES = 64 * 1024
"""Longer pieces of raw output are cut, at the end of a line where there is one; log events of the API never are."""

ENTRY_COST = 48
"""What an entry counts beside its text, so that a block of empty entries is full some day, too."""

RAW, EVENT = 0, 1

_LENGTH = struct.Struct("<I")
_LEVEL = 1  # zlib's fastest: 5x smaller than plain at about 100 MB/s


class Entry(NamedTuple):
    """`kind` is RAW or EVENT; `extra` holds the further fields of a log event."""

    timestamp: int
    level: str
    worker: str
    raw: bytes
    kind: int = RAW
    extra: dict[str, Any] | None = None


class Block(NamedTuple):
    first: int
    size: int
    lines: int
    time_min: int
    time_max: int


def append(connection: Connection, task: str, entries: Iterable[Entry]) -> int:
    """Adds entries at the end, growing the last block in place; returns how many were given."""
    tail = connection.execute(
        "SELECT first, count, bytes, data FROM console WHERE task = ? ORDER BY first DESC LIMIT 1", (task,)
    ).fetchone()
    first, size, given = 0, 0, 0
    pending: list[Entry] = []
    if tail is not None:
        first = tail["first"] + tail["count"]
        if tail["bytes"] + ENTRY_COST * tail["count"] < BLOCK_BYTES:
            pending = _unpack(tail["data"]) if tail["count"] else []
            first, size = tail["first"], tail["bytes"] + ENTRY_COST * len(pending)
    for entry in entries:
        given += 1
        for piece in _cut(entry):
            pending.append(piece)
            size += len(piece.raw) + ENTRY_COST
            if size >= BLOCK_BYTES:
                _write(connection, task, first, pending)
                first, pending, size = first + len(pending), [], 0
    if pending:
        _write(connection, task, first, pending)
    return given


def blocks(connection: Connection, task: str) -> list[Block]:
    """The blocks of a task, oldest first, unopened."""
    rows = connection.execute(
        "SELECT first, count, lines, time_min, time_max FROM console WHERE task = ? AND count > 0 ORDER BY first",
        (task,),
    )
    return [Block(*row) for row in rows]


def count(connection: Connection, task: str) -> int:
    row = connection.execute("SELECT coalesce(sum(count), 0) FROM console WHERE task = ?", (task,)).fetchone()
    return int(row[0])


def open_block(connection: Connection, task: str, first: int) -> list[Entry]:
    row = connection.execute("SELECT data FROM console WHERE task = ? AND first = ?", (task, first)).fetchone()
    return [] if row is None else _unpack(row[0])


def forward(connection: Connection, task: str, start: int = 0) -> Iterator[tuple[int, Entry]]:
    """Numbered entries from number `start` on, opening one block at a time."""
    while True:
        row = connection.execute(
            "SELECT first, count, data FROM console WHERE task = :task AND count > 0 AND first + count > :start"
            " AND first >= coalesce((SELECT max(first) FROM console WHERE task = :task AND first <= :start), 0)"
            " ORDER BY first LIMIT 1",
            {"task": task, "start": start},
        ).fetchone()
        if row is None:
            return
        for number, entry in enumerate(_unpack(row["data"]), row["first"]):
            if number >= start:
                yield number, entry
        start = row["first"] + row["count"]


def page(
    connection: Connection, task: str, size: int, *, earlier: bool, beyond: float | None = None
) -> list[tuple[int, Entry]]:
    """The first `size` numbered entries by time, from the newest back (`earlier`) or from the oldest on.

    `beyond` is a time in ms that is left behind, exclusively. All entries that share the last one's time come too.
    """
    sign = -1 if earlier else 1
    todo = []
    for block in blocks(connection, task):
        nearest, farthest = sorted((sign * block.time_min, sign * block.time_max))
        todo.append((nearest, farthest, block.first))
    start = None if beyond is None else sign * beyond
    found: list[tuple[int, int, Entry]] = []
    for nearest, farthest, first in sorted(todo):
        if start is not None and farthest <= start:
            continue
        if len(found) >= size and found[size - 1][0] < nearest:
            break
        for number, entry in enumerate(open_block(connection, task, first), first):
            if start is None or sign * entry.timestamp > start:
                found.append((sign * entry.timestamp, sign * number, entry))
        found.sort(key=lambda item: item[:2])
    if len(found) > size:
        last = found[size - 1][0]
        while size < len(found) and found[size][0] == last:
            size += 1
    return [(sign * number, entry) for _, number, entry in found[:size]]


def tail_start(connection: Connection, task: str, lines: int) -> int:
    """The number of the entry from which on there are at least `lines` whole lines, if there are so many."""
    rows = connection.execute(
        "SELECT first, lines FROM console WHERE task = ? AND count > 0 ORDER BY first DESC", (task,)
    )
    first, found = 0, 0
    for row in rows.fetchall():
        first = int(row["first"])
        # One more, because the oldest line may begin in the block before.
        if found + int(row["lines"]) > lines:
            break
        found += int(row["lines"])
    else:
        return first
    entries = open_block(connection, task, first)
    for back, entry in enumerate(reversed(entries), 1):
        found += _lines(entry)
        if found > lines:
            return first + len(entries) - back
    return first


def clear(connection: Connection, task: str, *, before: int | None = None) -> int:
    """Deletes the entries, or those with a time below `before` in ms; the numbering goes on. Returns how many."""
    deleted, after = 0, 0
    for block in blocks(connection, task):
        after = block.first + block.size
        if before is not None and block.time_min >= before:
            continue
        entries = open_block(connection, task, block.first)
        kept = [] if before is None else [entry for entry in entries if entry.timestamp >= before]
        deleted += len(entries) - len(kept)
        connection.execute("DELETE FROM console WHERE task = ? AND first = ?", (task, block.first))
        if kept:
            # Numbers of what stays must stay unique and ascending: the kept ones move to the block's end.
            _write(connection, task, block.first + block.size - len(kept), kept)
    if deleted and not count(connection, task):
        connection.execute("DELETE FROM console WHERE task = ?", (task,))
        connection.execute("INSERT INTO console VALUES (?, ?, 0, 0, 0, 0, 0, x'')", (task, after))
    return deleted


def _cut(entry: Entry) -> Iterator[Entry]:
    start = 0
    while entry.kind == RAW and len(entry.raw) - start > ENTRY_BYTES:
        end = entry.raw.rfind(b"\n", start, start + ENTRY_BYTES) + 1
        if not end:
            part = entry.raw[start : start + ENTRY_BYTES]
            end = start + len(part) - unfinished(part)
        yield entry._replace(raw=entry.raw[start:end])
        start = end
    yield entry._replace(raw=entry.raw[start:]) if start else entry


def _lines(entry: Entry) -> int:
    # The text of a log event ends a line even when it lacks the newline.
    is_open = entry.kind == EVENT and not entry.raw.endswith(b"\n")
    return entry.raw.count(b"\n") + int(is_open)


def _write(connection: Connection, task: str, first: int, entries: list[Entry]) -> None:
    times = [entry.timestamp for entry in entries]
    connection.execute(
        "INSERT OR REPLACE INTO console (task, first, count, lines, bytes, time_min, time_max, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task,
            first,
            len(entries),
            sum(map(_lines, entries)),
            sum(len(entry.raw) for entry in entries),
            min(times),
            max(times),
            _pack(entries),
        ),
    )


def _pack(entries: list[Entry]) -> bytes:
    """A JSON index and the raw bytes of all entries, deflated together."""
    index = json.dumps(
        [[e.timestamp, e.level, e.worker, len(e.raw), e.kind, *([e.extra] if e.extra else [])] for e in entries],
        separators=(",", ":"),
    ).encode()
    return zlib.compress(b"".join((_LENGTH.pack(len(index)), index, *(entry.raw for entry in entries))), _LEVEL)


def _unpack(data: bytes) -> list[Entry]:
    plain = zlib.decompress(data)
    at = _LENGTH.size + _LENGTH.unpack_from(plain)[0]
    found = []
    for timestamp, level, worker, size, kind, *extra in json.loads(plain[_LENGTH.size : at]):
        found.append(Entry(timestamp, level, worker, plain[at : at + size], kind, extra[0] if extra else None))
        at += size
    return found
