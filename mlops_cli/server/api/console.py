"""Console text: as log events of the API, as it came (our `get_console`), and as a download."""

from __future__ import annotations

import json
import time
from typing import Any

from ...schemas.console import fold, read_text
from ...schemas.events import LOG
from ...schemas.status import ENDED
from ..store import console, curves, events
from ..store.intake import Owner
from ..store.store import Caller, Store
from . import scrolls
from .event_words import asked_metrics, named

Json = dict[str, Any]

BATCH = 500
LIMIT_BYTES = 1 << 20
LINE_FORMAT = "{asctime} {worker} {level} {msg}"


def get_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """Log events by time: UTF-8 text, progress lines folded; the raw bytes are in `get_console`."""
    is_earlier, beyond = body.get("navigate_earlier", True), body.get("from_timestamp")
    task, wanted = body["task"], asked_metrics(body.get("metrics"))
    with store.db.read() as connection:
        named(connection, task, {})
        total = console.count(connection, task)
        page = console.page(
            connection,
            task,
            body.get("batch_size", 5000),
            earlier=is_earlier,
            beyond=beyond,
        )
    order = body.get("order")
    if order and (order == "asc") == is_earlier:
        page.reverse()
    found = [_log_event(task, entry) for _, entry in page]
    if wanted is not None:
        found = [event for event in found if event.get("metric") in wanted]
    return {"events": found, "returned": len(found), "total": total}


def get_console(store: Store, body: Json, _caller: Caller) -> Json:
    """Ours: the console as it came, from the entry after `after`, or so that `tail_lines` whole lines are there.

    `{chunks: [{id, timestamp, level, worker, raw}], last, more, ended}`: `raw` is bytes (base64 text in JSON); pass
    `last` as the next `after`. About `limit_bytes` a call, one chunk at least. `ended`: the task had ended already when
    this was read, so that after the last chunk nothing more comes.
    """
    task, limit = body["task"], body.get("limit_bytes", LIMIT_BYTES)
    chunks: list[Json] = []
    used, has_more = 0, False
    with store.db.read() as connection:
        named(connection, task, {})
        status = connection.execute("SELECT status FROM tasks WHERE id = ?", (task,)).fetchone()["status"]
        start = body.get("after", -1) + 1
        if "tail_lines" in body and "after" not in body:
            start = console.tail_start(connection, task, body["tail_lines"])
        for number, entry in console.forward(connection, task, start):
            if used >= limit:
                has_more = True
                break
            raw = entry.raw
            if entry.kind == console.EVENT and not raw.endswith(b"\n"):
                raw += b"\n"
            used += len(raw)
            chunks.append(
                {
                    "id": number,
                    "timestamp": entry.timestamp,
                    "level": entry.level,
                    "worker": entry.worker,
                    "raw": raw,
                }
            )
    last = chunks[-1]["id"] if chunks else start - 1
    return {"chunks": chunks, "last": last, "more": has_more, "ended": status in ENDED}


def download_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """`{filename, content_type, text}`: what the HTTP face answers as an attachment instead of the envelope."""
    is_json, form = body.get("line_type", "json") == "json", body.get("line_format", LINE_FORMAT)
    lines = []
    with store.db.read() as connection:
        named(connection, body["task"], {})
        for _, entry in console.forward(connection, body["task"]):
            event = _log_event(body["task"], entry)
            row = {
                "asctime": curves.iso_time(entry.timestamp),
                "timestamp": entry.timestamp,
                "worker": entry.worker,
                "level": entry.level,
                "msg": event["msg"].rstrip("\n"),
            }
            lines.append(json.dumps(row, ensure_ascii=False) if is_json else _formatted(form, row))
    text = "\n".join(lines) + ("\n" if lines else "")
    return {
        "filename": f"task_{body['task']}.log",
        "content_type": "application/json-lines" if is_json else "text/plain",
        "text": text,
    }


def clear_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """All of the console, or what is older than `threshold_sec`."""
    owner = Owner(body["task"], is_model=False, allow_locked=bool(body.get("allow_locked")))
    threshold = body.get("threshold_sec")
    before = None if threshold is None else time.time_ns() // 1_000_000 - threshold * 1000
    return {"deleted": events.clear_log(store, owner, before=before)}


def log_events(store: Store, request: Json, after: int | None) -> Json:
    """Console events through the generic call: in the order of arrival, continued after a number."""
    task, size = request["task"], request.get("batch_size", BATCH)
    with store.db.read() as connection:
        named(connection, task, {})
        total = console.count(connection, task)
        found: list[Json] = []
        last = -1 if after is None else after
        for number, entry in console.forward(connection, task, last + 1):
            if len(found) == size:
                break
            found.append(_log_event(task, entry))
            last = number
    return scrolls.page(found, total, request, last)


def _log_event(task: str, entry: console.Entry) -> Json:
    text = read_text(entry.raw)
    return {
        "type": LOG,
        "task": task,
        "timestamp": entry.timestamp,
        "worker": entry.worker,
        "level": entry.level,
        "msg": text if entry.kind == console.EVENT else fold(text),
        **(entry.extra or {}),
    }


def _formatted(form: str, row: Json) -> str:
    # Only plain `{name}`: `str.format` with a foreign format could reach into objects.
    for name, value in row.items():
        form = form.replace("{" + name + "}", str(value))
    return form
