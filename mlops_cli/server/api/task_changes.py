"""The tasks service, writing: what makes, changes and ends tasks."""

from __future__ import annotations

from typing import Any

from ..store import tasks
from ..store.store import Caller, Store

Body = dict[str, Any]


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": tasks.create(store, body, caller)}
