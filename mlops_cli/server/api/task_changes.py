"""The tasks service, writing: what makes, changes, moves and ends tasks."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput
from ...schemas.status import CLOSED, FAILED, IN_PROGRESS, STOPPED
from ...schemas.tasks_requests import TaskUpdate
from ..query.collections import TASKS
from ..store import labels, publishing, task_status, tasks
from ..store.store import Caller, Store
from .many import each

Body = dict[str, Any]


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": tasks.create(store, body, caller)}


def validate(store: Store, body: Body, caller: Caller) -> Body:
    with store.db.read() as connection:
        tasks.check_references(connection, tasks.draft(body))
    return {}


def edit(store: Store, body: Body, caller: Caller) -> Body:
    return _updated(tasks.edit(store, body, caller))


def update(store: Store, body: Body, caller: Caller) -> Body:
    return _updated(tasks.update(store, body, caller))


def update_batch(store: Store, body: Body, caller: Caller) -> Body:
    """The lines of a batch arrive as `tasks`; all of them count, or none."""
    if not body["tasks"]:
        raise InvalidInput("Batch contains no items", subcode=17)
    with store.db.write():
        for item in body["tasks"]:
            known = {name: item[name] for name in TaskUpdate.__struct_fields__ if item.get(name) is not None}
            tasks.update(store, known, caller)
    return {"updated": len(body["tasks"])}


def ping(store: Store, body: Body, caller: Caller) -> Body:
    tasks.ping(store, body["task"])
    return {}


def clone(store: Store, body: Body, caller: Caller) -> Body:
    return tasks.clone(store, body, caller)


def move(store: Store, body: Body, caller: Caller) -> Body:
    return {"project_id": tasks.move(store, body, caller)}


def update_tags(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": labels.update_tags(store, TASKS, body)}


def started(store: Store, body: Body, caller: Caller) -> Body:
    return {**_status(store, body, IN_PROGRESS, caller), "started": 1}


def stopped(store: Store, body: Body, caller: Caller) -> Body:
    return _status(store, body, STOPPED, caller)


def failed(store: Store, body: Body, caller: Caller) -> Body:
    return _status(store, body, FAILED, caller)


def close(store: Store, body: Body, caller: Caller) -> Body:
    return _status(store, body, CLOSED, caller)


def completed(store: Store, body: Body, caller: Caller) -> Body:
    fields, published = publishing.complete(store, body, caller)
    return {"updated": 1, "fields": fields, "published": published}


def stop(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": 1, "fields": task_status.stop(store, body, caller)}


def stop_many(store: Store, body: Body, caller: Caller) -> Body:
    return each(body["ids"], lambda task_id: stop(store, {**body, "task": task_id}, caller))


def publish(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": 1, "fields": publishing.publish_task(store, body, caller)}


def publish_many(store: Store, body: Body, caller: Caller) -> Body:
    return each(body["ids"], lambda task_id: publish(store, {**body, "task": task_id}, caller))


def _status(store: Store, body: Body, status: str, caller: Caller) -> Body:
    return {"updated": 1, "fields": task_status.change_status(store, body, status, caller)}


def _updated(fields: Body) -> Body:
    return {"updated": 1, "fields": fields} if fields else {"updated": 0}
