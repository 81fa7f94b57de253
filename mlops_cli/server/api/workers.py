"""The workers service. Runtime properties are a feature of paid servers: agents go on without when they are refused."""

from __future__ import annotations

import time
from typing import Any

from ..store import worker_reports, workers
from ..store.store import Caller, Store

Body = dict[str, Any]


def register(store: Store, body: Body, caller: Caller) -> Body:
    workers.register(store, body, caller, time.time())
    return {}


def unregister(store: Store, body: Body, caller: Caller) -> Body:
    workers.unregister(store, body["worker"], caller)
    return {}


def status_report(store: Store, body: Body, caller: Caller) -> Body:
    workers.report(store, body, caller, time.time())
    return {}


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    return {"workers": workers.find(store, body, time.time())}


def get_count(store: Store, body: Body, caller: Caller) -> Body:
    return {"count": workers.count(store, body, time.time())}


def get_stats(store: Store, body: Body, caller: Caller) -> Body:
    return {"workers": worker_reports.statistics(store, body)}


def get_metric_keys(store: Store, body: Body, caller: Caller) -> Body:
    return {"categories": worker_reports.keys(store, body.get("worker_ids", []))}


def get_activity_report(store: Store, body: Body, caller: Caller) -> Body:
    return worker_reports.activity(store, body)
