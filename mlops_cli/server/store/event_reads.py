"""Reading events: walks ordered by iteration, plots and images by their newest iterations, names of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...schemas.events import DOCUMENTS, SCALAR
from ..db.sqlite import Connection, Row
from . import points as stored
from .events import unpack
from .summaries import Series, find, is_wanted

if TYPE_CHECKING:
    from .store import Store

Wanted = Mapping[str, frozenset[str] | None] | None
Event = dict[str, Any]

PAGE = 200
"""Documents that a walk reads at a time: plots may be large."""

_FIELDS = "seq, task, type, metric, variant, iter, timestamp, worker, body"


def walk(
    connection: Connection,
    task: str,
    types: Sequence[str],
    wanted: Wanted,
    *,
    after: int | None = None,
    is_descending: bool = False,
) -> Iterator[Event]:
    """The events of a task by iteration, beyond iteration `after` in the walking direction."""
    walks: list[Iterator[Event]] = []
    if SCALAR in types:
        walks += [_scalars(connection, one, after, is_descending) for one in find(connection, task, wanted)]
    walks += [_documents(connection, task, kind, wanted, after, is_descending) for kind in types if kind in DOCUMENTS]
    return merge(*walks, key=itemgetter("iter"), reverse=is_descending)


def batch(events: Iterator[Event], size: int) -> list[Event]:
    """The first `size` events and those that share the iteration of the last one."""
    found = list(islice(events, size))
    if len(found) == size:
        last = found[-1]["iter"]
        for event in events:
            if event["iter"] != last:
                break
            found.append(event)
    return found


def total(connection: Connection, task: str, types: Sequence[str], wanted: Wanted) -> int:
    """How many events such a walk meets."""
    found = 0
    if SCALAR in types:
        found += sum(stored.count(connection, one.id) for one in find(connection, task, wanted))
    rows = connection.execute(
        "SELECT type, metric, variant, count(*) FROM events WHERE task = ? GROUP BY type, metric, variant", (task,)
    )
    return found + sum(int(row[3]) for row in rows if row[0] in types and is_wanted(wanted, row[1], row[2]))


def newest(connection: Connection, task: str, kind: str, iters: int, wanted: Wanted) -> list[Event]:
    """Of each metric and variant the newest iterations; sorted by metric and variant, newest first."""
    rows = connection.execute(
        f"SELECT {_FIELDS} FROM (SELECT *, dense_rank() OVER (PARTITION BY metric, variant ORDER BY iter DESC) AS place"  # noqa: S608
        " FROM events WHERE task = ? AND type = ?) WHERE place <= ? ORDER BY metric, variant, iter DESC, seq",
        (task, kind, iters),
    )
    return [_event(row) for row in rows if is_wanted(wanted, row["metric"], row["variant"])]


def iterations(
    connection: Connection,
    task: str,
    kind: str,
    wanted: Wanted,
    iters: int,
    *,
    below: int | None = None,
    above: int | None = None,
) -> list[tuple[int, list[Event]]]:
    """The newest iterations below `below`, or the oldest above `above`, with their events; newest first."""
    is_rising = above is not None
    edge = above if is_rising else below
    found: list[tuple[int, list[Event]]] = []
    for event in _documents(connection, task, kind, wanted, edge, not is_rising):
        if not found or found[-1][0] != event["iter"]:
            if len(found) == iters:
                break
            found.append((event["iter"], []))
        found[-1][1].append(event)
    return sorted(found, key=itemgetter(0), reverse=True)


def names(connection: Connection, task: str, types: Sequence[str]) -> dict[str, set[str]]:
    """The variants of each metric that has events of these types."""
    found: dict[str, set[str]] = {}
    if SCALAR in types:
        for series in find(connection, task):
            found.setdefault(series.metric, set()).add(series.variant)
    for kind in types:
        if kind not in DOCUMENTS:
            continue
        for row in connection.execute(
            "SELECT DISTINCT metric, variant FROM events WHERE task = ? AND type = ?", (task, kind)
        ):
            found.setdefault(row[0], set()).add(row[1])
    return found


def _scalars(connection: Connection, series: Series, after: int | None, is_descending: bool) -> Iterator[Event]:
    common = {"type": SCALAR, "task": series.task, "metric": series.metric, "variant": series.variant}
    parts = stored.backward if is_descending else stored.forward
    for points in parts(connection, series.id, after):
        steps, values, times = points
        rows = zip(steps, values, times, strict=True)
        for step, value, time in reversed(list(rows)) if is_descending else rows:
            yield {**common, "iter": step, "value": value, "timestamp": time, "worker": series.worker}


def _documents(
    connection: Connection, task: str, kind: str, wanted: Wanted, after: int | None, is_descending: bool
) -> Iterator[Event]:
    sign, order = ("<", "DESC") if is_descending else (">", "ASC")
    # A page at a time, found by (iter, seq): no cursor stays open while the caller works.
    place: tuple[int, int] | None = None
    where = "" if after is None else f" AND iter {sign} :after"
    while True:
        going_on = "" if place is None else f" AND (iter, seq) {sign} (:iter, :seq)"
        rows = connection.execute(
            f"SELECT {_FIELDS} FROM events WHERE task = :task AND type = :type{where}{going_on}"  # noqa: S608
            f" ORDER BY iter {order}, seq {order} LIMIT {PAGE}",
            {
                "task": task,
                "type": kind,
                "after": after,
                "iter": place and place[0],
                "seq": place and place[1],
            },
        ).fetchall()
        for row in rows:
            if is_wanted(wanted, row["metric"], row["variant"]):
                yield _event(row)
        if len(rows) < PAGE:
            return
        place = rows[-1]["iter"], rows[-1]["seq"]


def _event(row: Row) -> Event:
    return {
        "type": row["type"],
        "task": row["task"],
        "metric": row["metric"],
        "variant": row["variant"],
        "iter": row["iter"],
        "timestamp": row["timestamp"],
        "worker": row["worker"],
        **unpack(row["body"]),
    }


def absolute(store: Store, events: list[Event]) -> list[Event]:
    """The same events, where files of our own store are named so that anybody finds them."""
    for event in events:
        if isinstance(event.get("url"), str):
            event["url"] = store.files.absolute(event["url"])
    return events
