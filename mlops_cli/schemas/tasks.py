"""The task as the API stores it; `status` holds the legal status changes, which are also named here.

Field names are the API's. Dates are ISO-8601 strings; parameter values are strings with a free-text type.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .status import CLOSED as CLOSED
from .status import COMPLETED as COMPLETED
from .status import CREATED as CREATED
from .status import ENDED as ENDED
from .status import FAILED as FAILED
from .status import IN_PROGRESS as IN_PROGRESS
from .status import PUBLISHED as PUBLISHED
from .status import PUBLISHING as PUBLISHING
from .status import QUEUED as QUEUED
from .status import STATUS_WORDS as STATUS_WORDS
from .status import STATUSES as STATUSES
from .status import STOPPED as STOPPED
from .status import TRANSITIONS as TRANSITIONS
from .status import TYPES as TYPES
from .status import UNKNOWN as UNKNOWN
from .status import is_legal as is_legal

SINGLE_VALUE_ITER = -(2**31)
"""The iteration that marks a single value (metric `Summary`)."""


class Parameter(msgspec.Struct, omit_defaults=True):
    section: str = ""
    name: str = ""
    value: str | None = ""
    type: str | None = None
    description: str | None = None


class Configuration(msgspec.Struct, omit_defaults=True):
    name: str = ""
    value: str | None = ""
    type: str | None = None
    description: str | None = None


class Script(msgspec.Struct, omit_defaults=True):
    """`diff` is the patch since `version_num` when there is a repository, else the whole script."""

    binary: str | None = None
    repository: str | None = None
    branch: str | None = None
    tag: str | None = None
    version_num: str | None = None
    entry_point: str | None = None
    working_dir: str | None = None
    requirements: dict[str, Any] | None = None
    diff: str | None = None


class Artifact(msgspec.Struct, omit_defaults=True):
    """Identity is (`key`, `mode`). `hash` is the sha256 of the file; `timestamp` is in seconds."""

    key: str
    type: str = "custom"
    mode: str = "output"
    uri: str | None = None
    content_size: int | None = None
    hash: str | None = None
    timestamp: int | None = None
    type_data: dict[str, Any] | None = None
    display_data: list[list[str]] | None = None


class Execution(msgspec.Struct, omit_defaults=True):
    queue: str | None = None
    artifacts: list[Artifact] | None = None
    model_labels: dict[str, int] | None = None
    parameters: dict[str, Any] | None = None
    model_desc: dict[str, Any] | None = None
    test_split: float | None = None


class TaskModel(msgspec.Struct, omit_defaults=True):
    name: str = ""
    model: str = ""
    updated: str | None = None


class TaskModels(msgspec.Struct):
    input: list[TaskModel] = msgspec.field(default_factory=list)
    output: list[TaskModel] = msgspec.field(default_factory=list)


class LastMetric(msgspec.Struct, omit_defaults=True):
    """The summary of one series; non-finite values are the strings `NaN`, `Infinity`, `-Infinity`."""

    metric: str = ""
    variant: str = ""
    value: float | str | None = None
    min_value: float | str | None = None
    min_value_iteration: int | None = None
    max_value: float | str | None = None
    max_value_iteration: int | None = None
    first_value: float | str | None = None
    first_value_iteration: int | None = None
    mean_value: float | str | None = None
    count: int | None = None
    x_axis_label: str | None = None


class Task(msgspec.Struct, omit_defaults=True):
    """One experiment. `last_metrics` is keyed by the MD5 of the metric and of the variant."""

    id: str
    name: str = ""
    type: str = "training"
    status: str = CREATED
    status_reason: str | None = None
    status_message: str | None = None
    status_changed: str | None = None
    comment: str | None = None
    user: str | None = None
    company: str | None = None
    project: str | None = None
    parent: str | None = None
    created: str | None = None
    started: str | None = None
    completed: str | None = None
    published: str | None = None
    last_update: str | None = None
    last_change: str | None = None
    last_changed_by: str | None = None
    last_worker: str | None = None
    last_worker_report: str | None = None
    active_duration: int | None = None
    last_iteration: int | None = 0
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    script: Script | None = None
    hyperparams: dict[str, dict[str, Parameter]] | None = None
    configuration: dict[str, Configuration] | None = None
    execution: Execution | None = None
    models: TaskModels | None = None
    container: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    runtime: dict[str, Any] | None = None
    last_metrics: dict[str, dict[str, LastMetric]] | None = None
