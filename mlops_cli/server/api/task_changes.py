"""The tasks service, writing: what makes, changes, moves and ends tasks."""

from __future__ import annotations

import time
from typing import Any

from ...errors import InvalidInput
from ...schemas.status import CLOSED, FAILED, IN_PROGRESS, STOPPED
from ...schemas.tasks_requests import TaskUpdate
from ..query.collections import TASKS
from ..store import labels, leftovers, publishing, queueing, task_removal, task_status, tasks
from ..store.leftovers import Urls
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


def reset(store: Store, body: Body, caller: Caller) -> Body:
    answer, urls = task_removal.reset(store, body, caller)
    return _swept(store, body, answer, urls)


def reset_many(store: Store, body: Body, caller: Caller) -> Body:
    def reset_one(store: Store, wish: Body, caller: Caller) -> tuple[Body, Urls]:
        answer, urls = task_removal.reset(store, wish, caller)
        return {**answer, "dequeued": bool(answer["dequeued"])}, urls

    return _many_swept(store, body, caller, reset_one)


def delete(store: Store, body: Body, caller: Caller) -> Body:
    answer, urls = task_removal.delete(store, body, caller)
    return _swept(store, body, answer, urls)


def delete_many(store: Store, body: Body, caller: Caller) -> Body:
    return _many_swept(store, body, caller, task_removal.delete)


def enqueue(store: Store, body: Body, caller: Caller) -> Body:
    return queueing.enqueue(store, body, caller, time.time())


def enqueue_many(store: Store, body: Body, caller: Caller) -> Body:
    def enqueue_one(task_id: str) -> Body:
        answer = enqueue(store, {**body, "task": task_id}, caller)
        watched.append(answer.pop("queue_watched", False))
        return {**answer, "queued": True}

    watched: list[bool] = []
    done = each(body["ids"], enqueue_one)
    return {**done, "queue_watched": any(watched)} if body.get("verify_watched_queue") else done


def dequeue(store: Store, body: Body, caller: Caller) -> Body:
    return queueing.dequeue(store, body, caller)


def dequeue_many(store: Store, body: Body, caller: Caller) -> Body:
    def dequeue_one(task_id: str) -> Body:
        return {**dequeue(store, {**body, "task": task_id}, caller), "dequeued": True}

    return each(body["ids"], dequeue_one)


def archive(store: Store, body: Body, caller: Caller) -> Body:
    done = archive_many(store, {**body, "ids": body["tasks"]}, caller)
    if done["failed"]:
        error = done["failed"][0]["error"]
        raise InvalidInput(error["msg"], subcode=error["codes"][1], data={"archived": len(done["succeeded"])})
    return {"archived": len(done["succeeded"])}


def archive_many(store: Store, body: Body, caller: Caller) -> Body:
    def archive_one(task_id: str) -> Body:
        task_removal.archive(store, {**body, "task": task_id}, caller)
        return {"archived": True}

    return each(body["ids"], archive_one)


def unarchive_many(store: Store, body: Body, caller: Caller) -> Body:
    def unarchive_one(task_id: str) -> Body:
        labels.set_archived(store, TASKS, task_id, is_archived=False)
        return {"unarchived": True}

    return each(body["ids"], unarchive_one)


def _status(store: Store, body: Body, status: str, caller: Caller) -> Body:
    return {"updated": 1, "fields": task_status.change_status(store, body, status, caller)}


def _updated(fields: Body) -> Body:
    return {"updated": 1, "fields": fields} if fields else {"updated": 0}


def _swept(store: Store, body: Body, answer: Body, urls: Urls) -> Body:
    if body.get("return_file_urls"):
        answer["urls"] = urls.answer(store)
    if body.get("delete_external_artifacts", True):
        leftovers.sweep(store, urls.all())
    return answer


def _many_swept(store: Store, body: Body, caller: Caller, action: Any) -> Body:
    """One look for unnamed files after all of them, since that look reads every document."""
    gone = Urls()

    def act(task_id: str) -> Body:
        answer, urls = action(store, {**body, "task": task_id}, caller)
        gone.add(urls)
        return _swept(store, {**body, "delete_external_artifacts": False}, answer, urls)

    done = each(body["ids"], act)
    if body.get("delete_external_artifacts", True):
        leftovers.sweep(store, gone.all())
    return done
