"""The kinds of documents and their fields, in the order in which an answer shows them."""

from __future__ import annotations

from .fields import BOOLEAN, DATE, INTEGER, LIST, OBJECT, Collection, Field


def _fields(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


def _labels() -> tuple[Field, Field]:
    return Field("tags", LIST, "[]"), Field("system_tags", LIST, "[]")


TASKS = Collection(
    noun="task",
    table="tasks",
    apart="task_sections",
    fields=_fields(
        Field("id"),
        Field("name"),
        Field("type"),
        Field("status"),
        Field("status_reason"),
        Field("status_message"),
        Field("status_changed", DATE),
        Field("enqueue_status", internal=True),
        Field("comment"),
        Field("report"),
        Field("user"),
        Field("company"),
        Field("project"),
        Field("parent"),
        Field("created", DATE),
        Field("started", DATE),
        Field("completed", DATE),
        Field("published", DATE),
        Field("last_update", DATE),
        Field("last_change", DATE),
        Field("last_changed_by"),
        Field("last_worker"),
        Field("last_worker_report", DATE),
        Field("active_duration", INTEGER),
        Field("last_iteration", INTEGER),
        Field("run_id", internal=True),
        *_labels(),
        Field("models", OBJECT, '{"input": [], "output": []}'),
        Field("container", OBJECT, "{}"),
        Field("output", OBJECT, "{}"),
        Field("runtime", OBJECT, "{}"),
        Field("hyperparams", OBJECT, "{}"),
        Field("execution", OBJECT, "{}", apart=True),
        Field("script", OBJECT, "{}", apart=True),
        Field("configuration", OBJECT, "{}", apart=True),
    ),
    regexes=frozenset({"name", "comment", "report"}),
    ranges=frozenset({"created", "started", "active_duration", "last_iteration"}),
    arrays={
        "models.input.model": ("models", "input", "model"),
        "models.output.model": ("models", "output", "model"),
        "models.input.name": ("models", "input", "name"),
        "models.output.name": ("models", "output", "name"),
        "execution.artifacts.key": ("execution", "artifacts", "key"),
        "execution.artifacts.hash": ("execution", "artifacts", "hash"),
    },
    shortcuts={"runtime.mlops_run": "t.run_id"},
    has_metrics=True,
    unknown_id=101,
)

PROJECTS = Collection(
    noun="project",
    table="projects",
    fields=_fields(
        Field("id"),
        Field("name"),
        Field("basename"),
        Field("description"),
        Field("parent"),
        Field("user"),
        Field("company"),
        Field("created", DATE),
        Field("last_update", DATE),
        *_labels(),
        Field("default_output_destination"),
    ),
    regexes=frozenset({"name", "basename", "description"}),
    ranges=frozenset({"created"}),
    unknown_id=401,
)

MODELS = Collection(
    noun="model",
    table="models",
    fields=_fields(
        Field("id"),
        Field("name"),
        Field("uri"),
        Field("framework"),
        Field("ready", BOOLEAN),
        Field("task"),
        Field("project"),
        Field("parent"),
        Field("user"),
        Field("company"),
        Field("comment"),
        Field("created", DATE),
        Field("last_update", DATE),
        Field("last_change", DATE),
        Field("last_iteration", INTEGER),
        *_labels(),
        Field("labels", OBJECT, "{}"),
        Field("metadata", OBJECT, "{}"),
        Field("design", OBJECT),
    ),
    regexes=frozenset({"name", "comment"}),
    ranges=frozenset({"created", "last_iteration"}),
    has_metrics=True,
    unknown_id=201,
)

USERS = Collection(
    noun="user",
    table="users",
    fields=_fields(Field("id"), Field("name"), Field("role"), Field("company"), Field("created", DATE)),
    regexes=frozenset({"name"}),
)

QUEUES = Collection(
    noun="queue",
    table="queues",
    fields=_fields(
        Field("id"),
        Field("name"),
        Field("display_name"),
        Field("user"),
        Field("company"),
        Field("created", DATE),
        Field("last_update", DATE),
        *_labels(),
        Field("metadata", OBJECT, "{}"),
    ),
    regexes=frozenset({"name"}),
    unknown_id=701,
)

WORKERS = Collection(
    noun="worker",
    table="workers",
    fields=_fields(Field("id"), *_labels()),
    unknown_id=1001,
)
"""Only what a list of workers is filtered by: they are read by `store.workers`."""
