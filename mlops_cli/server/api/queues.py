"""The queues service."""

from __future__ import annotations

import time
from typing import Any

from ..store import queueing, queues
from ..store.store import Caller, Store

Body = dict[str, Any]


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    found, scroll_id = queues.find(store, body)
    return {"queues": found, "scroll_id": scroll_id} if scroll_id else {"queues": found}


def get_all_ex(store: Store, body: Body, caller: Caller) -> Body:
    found, scroll_id = queues.find_joined(store, body, time.time())
    return {"queues": found, "scroll_id": scroll_id} if scroll_id else {"queues": found}


def get_by_id(store: Store, body: Body, caller: Caller) -> Body:
    return {"queue": queues.get(store, body)}


def get_default(store: Store, body: Body, caller: Caller) -> Body:
    return queues.get_default(store)


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": queues.create(store, body, caller)}


def update(store: Store, body: Body, caller: Caller) -> Body:
    fields = queues.update(store, body)
    return {"updated": 1, "fields": fields} if fields else {"updated": 0, "fields": {}}


def delete(store: Store, body: Body, caller: Caller) -> Body:
    queueing.delete(store, body, caller)
    return {"deleted": 1}


def add_task(store: Store, body: Body, caller: Caller) -> Body:
    queueing.add(store, body)
    return {"added": 1}


def get_next_task(store: Store, body: Body, caller: Caller) -> Body:
    return queueing.next_task(store, body, caller) or {}


def remove_task(store: Store, body: Body, caller: Caller) -> Body:
    queueing.remove(store, body, caller)
    return {"removed": 1}


def clear_queue(store: Store, body: Body, caller: Caller) -> Body:
    return {"removed_tasks": queueing.clear(store, body, caller)}


def peek_task(store: Store, body: Body, caller: Caller) -> Body:
    return {"task": next(iter(queueing.waiting(store, body["queue"])), None)}


def get_num_entries(store: Store, body: Body, caller: Caller) -> Body:
    return {"num": len(queueing.waiting(store, body["queue"]))}


def move_task_to_front(store: Store, body: Body, caller: Caller) -> Body:
    return {"position": queueing.move(store, body, by=-queueing.ALL)}


def move_task_to_back(store: Store, body: Body, caller: Caller) -> Body:
    return {"position": queueing.move(store, body, by=queueing.ALL)}


def move_task_forward(store: Store, body: Body, caller: Caller) -> Body:
    return {"position": queueing.move(store, body, by=-body.get("count", 1))}


def move_task_backward(store: Store, body: Body, caller: Caller) -> Body:
    return {"position": queueing.move(store, body, by=body.get("count", 1))}
