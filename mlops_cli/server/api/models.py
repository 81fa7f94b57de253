"""The models service."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput
from ..query.collections import MODELS
from ..store import labels, leftovers, models, publishing, references
from ..store.documents import find, get
from ..store.store import Caller, Store
from .many import each

Body = dict[str, Any]


def get_by_id(store: Store, body: Body, caller: Caller) -> Body:
    return {"model": get(store, MODELS, body.get("model"), body.get("only_fields"))}


def get_all(store: Store, body: Body, caller: Caller) -> Body:
    found, scroll_id = find(store, MODELS, references.widened(store, body))
    return {"models": found, "scroll_id": scroll_id} if scroll_id else {"models": found}


def get_all_ex(store: Store, body: Body, caller: Caller) -> Body:
    found, scroll_id = references.find_joined(store, MODELS, references.widened(store, body))
    return {"models": found, "scroll_id": scroll_id} if scroll_id else {"models": found}


def get_by_id_ex(store: Store, body: Body, caller: Caller) -> Body:
    if not body.get("id"):
        raise InvalidInput("Required field missing: id", subcode=11)
    return {"models": references.find_joined(store, MODELS, body)[0]}


def create(store: Store, body: Body, caller: Caller) -> Body:
    return {"id": models.create(store, body, caller), "created": True}


def edit(store: Store, body: Body, caller: Caller) -> Body:
    fields = models.edit(store, body)
    return {"updated": 1, "fields": fields} if fields else {"updated": 0}


update = edit


def set_ready(store: Store, body: Body, caller: Caller) -> Body:
    return publishing.publish_model(store, body, caller)


def publish_many(store: Store, body: Body, caller: Caller) -> Body:
    def publish_one(model_id: str) -> Body:
        return {**set_ready(store, {**body, "model": model_id}, caller), "updated": True}

    return each(body["ids"], publish_one)


def delete(store: Store, body: Body, caller: Caller) -> Body:
    uri, urls = models.delete(store, body)
    if body.get("delete_external_artifacts", True):
        leftovers.sweep(store, urls)
    return {"deleted": True, "url": uri}


def delete_many(store: Store, body: Body, caller: Caller) -> Body:
    return each(body["ids"], lambda model_id: delete(store, {**body, "model": model_id}, caller))


def archive_many(store: Store, body: Body, caller: Caller) -> Body:
    def archive_one(model_id: str) -> Body:
        labels.set_archived(store, MODELS, model_id, is_archived=True)
        return {"archived": True}

    return each(body["ids"], archive_one)


def unarchive_many(store: Store, body: Body, caller: Caller) -> Body:
    def unarchive_one(model_id: str) -> Body:
        labels.set_archived(store, MODELS, model_id, is_archived=False)
        return {"unarchived": True}

    return each(body["ids"], unarchive_one)


def add_or_update_metadata(store: Store, body: Body, caller: Caller) -> Body:
    models.add_metadata(store, body)
    return {"updated": 1}


def delete_metadata(store: Store, body: Body, caller: Caller) -> Body:
    models.delete_metadata(store, body)
    return {"updated": 1}


def move(store: Store, body: Body, caller: Caller) -> Body:
    return {"project_id": models.move(store, body, caller)}


def update_tags(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": labels.update_tags(store, MODELS, body)}


def get_frameworks(store: Store, body: Body, caller: Caller) -> Body:
    return {"frameworks": models.frameworks(store, body.get("projects", []))}
