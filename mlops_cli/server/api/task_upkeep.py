"""What happens to tasks around their runs: queues, resets, the archive, deletion. No run on its way loads it."""

from __future__ import annotations

import time
from typing import Any

from ...errors import InvalidInput
from ..query.collections import TASKS
from ..store import labels, leftovers, queueing, task_removal
from ..store.leftovers import Urls
from ..store.store import Caller, Store
from .many import each

Body = dict[str, Any]


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
