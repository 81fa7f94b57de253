"""The `events` service: points, plots, images, console text; ours are `add_columns`, `get_curve`, `get_console`.

In process the lines of `add_batch` come as `{"events": [...]}`. Numbers that are not finite stay floats here; a face
that speaks JSON writes them as texts. Scrolls carry their whole request, so no server remembers them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from ...errors import InvalidInput
from ...schemas.console import fold, read_text
from ...schemas.events import DOCUMENTS, IMAGE, LOG, PLOT, SCALAR
from ..store import batches, console, curves, event_reads, events
from ..store.intake import Intake, Owner, sort
from ..store.store import Caller, Store
from ..store.summaries import Series, find, names
from . import scrolls

Json = dict[str, Any]

SAMPLES = 2000
BATCH = 500
LIMIT_BYTES = 1 << 20
LINE_FORMAT = "{asctime} {worker} {level} {msg}"


# ---- in ----------------------------------------------------------------------------------------------------------


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


def clear_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """All of the console, or what is older than `threshold_sec`."""
    owner = Owner(body["task"], is_model=False, allow_locked=bool(body.get("allow_locked")))
    threshold = body.get("threshold_sec")
    before = None if threshold is None else _now_ms() - threshold * 1000
    return {"deleted": events.clear_log(store, owner, before=before)}


def delete_for_task(store: Store, body: Json, _caller: Caller) -> Json:
    owner = Owner(body["task"], is_model=False, allow_locked=bool(body.get("allow_locked")))
    return {"deleted": events.delete_for_task(store, owner)}


# ---- curves ------------------------------------------------------------------------------------------------------


def scalar_metrics_iter_histogram(store: Store, body: Json, _caller: Caller) -> Json:
    """`{metric: {variant: {name, x, y}}}`, without a key around it."""
    with store.db.read() as connection:
        _exists(connection, body["task"], body)
        return _histograms(connection, body["task"], body)


def multi_task_scalar_metrics_iter_histogram(store: Store, body: Json, _caller: Caller) -> Json:
    found: Json = {}
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = _exists(connection, task, body)
            for metric, variants in _histograms(connection, task, body).items():
                for variant, curve in variants.items():
                    found.setdefault(metric, {}).setdefault(variant, {})[task] = {**curve, "name": name}
    return {"metrics": found}


def get_curve(store: Store, body: Json, _caller: Caller) -> Json:
    """Ours: one series thinned to at most `samples` buckets that keep minima and maxima; columns of equal length."""
    with store.db.read() as connection:
        _exists(connection, body["task"], body)
        wanted = {body["metric"]: frozenset({body["variant"]})}
        for series in find(connection, body["task"], wanted):
            return curves.thinned(connection, series, body.get("samples", SAMPLES), body.get("key", "iter"))
        return curves.thinned(connection, Series(-1, "", "", "", None, ""), 1, "iter")


def get_task_single_value_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    found = []
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = _exists(connection, task, body)
            values = []
            for series in find(connection, task, _wanted(body.get("metrics"))):
                single = curves.single_value(connection, series.id)
                if single:
                    row = {"metric": series.metric, "variant": series.variant}
                    values.append({**row, "value": single[0], "timestamp": single[1]})
            if values:
                found.append({"task": task, "task_name": name, "values": values})
    return {"tasks": found}


def get_task_latest_scalar_values(store: Store, body: Json, _caller: Caller) -> Json:
    task = body["task"]
    with store.db.read() as connection:
        _exists(connection, task, body)
        row = connection.execute("SELECT name, status, last_iteration FROM tasks WHERE id = ?", (task,)).fetchone()
        newest = connection.execute("SELECT max(last_ts) FROM series WHERE task = ?", (task,)).fetchone()[0]
        metrics: dict[str, list[Json]] = {}
        for series in find(connection, task):
            latest = curves.latest(connection, series)
            if latest:
                metrics.setdefault(series.metric, []).append(latest)
    return {
        "metrics": [{"name": metric, "variants": variants} for metric, variants in metrics.items()],
        "last_iter": row["last_iteration"],
        "name": row["name"],
        "status": row["status"],
        "last_timestamp": newest,
    }


def get_scalar_metrics_and_variants(store: Store, body: Json, _caller: Caller) -> Json:
    with store.db.read() as connection:
        _exists(connection, body["task"], body)
        return {"metrics": names(find(connection, body["task"]))}


def get_task_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    with store.db.read() as connection:
        found = []
        for task in body["tasks"]:
            _exists(connection, task, body)
            found.append({"task": task, "metrics": sorted(event_reads.names(connection, task, _types(body)))})
    return {"metrics": found}


def get_multi_task_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    found: dict[str, set[str]] = {}
    with store.db.read() as connection:
        for task in body["tasks"]:
            _exists(connection, task, body)
            for metric, variants in event_reads.names(connection, task, _types(body)).items():
                found.setdefault(metric, set()).update(variants)
    return {"metrics": [{"metric": metric, "variants": sorted(found[metric])} for metric in sorted(found)]}


# ---- raw events, page by page ------------------------------------------------------------------------------------


def get_task_events(store: Store, body: Json, _caller: Caller) -> Json:
    """Raw events by iteration; a page is extended to the end of its last iteration."""
    request, after = scrolls.resume(body, ("task", "event_type", "order", "batch_size", "metrics", "count_total"))
    task, wanted = _needed(request, "task"), _wanted(request.get("metrics"))
    if request.get("event_type") == LOG:
        return _log_events(store, request, after)
    types, is_descending = _types(request), request.get("order") == "desc"
    with store.db.read() as connection:
        _exists(connection, task, body)
        walk = event_reads.walk(connection, task, types, wanted, after=after, is_descending=is_descending)
        found = event_reads.batch(walk, request.get("batch_size", BATCH))
        total = None
        if request.get("count_total", True):
            total = event_reads.total(connection, task, types, wanted)
    return _page(found, total, request, found[-1]["iter"] if found else after)


def get_scalar_metric_data(store: Store, body: Json, _caller: Caller) -> Json:
    """The points of one metric, newest iteration first."""
    request, after = scrolls.resume(body, ("task", "metric"))
    task, wanted = _needed(request, "task"), {_needed(request, "metric"): None}
    with store.db.read() as connection:
        _exists(connection, task, body)
        walk = event_reads.walk(connection, task, (SCALAR,), wanted, after=after, is_descending=True)
        found = event_reads.batch(walk, BATCH)
        total = event_reads.total(connection, task, (SCALAR,), wanted)
    answer = _page(found, total, request, found[-1]["iter"] if found else after)
    return {**answer, "scroll_id": None} if body.get("no_scroll") else answer


def scalar_metrics_iter_raw(store: Store, body: Json, _caller: Caller) -> Json:
    """The points of one metric as columns a variant, oldest iteration first."""
    request, after = scrolls.resume(body, ("task", "metric", "key", "batch_size", "count_total"))
    task, metric, key = _needed(request, "task"), _needed(request, "metric"), request.get("key", "iter")
    wanted = _wanted([metric])
    variants: dict[str, Json] = {}
    with store.db.read() as connection:
        _exists(connection, task, body)
        walk = event_reads.walk(connection, task, (SCALAR,), wanted, after=after)
        found = event_reads.batch(walk, request.get("batch_size", 10_000))
        total = event_reads.total(connection, task, (SCALAR,), wanted) if request.get("count_total") else None
    for event in found:
        columns = variants.setdefault(event["variant"], {"y": [], key: []})
        columns["y"].append(event["value"])
        columns[key] += curves.written([event["iter" if key == "iter" else "timestamp"]], key)
    scroll = scrolls.pack(request, found[-1]["iter"] if found else after)
    return {"variants": variants, "returned": len(found), "total": total, "scroll_id": scroll}


# ---- plots and images --------------------------------------------------------------------------------------------


def get_task_plots(store: Store, body: Json, _caller: Caller) -> Json:
    with store.db.read() as connection:
        _exists(connection, body["task"], body)
        found = event_reads.newest(connection, body["task"], PLOT, body.get("iters", 1), _wanted(body.get("metrics")))
    return {"plots": found, "returned": len(found), "total": len(found), "scroll_id": None}


def get_multi_task_plots(store: Store, body: Json, _caller: Caller) -> Json:
    plots: Json = {}
    returned = 0
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = _exists(connection, task, body)
            for plot in event_reads.newest(connection, task, PLOT, body.get("iters", 1), _wanted(body.get("metrics"))):
                by_task = plots.setdefault(plot["metric"], {}).setdefault(plot["variant"], {})
                by_iter = by_task.setdefault(task, {})
                by_iter.setdefault(str(plot["iter"]), {"name": name, "plots": []})["plots"].append(plot)
                returned += 1
    return {"plots": plots, "returned": returned, "total": returned, "scroll_id": None}


def debug_images(store: Store, body: Json, _caller: Caller) -> Json:
    return _browse(store, body, IMAGE)


def plots(store: Store, body: Json, _caller: Caller) -> Json:
    return _browse(store, body, PLOT)


# ---- console -----------------------------------------------------------------------------------------------------


def get_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """Log events by time: UTF-8 text, progress lines folded; the raw bytes are in `get_console`."""
    is_earlier, beyond = body.get("navigate_earlier", True), body.get("from_timestamp")
    task, wanted = body["task"], _wanted(body.get("metrics"))
    with store.db.read() as connection:
        _exists(connection, task, {})
        total = console.count(connection, task)
        page = console.page(
            connection,
            task,
            body.get("batch_size", 5000),
            earlier=is_earlier,
            beyond=None if beyond is None else int(beyond),
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

    `{chunks: [{id, timestamp, level, worker, raw}], last, more}`: `raw` is bytes (base64 text in JSON); pass `last` as
    the next `after`. About `limit_bytes` a call, one chunk at least.
    """
    task, limit = body["task"], body.get("limit_bytes", LIMIT_BYTES)
    chunks: list[Json] = []
    used, has_more = 0, False
    with store.db.read() as connection:
        _exists(connection, task, {})
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
    return {"chunks": chunks, "last": chunks[-1]["id"] if chunks else start - 1, "more": has_more}


def download_task_log(store: Store, body: Json, _caller: Caller) -> Json:
    """`{filename, content_type, text}`: what the HTTP face answers as an attachment instead of the envelope."""
    is_json, form = body.get("line_type", "json") == "json", body.get("line_format", LINE_FORMAT)
    lines = []
    with store.db.read() as connection:
        _exists(connection, body["task"], {})
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


# ---- below -------------------------------------------------------------------------------------------------------


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


def _exists(connection: sqlite3.Connection, owner: str, body: Json) -> str:
    """The name of the task (or model). Raises NotFound when there is none."""
    is_model = bool(body.get("model_events"))
    table = "models" if is_model else "tasks"
    row = connection.execute(f"SELECT name FROM {table} WHERE id = ?", (owner,)).fetchone()  # noqa: S608
    if row is None:
        raise events.unknown(owner, is_model=is_model)
    return str(row[0])


def _needed(request: Json, name: str) -> Any:
    if not request.get(name):
        raise InvalidInput(f"Required field missing: {name}", subcode=11)
    return request[name]


def _types(body: Json) -> tuple[str, ...]:
    """The types asked for; console text has no iteration and is read by itself."""
    kind = body.get("event_type")
    return (SCALAR, *DOCUMENTS) if kind in (None, "", "all") else (kind,)


def _wanted(metrics: list[Json] | None) -> event_reads.Wanted:
    if not metrics:
        return None
    found: dict[str, frozenset[str] | None] = {}
    for item in metrics:
        variants = frozenset(item.get("variants") or ())
        known = found.get(item["metric"], frozenset())
        found[item["metric"]] = variants | known if variants and known is not None else None
    return found


def _histograms(connection: sqlite3.Connection, task: str, body: Json) -> Json:
    found: Json = {}
    for series in find(connection, task, _wanted(body.get("metrics"))):
        curve = curves.averaged(connection, series, body.get("samples", SAMPLES), body.get("key", "iter"))
        if curve:
            found.setdefault(series.metric, {})[series.variant] = curve
    return found


def _page(found: list[Json], total: int | None, request: Json, after: int | None) -> Json:
    return {"events": found, "returned": len(found), "total": total, "scroll_id": scrolls.pack(request, after)}


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


def _log_events(store: Store, request: Json, after: int | None) -> Json:
    """Console events through the generic call: in the order of arrival, continued after a number."""
    task, size = request["task"], request.get("batch_size", BATCH)
    with store.db.read() as connection:
        _exists(connection, task, {})
        total = console.count(connection, task)
        found: list[Json] = []
        last = -1 if after is None else after
        for number, entry in console.forward(connection, task, last + 1):
            if len(found) == size:
                break
            found.append(_log_event(task, entry))
            last = number
    return _page(found, total, request, last)


def _formatted(form: str, row: Json) -> str:
    # Only plain `{name}`: `str.format` with a foreign format could reach into objects.
    for name, value in row.items():
        form = form.replace("{" + name + "}", str(value))
    return form


def _browse(store: Store, body: Json, kind: str) -> Json:
    """Iterations of images or plots, newest first; a task whose iterations are used up is listed without any."""
    request, seen = scrolls.resume(body, ("metrics", "iters", "model_events"))
    seen = {} if body.get("refresh") or not isinstance(seen, dict) else seen
    by_task: dict[str, list[Json]] = {}
    for item in _needed(request, "metrics"):
        by_task.setdefault(item["task"], []).append(item)
    is_earlier, answer = body.get("navigate_earlier", True), []
    with store.db.read() as connection:
        for task, items in by_task.items():
            _exists(connection, task, request)
            wanted = None if any(not item.get("metric") for item in items) else _wanted(items)
            low, high = seen.get(task, (None, None))
            edge = {"below": low} if is_earlier else {"above": high} if high is not None else {}
            found = event_reads.iterations(connection, task, kind, wanted, request.get("iters", 1), **edge)
            if found:
                seen[task] = found[-1][0], found[0][0]
            answer.append({"task": task, "iterations": [{"iter": n, "events": rows} for n, rows in found]})
    return {"metrics": answer, "scroll_id": scrolls.pack(request, seen)}
