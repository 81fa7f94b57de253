"""Raw events page by page, and plots and images by their newest iterations."""

from __future__ import annotations

from typing import Any

from ...schemas.events import IMAGE, LOG, PLOT, SCALAR
from ...schemas.events_requests import Browse, MetricData, Raw, TaskEvents
from ..store import curves, event_reads
from ..store.store import Caller, Store
from . import scrolls
from .console import log_events
from .event_words import asked_metrics, asked_types, named, needed

Json = dict[str, Any]

BATCH = 500


def get_task_events(store: Store, body: Json, _caller: Caller) -> Json:
    """Raw events by iteration; a page is extended to the end of its last iteration."""
    request, after = scrolls.resume(body, TaskEvents)
    task, wanted = needed(request, "task"), asked_metrics(request.get("metrics"))
    if request.get("event_type") == LOG:
        return log_events(store, request, after)
    types, is_descending = asked_types(request), request.get("order") == "desc"
    with store.db.read() as connection:
        named(connection, task, request)
        walk = event_reads.walk(connection, task, types, wanted, after=after, is_descending=is_descending)
        found = event_reads.batch(walk, request.get("batch_size", BATCH))
        total = None
        if request.get("count_total", True):
            total = event_reads.total(connection, task, types, wanted)
    return scrolls.page(event_reads.absolute(store, found), total, request, found[-1]["iter"] if found else after)


def get_scalar_metric_data(store: Store, body: Json, _caller: Caller) -> Json:
    """The points of one metric, newest iteration first."""
    request, after = scrolls.resume(body, MetricData)
    task, wanted = needed(request, "task"), {needed(request, "metric"): None}
    with store.db.read() as connection:
        named(connection, task, request)
        walk = event_reads.walk(connection, task, (SCALAR,), wanted, after=after, is_descending=True)
        found = event_reads.batch(walk, BATCH)
        total = event_reads.total(connection, task, (SCALAR,), wanted)
    answer = scrolls.page(found, total, request, found[-1]["iter"] if found else after)
    return {**answer, "scroll_id": None} if body.get("no_scroll") else answer


def scalar_metrics_iter_raw(store: Store, body: Json, _caller: Caller) -> Json:
    """The points of one metric as columns a variant, oldest iteration first."""
    request, after = scrolls.resume(body, Raw)
    task, metric, key = needed(request, "task"), needed(request, "metric"), request.get("key", "iter")
    wanted = asked_metrics([metric])
    variants: dict[str, Json] = {}
    with store.db.read() as connection:
        named(connection, task, request)
        walk = event_reads.walk(connection, task, (SCALAR,), wanted, after=after)
        found = event_reads.batch(walk, request.get("batch_size", 10_000))
        total = event_reads.total(connection, task, (SCALAR,), wanted) if request.get("count_total") else None
    for event in found:
        columns = variants.setdefault(event["variant"], {"y": [], key: []})
        columns["y"].append(event["value"])
        columns[key] += curves.written([event["iter" if key == "iter" else "timestamp"]], key)
    scroll = scrolls.pack(request, found[-1]["iter"] if found else after)
    return {"variants": variants, "returned": len(found), "total": total, "scroll_id": scroll}


def get_task_plots(store: Store, body: Json, _caller: Caller) -> Json:
    with store.db.read() as connection:
        named(connection, body["task"], body)
        found = event_reads.newest(
            connection, body["task"], PLOT, body.get("iters", 1), asked_metrics(body.get("metrics"))
        )
    return {"plots": event_reads.absolute(store, found), "returned": len(found), "total": len(found), "scroll_id": None}


def get_multi_task_plots(store: Store, body: Json, _caller: Caller) -> Json:
    plots: Json = {}
    returned, wanted = 0, asked_metrics(body.get("metrics"))
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = named(connection, task, body)
            for plot in event_reads.newest(connection, task, PLOT, body.get("iters", 1), wanted):
                by_task = plots.setdefault(plot["metric"], {}).setdefault(plot["variant"], {})
                by_iter = by_task.setdefault(task, {})
                by_iter.setdefault(str(plot["iter"]), {"name": name, "plots": []})["plots"] += event_reads.absolute(
                    store, [plot]
                )
                returned += 1
    return {"plots": plots, "returned": returned, "total": returned, "scroll_id": None}


def debug_images(store: Store, body: Json, _caller: Caller) -> Json:
    return _browse(store, body, IMAGE)


def plots(store: Store, body: Json, _caller: Caller) -> Json:
    return _browse(store, body, PLOT)


def _browse(store: Store, body: Json, kind: str) -> Json:
    """Iterations of images or plots, newest first; a task whose iterations are used up is listed without any."""
    request, seen = scrolls.resume(body, Browse, dict[str, tuple[int, int]])
    seen = seen if seen and not body.get("refresh") else {}
    by_task: dict[str, list[Json]] = {}
    for item in needed(request, "metrics"):
        by_task.setdefault(item["task"], []).append(item)
    is_earlier, answer = body.get("navigate_earlier", True), []
    with store.db.read() as connection:
        for task, items in by_task.items():
            named(connection, task, request)
            wanted = None if any(not item.get("metric") for item in items) else asked_metrics(items)
            low, high = seen.get(task, (None, None))
            edge = {"below": low} if is_earlier else {"above": high} if high is not None else {}
            found = event_reads.iterations(connection, task, kind, wanted, request.get("iters", 1), **edge)
            if found:
                seen[task] = found[-1][0], found[0][0]
            answer.append(
                {
                    "task": task,
                    "iterations": [{"iter": n, "events": event_reads.absolute(store, rows)} for n, rows in found],
                }
            )
    return {"metrics": answer, "scroll_id": scrolls.pack(request, seen)}
