"""The task as the API stores it, and the legal status changes.

Field names are the API's. Dates are ISO-8601 strings; parameter values are always strings with a free-text type.
"""

from __future__ import annotations

from typing import Any

import msgspec

CREATED, QUEUED, IN_PROGRESS, STOPPED = "created", "queued", "in_progress", "stopped"
CLOSED, FAILED, COMPLETED = "closed", "failed", "completed"
PUBLISHING, PUBLISHED, UNKNOWN = "publishing", "published", "unknown"

TRANSITIONS: dict[str, frozenset[str]] = {
    CREATED: frozenset({QUEUED, IN_PROGRESS}),
    QUEUED: frozenset({CREATED, IN_PROGRESS, STOPPED}),
    IN_PROGRESS: frozenset({STOPPED, FAILED, COMPLETED, CREATED}),
    STOPPED: frozenset({CREATED, QUEUED, IN_PROGRESS, CLOSED, FAILED, COMPLETED, PUBLISHING, PUBLISHED}),
    CLOSED: frozenset({CREATED, STOPPED, FAILED, PUBLISHING, PUBLISHED}),
    FAILED: frozenset({CREATED, QUEUED, STOPPED, PUBLISHED}),
    COMPLETED: frozenset({CREATED, IN_PROGRESS, PUBLISHED}),
    PUBLISHING: frozenset({PUBLISHED}),
    PUBLISHED: frozenset(),
    UNKNOWN: frozenset(),
}

STATUSES = tuple(TRANSITIONS)
ENDED = frozenset({STOPPED, CLOSED, FAILED, COMPLETED, PUBLISHING, PUBLISHED})

STATUS_WORDS = {"draft": CREATED, "running": IN_PROGRESS}
"""The words that people type, and the API's."""

TYPES = (
    "training", "testing", "inference", "data_processing", "application", "monitor",
    "controller", "report", "optimizer", "service", "qc", "custom",
)  # fmt: skip

SINGLE_VALUE_ITER = -(2**31)
"""The iteration that marks a single value (metric `Summary`)."""


def is_legal(old: str, new: str) -> bool:
    """Whether a task may go from `old` to `new` without force; staying is always legal."""
    return old == new or new in TRANSITIONS.get(old, frozenset())


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
    """`diff` is the patch since `version_num` when there is a repository, else the whole stand-alone script."""

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
