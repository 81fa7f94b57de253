"""The table of endpoints, and the one way into them: in process today, under HTTP the same.

Each row is imported when it is first called, so a call loads one service. Requests that write are checked against a
struct of `schemas`; queries are free objects that the query language checks itself, so that reading loads no msgspec.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from ..errors import InvalidInput, NotFound
from .store.store import Caller, Store

LOCAL = Caller("", "", "", "")
"""The embedded caller: the store's own user."""


class Endpoint(NamedTuple):
    """`function` in `server.api.<module>`; `request` in `schemas.<service>_requests`, None for a free query."""

    service: str
    module: str
    function: str
    request: str | None = None


class UnknownEndpoint(NotFound):
    """No such service or action."""

    http_status = 404
    default_subcode = 0


def _table(service: str, module: str, **rows: str | None) -> dict[str, Endpoint]:
    return {f"{service}.{action}": Endpoint(service, module, action, request) for action, request in rows.items()}


ENDPOINTS: dict[str, Endpoint] = {
    **_table(
        "tasks",
        "tasks",
        get_by_id=None,
        get_all=None,
        get_all_ex=None,
        get_by_id_ex=None,
    ),
    **_table(
        "tasks",
        "task_changes",
        create="TaskCreate",
        validate="TaskCreate",
        edit="TaskEdit",
        update="TaskUpdate",
        update_batch="TaskUpdateBatch",
        ping="TaskId",
        clone="TaskClone",
        started="TaskStatus",
        stopped="TaskStatus",
        failed="TaskStatus",
        completed="TaskCompleted",
        close="TaskStatus",
        stop="TaskStop",
        stop_many="TaskManyStop",
        publish="TaskPublish",
        publish_many="TaskManyPublish",
        move="Move",
        update_tags="UpdateTags",
    ),
    **_table(
        "tasks",
        "task_upkeep",
        enqueue="TaskEnqueue",
        enqueue_many="TaskManyEnqueue",
        dequeue="TaskDequeue",
        dequeue_many="TaskManyDequeue",
        reset="TaskReset",
        reset_many="TaskManyReset",
        delete="TaskDelete",
        delete_many="TaskManyDelete",
        archive="TaskArchive",
        archive_many="TaskMany",
        unarchive_many="TaskMany",
    ),
    **_table(
        "tasks",
        "task_parts",
        set_requirements="TaskRequirements",
        add_or_update_artifacts="TaskArtifacts",
        delete_artifacts="TaskDeleteArtifacts",
        add_or_update_model="TaskAddModel",
        delete_models="TaskDeleteModels",
        edit_hyper_params="TaskEditHyperparams",
        delete_hyper_params="TaskDeleteHyperparams",
        get_hyper_params="TaskIds",
        edit_configuration="TaskEditConfiguration",
        delete_configuration="TaskDeleteConfiguration",
        get_configurations="TaskConfigurations",
        get_configuration_names="TaskConfigurationNames",
        edit_runtime="TaskEditRuntime",
        get_types="Projects",
    ),
    **_table("tasks", "task_restore", restore_begin="TaskRestore", restore_finish="TaskRestore"),
    **_table(
        "projects",
        "projects",
        get_by_id=None,
        get_all=None,
        create="ProjectCreate",
        update="ProjectUpdate",
        move="ProjectMove",
        merge="ProjectMerge",
    ),
    **_table(
        "projects",
        "project_contents",
        get_all_ex=None,
        delete="ProjectDelete",
        validate_delete="ProjectId",
        get_hyper_parameters="ProjectHyperparams",
        get_unique_metric_variants="ProjectMetrics",
        get_task_tags="Projects",
        get_model_tags="Projects",
        get_project_tags="Projects",
    ),
    **_table(
        "models",
        "models",
        get_by_id=None,
        get_all=None,
        get_all_ex=None,
        get_by_id_ex=None,
        create="ModelCreate",
        edit="ModelEdit",
        update="ModelEdit",
        set_ready="ModelSetReady",
        delete="ModelDelete",
        delete_many="ModelManyDelete",
        publish_many="ModelManyPublish",
        archive_many="ModelMany",
        unarchive_many="ModelMany",
        add_or_update_metadata="ModelMetadataEdit",
        delete_metadata="ModelMetadataDelete",
        move="Move",
        update_tags="UpdateTags",
        get_frameworks="Projects",
    ),
    **_table(
        "queues",
        "queues",
        get_all=None,
        get_all_ex=None,
        get_by_id=None,
        get_default=None,
        create="QueueCreate",
        update="QueueUpdate",
        delete="QueueDelete",
        add_task="QueueTask",
        get_next_task="NextTask",
        remove_task="QueueRemoveTask",
        clear_queue="QueueId",
        peek_task="QueueId",
        get_num_entries="QueueId",
        move_task_to_front="QueueTask",
        move_task_to_back="QueueTask",
        move_task_forward="QueueMoveTask",
        move_task_backward="QueueMoveTask",
    ),
    **_table(
        "workers",
        "workers",
        register="WorkerRegister",
        unregister="WorkerId",
        status_report="WorkerReport",
        get_all="Workers",
        get_count="WorkerCount",
        get_stats="WorkerStats",
        get_metric_keys="MetricKeys",
        get_activity_report="ActivityReport",
    ),
    **_table(
        "events",
        "events",
        add=None,
        add_batch="AddBatch",
        add_columns="AddColumns",
        delete_for_task="DeleteForTask",
    ),
    **_table(
        "events",
        "event_curves",
        scalar_metrics_iter_histogram="Histogram",
        multi_task_scalar_metrics_iter_histogram="MultiHistogram",
        get_curve="Curve",
        get_task_single_value_metrics="TasksOnly",
        get_task_latest_scalar_values="TaskOnly",
        get_scalar_metrics_and_variants="TaskOnly",
        get_task_metrics="TasksOnly",
        get_multi_task_metrics="TasksOnly",
    ),
    **_table(
        "events",
        "event_pages",
        get_task_events="TaskEvents",
        get_scalar_metric_data="MetricData",
        scalar_metrics_iter_raw="Raw",
        get_task_plots="Plots",
        get_multi_task_plots="MultiPlots",
        debug_images="Browse",
        plots="Browse",
    ),
    **_table(
        "events",
        "console",
        get_task_log="Log",
        get_console="Console",
        download_task_log="DownloadLog",
        clear_task_log="ClearLog",
    ),
    **_table(
        "users",
        "users",
        get_current_user=None,
        get_all=None,
        get_all_ex=None,
        get_by_id=None,
        create="UserCreate",
        update="UserUpdate",
        delete="UserDelete",
    ),
    **_table(
        "auth",
        "auth",
        login="Login",
        logout=None,
        validate_token="ValidateToken",  # noqa: S106 - the name of a struct
        create_credentials="CreateCredentials",
        get_credentials="GetCredentials",
        edit_credentials="EditCredentials",
        revoke_credentials="RevokeCredentials",
    ),
    **_table("server", "server", info=None),
    **_table("debug", "server", ping=None),
}


def dispatch(
    store: Store, endpoint: str, body: dict[str, Any] | None = None, *, caller: Caller = LOCAL
) -> dict[str, Any]:
    """Runs one call of the API and returns its `data`. Raises MlopsError subclasses that carry the API's codes."""
    row = ENDPOINTS.get(endpoint)
    if row is None:
        raise UnknownEndpoint(f"Unable to find endpoint for name {endpoint}")
    if not isinstance(body, dict):
        if body is not None:
            raise InvalidInput("Invalid request body: it must be a JSON object", subcode=0)
        body = {}
    function = getattr(import_module(f"{__package__}.api.{row.module}"), row.function)
    caller = store.owner if caller is LOCAL else caller
    try:
        with store.db.guard():
            answer: dict[str, Any] = function(store, body if row.request is None else _checked(row, body), caller)
    except RecursionError as exc:
        raise InvalidInput("Validation error: the request is nested too deep") from exc
    return answer


def _checked(row: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    """The fields of the request that are known and not null, after their types were checked."""
    import msgspec  # noqa: PLC0415 - 7 ms that a reading call does not pay

    struct = getattr(import_module(f"mlops_cli.schemas.{row.service}_requests"), str(row.request))
    try:
        msgspec.convert(body, struct)
    except msgspec.ValidationError as exc:
        if "missing required field" in str(exc):
            raise InvalidInput(f"Required field missing: {exc}", subcode=11) from exc
        raise InvalidInput(f"Validation error: {exc}") from exc
    return {name: body[name] for name in struct.__struct_fields__ if body.get(name) is not None}


__all__ = ["ENDPOINTS", "LOCAL", "Caller", "Endpoint", "UnknownEndpoint", "dispatch"]
