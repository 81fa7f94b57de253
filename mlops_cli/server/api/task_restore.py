"""Ours: an exported task comes back under its own id, in two steps around its events."""

from __future__ import annotations

from typing import Any

from ..store import restoring
from ..store.store import Caller, Store

Body = dict[str, Any]


def restore_begin(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": restoring.begin(store, body, caller)}


def restore_finish(store: Store, body: Body, caller: Caller) -> Body:
    restoring.finish(store, body, caller)
    return {"updated": 1}
