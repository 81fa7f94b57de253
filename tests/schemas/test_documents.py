"""The structs, the store's fields and the answers name the same things."""

from __future__ import annotations

import msgspec
import pytest

from mlops_cli.schemas.models import Model
from mlops_cli.schemas.projects import Project
from mlops_cli.schemas.tasks import Task
from mlops_cli.schemas.tasks_requests import TaskCreate, TaskFields
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.query.collections import MODELS, PROJECTS, TASKS
from mlops_cli.testing.store import make_project, make_running_task, temporary_store


@pytest.mark.parametrize(("struct", "collection"), [(Task, TASKS), (Model, MODELS), (Project, PROJECTS)])
def test_a_struct_and_the_stored_fields_agree(struct, collection):
    stored = {field.name for field in collection.fields.values() if not field.internal}
    computed = {"last_metrics"} if collection.has_metrics else set()
    unread = {"report", "last_change"}
    assert set(struct.__struct_fields__) - computed <= stored
    assert stored - set(struct.__struct_fields__) <= unread


def test_every_field_that_a_task_may_be_created_with_comes_back(tmp_path):
    request = {
        "name": "a task",
        "type": "testing",
        "comment": "c",
        "tags": ["t"],
        "system_tags": ["s"],
        "script": {"diff": "d"},
        "execution": {"model_labels": {"cat": 1}},
        "hyperparams": {"Args": {"x": {"value": "1"}}},
        "configuration": {"c": {"value": "v"}},
        "models": {"input": [{"name": "m", "model": "0" * 32}]},
        "container": {"image": "i"},
        "runtime": {"r": 1},
        "output_dest": "s3://b",
    }
    with temporary_store(tmp_path) as store:
        request["project"] = make_project(store, "a project")
        request["parent"] = make_running_task(store)
        assert request.keys() == set(TaskCreate.__struct_fields__) == set(TaskFields.__struct_fields__)
        task = dispatch(store, "tasks.get_by_id", {"task": dispatch(store, "tasks.create", request)["id"]})["task"]
    document = msgspec.convert(task, Task)
    assert document.output == {"destination": "s3://b"} and document.models.input[0].model == "0" * 32
    for name in request.keys() - {"output_dest", "models", "hyperparams", "configuration"}:
        assert task[name] == request[name]


def test_whole_answers_are_of_the_types_that_clients_check(tmp_path):
    with temporary_store(tmp_path) as store:
        task_id = make_running_task(store)
        point = {"type": "training_stats_scalar", "task": task_id, "metric": "m", "variant": "v", "iter": 1}
        dispatch(store, "events.add", {**point, "value": 0.5})
        dispatch(store, "events.add", {**point, "metric": "n", "value": float("nan")})
        dispatch(store, "models.create", {"name": "model", "uri": "s3://m", "metadata": [{"key": "k", "value": "v"}]})
        dispatch(store, "projects.create", {"name": "project"})
        task = msgspec.convert(dispatch(store, "tasks.get_by_id", {"task": task_id})["task"], Task)
        assert sorted(str(e.value) for v in task.last_metrics.values() for e in v.values()) == ["0.5", "NaN"]
        assert task.last_iteration == 1
        (model,) = msgspec.convert(dispatch(store, "models.get_all")["models"], list[Model])
        assert model.metadata["k"].value == "v" and model.ready is True
        (project,) = msgspec.convert(dispatch(store, "projects.get_all")["projects"], list[Project])
        assert project.basename == "project"
