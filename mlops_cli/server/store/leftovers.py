"""What a deleted task or model leaves behind: events, models, and files of our own store that nobody else names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache

from ..db.sqlite import Connection
from ..query import dates
from ..query.collections import MODELS
from . import events
from .documents import Document, change
from .store import Store
from .task_fields import artifact_key

DELETED = "__DELETED__"


@cache
def _ours() -> re.Pattern[str]:
    return re.compile(r"files/(?:[0-9a-f]{2}/[0-9a-f]{64}/[^/\"\\]+|named/[^\"\\]+)")


class Urls:
    """The files that were named by what is gone, as they were stored."""

    __slots__ = ("artifact_urls", "event_urls", "model_urls")

    def __init__(self, artifact_urls: list[str] | None = None) -> None:
        self.model_urls: list[str] = []
        self.artifact_urls = artifact_urls or []
        self.event_urls: list[str] = []

    def all(self) -> list[str]:
        return [*self.model_urls, *self.artifact_urls, *self.event_urls]

    def add(self, more: Urls) -> None:
        self.model_urls += more.model_urls
        self.artifact_urls += more.artifact_urls
        self.event_urls += more.event_urls

    def answer(self, store: Store) -> dict[str, list[str]]:
        return {
            "model_urls": [store.files.absolute(url) for url in self.model_urls],
            "artifact_urls": [store.files.absolute(url) for url in self.artifact_urls],
            "event_urls": [store.files.absolute(url) for url in self.event_urls],
        }


def drop_events(connection: Connection, owner: str) -> list[str]:
    """Deletes what a task or model reported; returns the files that its events named."""
    rows = connection.execute("SELECT body FROM events WHERE task = ?", (owner,)).fetchall()
    urls = [url for url in (events.unpack(row["body"]).get("url") for row in rows) if isinstance(url, str) and url]
    events.delete_all(connection, owner)
    return urls


def untie_models(connection: Connection, task_id: str) -> int:
    """Lets the models that the task made remember that it is gone; returns how many."""
    rows = connection.execute("SELECT seq FROM models WHERE task = ?", (task_id,)).fetchall()
    for row in rows:
        change(connection, MODELS, row["seq"], {"task": DELETED + task_id, "last_change": dates.now()})
    return len(rows)


def drop_draft_models(connection: Connection, task_id: str) -> tuple[int, Urls]:
    """Deletes the unpublished models that the task made; returns how many, and their files."""
    urls = Urls()
    rows = connection.execute("SELECT seq, id, uri FROM models WHERE task = ? AND NOT ready", (task_id,)).fetchall()
    for row in rows:
        urls.event_urls += drop_events(connection, row["id"])
        urls.model_urls += [row["uri"]] if row["uri"] else []
        connection.execute("DELETE FROM models WHERE seq = ?", (row["seq"],))
    return len(rows), urls


def artifact_urls(execution: Document, *, with_inputs: bool = True) -> list[str]:
    return [
        item["uri"]
        for item in execution.get("artifacts") or ()
        if item.get("uri") and (with_inputs or artifact_key(item)[1] != "input")
    ]


def sweep(store: Store, urls: Iterable[str]) -> int:
    """Deletes files of our own store that no document names any more; returns how many. Other links are left alone.

    Called after the transaction that removed the documents: a crash in between leaves a file too many, never a
    document whose file is gone.
    """
    ours = {store.files.relative(url) for url in urls if store.files.owns(url)}
    if not ours:
        return 0
    with store.db.read() as connection:
        for text in _texts(connection):
            for found in _ours().findall(text):
                ours.discard(found)
    return sum(store.files.delete(url) for url in ours)


def _texts(connection: Connection) -> Iterator[str]:
    """Every stored text that may name a file."""
    for statement in (
        "SELECT execution FROM task_sections WHERE execution LIKE '%\"uri\"%'",
        "SELECT uri FROM models WHERE uri IS NOT NULL",
    ):
        for row in connection.execute(statement):
            yield row[0]
    for row in connection.execute(
        "SELECT body FROM events WHERE type = 'training_debug_image' OR typeof(body) = 'text'"
    ):
        yield row[0] if isinstance(row[0], str) else json.dumps(events.unpack(row[0]))
