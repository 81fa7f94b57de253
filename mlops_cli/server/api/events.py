"""The `events` service on its way in: points, plots, images and console text, and our `add_columns`.

In process the lines of `add_batch` come as `{"events": [...]}`. In answers of this service, numbers that are not finite
stay floats and raw bytes stay bytes; a face that speaks JSON writes texts.
"""

from __future__ import annotations

import time
from typing import Any

from ...errors import InvalidInput
from ..store import batches, events
from ..store.intake import Intake, Owner, sort
from ..store.store import Caller, Store

Json = dict[str, Any]


def add_batch(store: Store, body: Json, caller: Caller) -> Json:
    """Stores the good events of a batch and counts the others by reason; refused when none was good."""
    lines = body.get("events", [])
    if not lines:
        raise InvalidInput("Batch contains no items", subcode=17)
    return _add(store, sort(lines, worker=caller.worker, now_ms=_now_ms()))


def add(store: Store, body: Json, caller: Caller) -> Json:
    return _add(store, sort([body], worker=caller.worker, now_ms=_now_ms()))


def add_columns(store: Store, body: Json, caller: Caller) -> Json:
    """One batch of one stream of a run, stored once; see the calls in the architecture page."""
    owner = Owner(body["task"], is_model=False, allow_locked=bool(body.get("allow_locked")))
    if body["next"] < body["offset"]:
        raise InvalidInput("Validation error: next lies before offset")
    worker = body.get("worker") or caller.worker
    share, errors = batches.read(owner, body, worker=worker, now_ms=_now_ms())
    offset = events.Offset(body["run"], body["stream"], body["offset"], body["next"])
    answer = events.add_columns(store, owner, share, offset)
    return {**answer, "errors": sum(errors.values()), "errors_info": dict(errors)}


def delete_for_task(store: Store, body: Json, _caller: Caller) -> Json:
    owner = Owner(body["task"], is_model=False, allow_locked=bool(body.get("allow_locked")))
    return {"deleted": events.delete_for_task(store, owner)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _add(store: Store, intake: Intake) -> Json:
    added, errors = events.add(store, intake)
    answer = {"added": added, "errors": sum(errors.values()), "errors_info": dict(errors)}
    if not added:
        raise InvalidInput(
            "Events not added: " + ", ".join(f"{text}={count}" for text, count in errors.items()),
            subcode=131,
            data=answer,
        )
    return answer
