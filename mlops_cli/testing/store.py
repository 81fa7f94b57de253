"""A real store in a temporary folder, and tasks to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..server.dispatch import dispatch
from ..server.store.store import Store, open_store


@contextmanager
def temporary_store(folder: Path) -> Iterator[Store]:
    """A store at `folder/store.db`, with its files in `folder/files`; closed at the end."""
    store = open_store(folder / "store.db", folder / "files")
    try:
        yield store
    finally:
        store.close()


def make_task(store: Store, name: str = "a task", **fields: Any) -> str:
    """A draft; returns its id."""
    return str(dispatch(store, "tasks.create", {"name": name, "type": "training", **fields})["id"])


def make_running_task(store: Store, name: str = "a task", **fields: Any) -> str:
    """A task in progress; returns its id."""
    task_id = make_task(store, name, **fields)
    dispatch(store, "tasks.started", {"task": task_id})
    return task_id


def make_project(store: Store, name: str, **fields: Any) -> str:
    return str(dispatch(store, "projects.create", {"name": name, **fields})["id"])
