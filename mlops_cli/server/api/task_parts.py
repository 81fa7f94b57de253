"""The tasks service: parameters, configuration, artifacts, models, runtime of a task."""

from __future__ import annotations

from typing import Any

from ..store import task_parts
from ..store.store import Caller, Store

Body = dict[str, Any]


def set_requirements(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": 1, "fields": task_parts.set_requirements(store, body, caller)}


def add_or_update_artifacts(store: Store, body: Body, caller: Caller) -> Body:
    task_parts.add_artifacts(store, body, caller)
    return {"updated": 1}


def delete_artifacts(store: Store, body: Body, caller: Caller) -> Body:
    return {"deleted": task_parts.delete_artifacts(store, body, caller)}


def add_or_update_model(store: Store, body: Body, caller: Caller) -> Body:
    task_parts.add_model(store, body, caller)
    return {"updated": 1}


def delete_models(store: Store, body: Body, caller: Caller) -> Body:
    task_parts.delete_models(store, body, caller)
    return {"updated": 1}


def edit_hyper_params(store: Store, body: Body, caller: Caller) -> Body:
    task_parts.edit_hyperparams(store, body, caller)
    return {"updated": 1}


def delete_hyper_params(store: Store, body: Body, caller: Caller) -> Body:
    return {"deleted": task_parts.delete_hyperparams(store, body, caller)}


def get_hyper_params(store: Store, body: Body, caller: Caller) -> Body:
    return {"params": task_parts.hyperparams_of(store, body["tasks"])}


def edit_configuration(store: Store, body: Body, caller: Caller) -> Body:
    task_parts.edit_configuration(store, body, caller)
    return {"updated": 1}


def delete_configuration(store: Store, body: Body, caller: Caller) -> Body:
    return {"deleted": task_parts.delete_configuration(store, body, caller)}


def get_configurations(store: Store, body: Body, caller: Caller) -> Body:
    return {"configurations": task_parts.configurations_of(store, body)}


def get_configuration_names(store: Store, body: Body, caller: Caller) -> Body:
    return {"configurations": task_parts.configuration_names_of(store, body)}


def edit_runtime(store: Store, body: Body, caller: Caller) -> Body:
    return {"updated": 1, "fields": task_parts.edit_runtime(store, body, caller)}


def get_types(store: Store, body: Body, caller: Caller) -> Body:
    return {"types": task_parts.types_of(store, body.get("projects", []))}
