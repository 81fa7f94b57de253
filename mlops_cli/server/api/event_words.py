"""What the fields of a request of the events service mean: whose events, which types, which metrics."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput
from ...schemas.events import DOCUMENTS, SCALAR
from ..db.sqlite import Connection
from ..store import events
from ..store.event_reads import Wanted

Json = dict[str, Any]


def named(connection: Connection, owner: str, body: Json) -> str:
    """The name of the task (or model). Raises NotFound when there is none."""
    is_model = bool(body.get("model_events"))
    table = "models" if is_model else "tasks"
    row = connection.execute(f"SELECT name FROM {table} WHERE id = ?", (owner,)).fetchone()  # noqa: S608
    if row is None:
        raise events.unknown(owner, is_model=is_model)
    return str(row[0])


def needed(request: Json, name: str) -> Any:
    if not request.get(name):
        raise InvalidInput(f"Required field missing: {name}", subcode=11)
    return request[name]


def asked_types(body: Json) -> tuple[str, ...]:
    """The types asked for; console text has no iteration and is read by itself."""
    kind = body.get("event_type")
    return (SCALAR, *DOCUMENTS) if kind in (None, "", "all") else (kind,)


def asked_metrics(metrics: list[Json] | None) -> Wanted:
    if not metrics:
        return None
    found: dict[str, frozenset[str] | None] = {}
    for item in metrics:
        variants = frozenset(item.get("variants") or ())
        known = found.get(item["metric"], frozenset())
        found[item["metric"]] = variants | known if variants and known is not None else None
    return found
