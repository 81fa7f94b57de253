"""A real store for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store
from mlops_cli.testing.store import temporary_store

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with temporary_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def call(store: Store) -> Call:
    """`call("tasks.get_all", name="x")` as a client would."""

    def run(endpoint: str, body: dict[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
        return dispatch(store, endpoint, {**(body or {}), **fields})

    return run
