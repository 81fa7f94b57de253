"""Requests of the `tasks` service. A request names what it accepts; whatever else a client sends is ignored."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .requests import Many, Move, Projects, UpdateTags

__all__ = ["Move", "Projects", "UpdateTags"]


class Item(msgspec.Struct):
    """A parameter, as an answer of the API holds it and as its requests send it."""

    section: str | None = None
    name: str | None = None
    value: str | None = None
    type: str | None = None
    description: str | None = None


class ListedItem(Item, kw_only=True):
    section: str
    name: str


class ItemKey(msgspec.Struct):
    section: str
    name: str | None = None


class ConfigurationItem(msgspec.Struct):
    name: str | None = None
    value: str | None = None
    type: str | None = None
    description: str | None = None


class ListedConfiguration(ConfigurationItem, kw_only=True):
    name: str


class ArtifactItem(msgspec.Struct):
    key: str
    type: str | None = None
    mode: Literal["input", "output"] | None = None
    uri: str | None = None
    content_size: int | None = None
    hash: str | None = None
    timestamp: int | None = None
    type_data: dict[str, Any] | None = None
    display_data: list[list[str]] | None = None


class ArtifactKey(msgspec.Struct):
    key: str
    mode: Literal["input", "output"] | None = None


class ModelItem(msgspec.Struct):
    name: str | None = None
    model: str | None = None
    updated: str | None = None


class ModelLists(msgspec.Struct):
    input: list[ModelItem] | None = None
    output: list[ModelItem] | None = None


class InputModel(msgspec.Struct):
    name: str
    model: str | None = None


class ExecutionPart(msgspec.Struct):
    queue: str | None = None
    artifacts: list[ArtifactItem] | dict[str, ArtifactItem] | None = None
    model_labels: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    model_desc: dict[str, Any] | None = None
    test_split: float | None = None


class ScriptPart(msgspec.Struct):
    binary: str | None = None
    repository: str | None = None
    branch: str | None = None
    tag: str | None = None
    version_num: str | None = None
    entry_point: str | None = None
    working_dir: str | None = None
    requirements: dict[str, Any] | None = None
    diff: str | None = None


class TaskFields(msgspec.Struct, kw_only=True):
    """What a task may be created with, and edited to."""

    name: str | None = None
    type: str | None = None
    project: str | None = None
    parent: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    script: ScriptPart | None = None
    execution: ExecutionPart | None = None
    hyperparams: dict[str, dict[str, Item]] | None = None
    configuration: dict[str, ConfigurationItem] | None = None
    models: ModelLists | None = None
    container: dict[str, str | None] | None = None
    runtime: dict[str, Any] | None = None
    output_dest: str | None = None


class TaskCreate(TaskFields, kw_only=True):
    name: str
    type: str


class TaskRestore(TaskCreate, kw_only=True):
    """Ours: a whole exported document, with what only the store itself sets."""

    id: str
    status: str | None = None
    status_reason: str | None = None
    status_message: str | None = None
    status_changed: str | None = None
    user: str | None = None
    created: str | None = None
    started: str | None = None
    completed: str | None = None
    published: str | None = None
    last_update: str | None = None
    last_change: str | None = None
    last_worker: str | None = None
    last_worker_report: str | None = None
    active_duration: int | None = None
    last_iteration: int | None = None


class TaskEdit(TaskFields, kw_only=True):
    task: str
    force: bool | None = None
    status: str | None = None
    status_reason: str | None = None
    status_message: str | None = None
    output: dict[str, Any] | None = None


class TaskUpdate(msgspec.Struct):
    task: str
    name: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    project: str | None = None
    status_message: str | None = None
    output__error: str | None = None


class TaskUpdateBatch(msgspec.Struct):
    """The lines of the request."""

    tasks: list[TaskUpdate]


class TaskId(msgspec.Struct):
    task: str


class TaskIds(msgspec.Struct):
    tasks: list[str]


class TaskStatus(msgspec.Struct):
    task: str
    force: bool | None = None
    status_reason: str | None = None
    status_message: str | None = None


class TaskCompleted(TaskStatus):
    publish: bool | None = None


class TaskStop(TaskStatus):
    include_pipeline_steps: bool | None = None


class TaskPublish(TaskStatus):
    publish_model: bool | None = None


class TaskEnqueue(TaskStatus):
    queue: str | None = None
    queue_name: str | None = None
    verify_watched_queue: bool | None = None
    update_execution_queue: bool | None = None


class TaskDequeue(msgspec.Struct):
    task: str
    status_reason: str | None = None
    status_message: str | None = None
    new_status: str | None = None
    remove_from_all_queues: bool | None = None


class TaskReset(TaskStatus):
    clear_all: bool | None = None
    delete_output_models: bool | None = None
    return_file_urls: bool | None = None
    delete_external_artifacts: bool | None = None


class TaskDelete(TaskStatus):
    return_file_urls: bool | None = None
    delete_output_models: bool | None = None
    delete_external_artifacts: bool | None = None
    include_pipeline_steps: bool | None = None


class TaskArchive(msgspec.Struct):
    tasks: list[str]
    status_reason: str | None = None
    status_message: str | None = None


class TaskMany(Many):
    force: bool | None = None
    status_reason: str | None = None
    status_message: str | None = None


class TaskManyStop(TaskMany):
    include_pipeline_steps: bool | None = None


class TaskManyEnqueue(TaskMany):
    queue: str | None = None
    queue_name: str | None = None
    verify_watched_queue: bool | None = None
    update_execution_queue: bool | None = None


class TaskManyDequeue(Many):
    status_reason: str | None = None
    status_message: str | None = None
    new_status: str | None = None
    remove_from_all_queues: bool | None = None


class TaskManyPublish(TaskMany):
    publish_model: bool | None = None


class TaskManyReset(TaskMany):
    clear_all: bool | None = None
    delete_output_models: bool | None = None
    return_file_urls: bool | None = None
    delete_external_artifacts: bool | None = None


class TaskManyDelete(TaskMany):
    return_file_urls: bool | None = None
    delete_output_models: bool | None = None
    delete_external_artifacts: bool | None = None
    include_pipeline_steps: bool | None = None


class TaskClone(msgspec.Struct):
    task: str
    new_task_name: str | None = None
    new_task_comment: str | None = None
    new_task_tags: list[str] | None = None
    new_task_system_tags: list[str] | None = None
    new_task_parent: str | None = None
    new_task_project: str | None = None
    new_project_name: str | None = None
    new_task_hyperparams: dict[str, dict[str, Item]] | None = None
    new_task_configuration: dict[str, ConfigurationItem] | None = None
    new_task_container: dict[str, str | None] | None = None
    new_task_input_models: list[InputModel] | None = None
    execution_overrides: ExecutionPart | None = None


class TaskRequirements(msgspec.Struct):
    task: str
    requirements: dict[str, Any]


class TaskArtifacts(msgspec.Struct):
    task: str
    artifacts: list[ArtifactItem]
    force: bool | None = None


class TaskDeleteArtifacts(msgspec.Struct):
    task: str
    artifacts: list[ArtifactKey]
    force: bool | None = None


class TaskAddModel(msgspec.Struct):
    task: str
    name: str
    model: str
    type: Literal["input", "output"]
    iteration: int | None = None


class TaskModelKey(msgspec.Struct):
    name: str
    type: Literal["input", "output"]


class TaskDeleteModels(msgspec.Struct):
    task: str
    models: list[TaskModelKey]


class TaskEditHyperparams(msgspec.Struct):
    task: str
    hyperparams: list[ListedItem]
    replace_hyperparams: Literal["none", "section", "all"] | None = None
    force: bool | None = None


class TaskDeleteHyperparams(msgspec.Struct):
    task: str
    hyperparams: list[ItemKey]
    force: bool | None = None


class TaskEditConfiguration(msgspec.Struct):
    task: str
    configuration: list[ListedConfiguration]
    replace_configuration: bool | None = None
    force: bool | None = None


class TaskDeleteConfiguration(msgspec.Struct):
    task: str
    configuration: list[str]
    force: bool | None = None


class TaskConfigurations(msgspec.Struct):
    tasks: list[str]
    names: list[str] | None = None


class TaskConfigurationNames(msgspec.Struct):
    tasks: list[str]
    skip_empty: bool | None = None


class TaskEditRuntime(msgspec.Struct):
    task: str
    add_or_update: dict[str, Any] | None = None
    remove: list[str] | None = None
    force: bool | None = None
