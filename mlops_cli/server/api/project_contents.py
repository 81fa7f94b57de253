"""The projects service: what projects hold, counted, listed and deleted. No run on its way loads it."""

from __future__ import annotations

from typing import Any

from ..query.collections import MODELS, PROJECTS, TASKS
from ..query.fields import Collection
from ..store import labels, leftovers, project_delete, project_stats, projects, references
from ..store.documents import Document
from ..store.store import Caller, Store

Body = dict[str, Any]


def get_all_ex(store: Store, body: Body, caller: Caller) -> Body:
    query, extra = projects.query(store, body)
    found, scroll_id = references.find_joined(store, PROJECTS, query, extra)
    if body.get("include_stats"):
        project_stats.add_stats(store, found)
    if body.get("check_own_contents"):
        project_stats.add_own_counts(store, found)
    return {"projects": found, "scroll_id": scroll_id} if scroll_id else {"projects": found}


def delete(store: Store, body: Body, caller: Caller) -> Body:
    answer, urls = project_delete.delete(store, body, caller)
    if body.get("delete_external_artifacts", True):
        leftovers.sweep(store, urls.all())
    return answer


def validate_delete(store: Store, body: Body, caller: Caller) -> Body:
    return project_delete.count_contents(store, body["project"])


def get_hyper_parameters(store: Store, body: Body, caller: Caller) -> Body:
    return project_stats.hyperparams(store, body)


def get_unique_metric_variants(store: Store, body: Body, caller: Caller) -> Body:
    return {"metrics": project_stats.metrics(store, body)}


def get_task_tags(store: Store, body: Body, caller: Caller) -> Body:
    return _tags(store, TASKS, body)


def get_model_tags(store: Store, body: Body, caller: Caller) -> Body:
    return _tags(store, MODELS, body)


def get_project_tags(store: Store, body: Body, caller: Caller) -> Body:
    return _tags(store, PROJECTS, body)


def _tags(store: Store, collection: Collection, body: Body) -> Document:
    return labels.tags_in_use(store, collection, body)
