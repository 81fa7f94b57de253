"""The points of one series in the store: appended, spliced and read back chunk by chunk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import reduce

from ..db.sqlite import Connection
from ..series.chunks import CHUNK, NAN, Summary, combine, cut, merge, summarize
from ..series.columns import Points, decode, encode

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_COLUMNS = ", ".join(Summary._fields)
_SET = ", ".join(f"{name} = ?" for name in Summary._fields[1:])
_UPDATE = f"UPDATE chunks SET {_SET} WHERE series = ? AND first_step = ?"  # noqa: S608
_INSERT = f"INSERT INTO chunks (series, {_COLUMNS}) VALUES ({', '.join('?' * 14)})"  # noqa: S608


def append(connection: Connection, series: int, points: Points) -> Summary:
    """Stores the points, where a step that is there already gets the new value; returns the summary of what came.

    Must run inside a transaction. `points` must be in order and not empty.
    """
    tail = connection.execute(
        "SELECT first_step, last_step, size FROM chunks WHERE series = ? ORDER BY first_step DESC LIMIT 1",
        (series,),
    ).fetchone()
    if tail is None:
        return reduce(combine, _insert(connection, series, cut(points)))
    if points.steps[0] <= tail[1]:
        _splice(connection, series, points)
        return _summarize_all(points)
    room = CHUNK - tail[2]
    if room <= 0:
        return reduce(combine, _insert(connection, series, cut(points)))
    head, rest = points.part(0, room), points.part(room, len(points.steps))
    _replace(connection, series, tail[0], head)
    found = summarize(head)
    return reduce(combine, _insert(connection, series, cut(rest)), found) if rest.steps else found


def summaries(connection: Connection, series: int) -> list[Summary]:
    """The summaries of all chunks, ascending by step."""
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM chunks WHERE series = ? ORDER BY first_step",  # noqa: S608
        (series,),
    ).fetchall()
    if any(None in row for row in rows):
        rows = [tuple(NAN if cell is None else cell for cell in row) for row in rows]
    return list(map(Summary._make, rows))


def open_chunk(connection: Connection, series: int, first_step: int) -> Points:
    """The points of the chunk that begins at `first_step`."""
    row = connection.execute(
        "SELECT data FROM chunk_data WHERE series = ? AND first_step = ?", (series, first_step)
    ).fetchone()
    return decode(row[0])


def count(connection: Connection, series: int) -> int:
    """How many points there are; each step counts once."""
    row = connection.execute("SELECT total(size) FROM chunks WHERE series = ?", (series,)).fetchone()
    return int(row[0])


def forward(connection: Connection, series: int, after: int | None = None) -> Iterator[Points]:
    """The points with steps above `after`, ascending, a chunk at a time."""
    at = _LEAST if after is None else after + 1
    while at <= _MOST:
        # A statement a chunk: a long walk holds no cursor open while the caller works.
        row = connection.execute(
            "SELECT last_step, first_step FROM chunks WHERE series = :series AND last_step >= :at AND first_step >="
            " coalesce((SELECT max(first_step) FROM chunks WHERE series = :series AND first_step <= :at), :at)"
            " ORDER BY first_step LIMIT 1",
            {"series": series, "at": at},
        ).fetchone()
        if row is None:
            return
        points = open_chunk(connection, series, row[1])
        yield points.part(bisect_left(points.steps, at), len(points.steps)) if points.steps[0] < at else points
        at = row[0] + 1


def backward(connection: Connection, series: int, before: int | None = None) -> Iterator[Points]:
    """The points with steps below `before`, in chunks of which each begins where the one after it ends."""
    while True:
        where = "" if before is None else " AND first_step < :before"
        row = connection.execute(
            f"SELECT first_step FROM chunks WHERE series = :series{where} ORDER BY first_step DESC LIMIT 1",  # noqa: S608
            {"series": series, "before": before},
        ).fetchone()
        if row is None:
            return
        points = open_chunk(connection, series, row[0])
        if before is not None and points.steps[-1] >= before:
            points = points.part(0, bisect_left(points.steps, before))
        if points.steps:
            yield points
        before = row[0]


def _insert(connection: Connection, series: int, pieces: Iterable[Points]) -> list[Summary]:
    found, blobs = [], []
    for piece in pieces:
        summary = summarize(piece)
        found.append(summary)
        blobs.append((series, summary.first_step, encode(piece)))
    connection.executemany(_INSERT, [(series, *summary) for summary in found])
    connection.executemany("INSERT INTO chunk_data (series, first_step, data) VALUES (?, ?, ?)", blobs)
    return found


def _replace(connection: Connection, series: int, first_step: int, new: Points) -> None:
    """Merges `new` into the chunk that begins at `first_step`, which may become several."""
    merged = merge(open_chunk(connection, series, first_step), new)
    size = len(merged.steps)
    if size <= CHUNK and merged.steps[0] == first_step:
        summary = summarize(merged)
        connection.execute(_UPDATE, (*summary[1:], series, first_step))
        connection.execute(
            "UPDATE chunk_data SET data = ? WHERE series = ? AND first_step = ?", (encode(merged), series, first_step)
        )
        return
    for table in ("chunks", "chunk_data"):
        connection.execute(f"DELETE FROM {table} WHERE series = ? AND first_step = ?", (series, first_step))  # noqa: S608
    pieces = -(-size // CHUNK)
    # Equal parts, else each point that comes late into a full chunk would leave a tiny one behind.
    _insert(connection, series, cut(merged, -(-size // pieces)))


def _splice(connection: Connection, series: int, points: Points) -> None:
    """Gives each chunk the points that fall between its beginning and the next one's."""
    firsts = [
        row[0]
        for row in connection.execute(
            "SELECT first_step FROM chunks WHERE series = :series AND first_step <= :last AND first_step >="
            " coalesce((SELECT max(first_step) FROM chunks WHERE series = :series AND first_step <= :first),"
            " (SELECT min(first_step) FROM chunks WHERE series = :series)) ORDER BY first_step",
            {"series": series, "first": points.steps[0], "last": points.steps[-1]},
        )
    ]
    if not firsts:  # all of it lies before the first chunk, which grows like a tail
        firsts = [connection.execute("SELECT min(first_step) FROM chunks WHERE series = ?", (series,)).fetchone()[0]]
    begin = 0
    for first_step, following in zip(firsts, [*firsts[1:], None], strict=True):
        end = len(points.steps) if following is None else bisect_left(points.steps, following, begin)
        if begin < end:
            _replace(connection, series, first_step, points.part(begin, end))
        begin = end


def _summarize_all(points: Points) -> Summary:
    return reduce(combine, map(summarize, cut(points)))
