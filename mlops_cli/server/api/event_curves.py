"""Curves and names of the series of a task, and our `get_curve`."""

from __future__ import annotations

from typing import Any

from ..db.sqlite import Connection
from ..store import curves, event_reads
from ..store.store import Caller, Store
from ..store.summaries import Series, find, names
from .event_words import asked_metrics, asked_types, named

Json = dict[str, Any]

SAMPLES = 2000


def scalar_metrics_iter_histogram(store: Store, body: Json, _caller: Caller) -> Json:
    """`{metric: {variant: {name, x, y}}}`, without a key around it."""
    with store.db.read() as connection:
        named(connection, body["task"], body)
        return _histograms(connection, body["task"], body)


def multi_task_scalar_metrics_iter_histogram(store: Store, body: Json, _caller: Caller) -> Json:
    found: Json = {}
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = named(connection, task, body)
            for metric, variants in _histograms(connection, task, body).items():
                for variant, curve in variants.items():
                    found.setdefault(metric, {}).setdefault(variant, {})[task] = {**curve, "name": name}
    return {"metrics": found}


def get_curve(store: Store, body: Json, _caller: Caller) -> Json:
    """Ours: one series thinned to at most `samples` buckets that keep minima and maxima; columns of equal length."""
    with store.db.read() as connection:
        named(connection, body["task"], body)
        wanted = {body["metric"]: frozenset({body["variant"]})}
        for series in find(connection, body["task"], wanted):
            return curves.thinned(connection, series, body.get("samples", SAMPLES), body.get("key", "iter"))
        return curves.thinned(connection, Series(-1, "", "", "", None, ""), 1, "iter")


def get_task_single_value_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    found = []
    with store.db.read() as connection:
        for task in body["tasks"]:
            name = named(connection, task, body)
            values = []
            for series in find(connection, task, asked_metrics(body.get("metrics"))):
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
        named(connection, task, body)
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
        named(connection, body["task"], body)
        return {"metrics": names(find(connection, body["task"]))}


def get_task_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    with store.db.read() as connection:
        found = []
        for task in body["tasks"]:
            named(connection, task, body)
            found.append({"task": task, "metrics": sorted(event_reads.names(connection, task, asked_types(body)))})
    return {"metrics": found}


def get_multi_task_metrics(store: Store, body: Json, _caller: Caller) -> Json:
    found: dict[str, set[str]] = {}
    with store.db.read() as connection:
        for task in body["tasks"]:
            named(connection, task, body)
            for metric, variants in event_reads.names(connection, task, asked_types(body)).items():
                found.setdefault(metric, set()).update(variants)
    return {"metrics": [{"metric": metric, "variants": sorted(found[metric])} for metric in sorted(found)]}


def _histograms(connection: Connection, task: str, body: Json) -> Json:
    found: Json = {}
    for series in find(connection, task, asked_metrics(body.get("metrics"))):
        curve = curves.averaged(connection, series, body.get("samples", SAMPLES), body.get("key", "iter"))
        if curve:
            found.setdefault(series.metric, {})[series.variant] = curve
    return found
