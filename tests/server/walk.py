"""Every endpoint with a request that it grants, in an order in which all of them can be called on one store."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store

Body = dict[str, Any]
NOW_MS = 1_795_000_000_000
SCALAR = {"type": "training_stats_scalar", "metric": "loss", "variant": "train", "iter": 3, "value": 0.25}
PLOT = {"type": "plot", "metric": "hist", "variant": "h", "iter": 1, "plot_str": '{"data": []}'}
IMAGE = {
    "type": "training_debug_image",
    "metric": "img",
    "variant": "i",
    "iter": 1,
    "url": "http://f/a.png",
    "key": "k",
}
LOG = {"type": "log", "msg": "line one\nline two", "level": "info"}
SINGLE = {**SCALAR, "metric": "Summary", "variant": "f1", "iter": -(2**31)}


class Walk:
    """Calls endpoints and keeps what they answered."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.answers: list[tuple[str, Body]] = []

    def __call__(self, endpoint: str, **body: Any) -> Body:
        answer = dispatch(self.store, endpoint, body)
        self.answers.append((endpoint, answer))
        return answer


def walk(store: Store) -> list[tuple[str, Body]]:
    """Every (endpoint, answer), some endpoints with several answers."""
    call = Walk(store)
    for part in (_people, _projects, _tasks, _events, _models, _queues, _workers, _ends):
        part(call)
    return call.answers


def _people(call: Walk) -> None:
    call("debug.ping", hello="you")
    call("server.info")
    call("users.get_current_user")
    call("users.get_all")
    call("users.get_all_ex")
    call("users.get_by_id", user=call.store.owner.user)
    made = call("users.create", name="somebody")["id"]
    call("users.update", user=made, role="viewer")
    call("users.delete", user=made)
    token = call("auth.login")["token"]
    call("auth.validate_token", token=token)
    key = call("auth.create_credentials", label="laptop")["credentials"]["access_key"]
    call("auth.edit_credentials", access_key=key, label="desk")
    call("auth.get_credentials")
    call("auth.revoke_credentials", access_key=key)
    call("auth.logout")


def _projects(call: Walk) -> None:
    call.project = call("projects.create", name="walk/deep/down", tags=["t"], description="d")["id"]
    call("projects.get_by_id", project=call.project)
    call("projects.get_all", name="^walk")
    call("projects.get_all_ex", include_stats=True, check_own_contents=True)
    call("projects.update", project=call.project, description="changed")
    for name in ("moved one", "merged one"):
        call("projects.create", name=f"aside/{name}")
    aside = {item["basename"]: item["id"] for item in call("projects.get_all")["projects"]}
    call("projects.move", project=aside["moved one"], new_location="walk")
    call("projects.merge", project=aside["merged one"], destination_project=aside["moved one"])
    call("projects.validate_delete", project=aside["moved one"])
    call("projects.delete", project=aside["moved one"])


def _tasks(call: Walk) -> None:
    draft = {"name": "walked", "type": "training", "project": call.project, "tags": ["b", "a"]}
    call("tasks.validate", **draft)
    call.task = task = call("tasks.create", **draft, script={"diff": "x"}, container={"image": "i"})["id"]
    call("tasks.edit", task=task, comment="c", hyperparams={"Args": {"lr": {"value": "0.1", "type": "float"}}})
    call("tasks.update", task=task, name="walked on")
    call("tasks.update_batch", tasks=[{"task": task, "comment": "in a batch"}])
    call("tasks.started", task=task)
    call("tasks.ping", task=task)
    call("tasks.set_requirements", task=task, requirements={"pip": "numpy == 2.0\n", "conda": ["a", "b"]})
    artifact = {"key": "data", "type": "dict", "uri": "http://f/d.json", "timestamp": 1795300361, "content_size": 14}
    call("tasks.add_or_update_artifacts", task=task, artifacts=[artifact, {**artifact, "key": "more"}])
    call("tasks.delete_artifacts", task=task, artifacts=[{"key": "more"}])
    item = {"section": "Args", "name": "epochs", "value": "3"}
    call("tasks.edit_hyper_params", task=task, hyperparams=[item], force=True)
    call("tasks.get_hyper_params", tasks=[task])
    call("tasks.delete_hyper_params", task=task, hyperparams=[{"section": "Args", "name": "epochs"}], force=True)
    call("tasks.edit_configuration", task=task, configuration=[{"name": "c", "value": "v"}], force=True)
    call("tasks.get_configurations", tasks=[task])
    call("tasks.get_configuration_names", tasks=[task])
    call("tasks.delete_configuration", task=task, configuration=["c"], force=True)
    call("tasks.edit_runtime", task=task, add_or_update={"cpu_cores": 2, "progress": "10"}, force=True)
    call("tasks.get_types")
    call("tasks.move", ids=[task], project=call.project)
    call("tasks.update_tags", ids=[task], add_tags=["new"])


def _events(call: Walk) -> None:
    task = call.task
    call("events.add", **SCALAR, task=task)
    events = [{**event, "task": task} for event in (PLOT, IMAGE, LOG, SINGLE, {**SCALAR, "iter": 4, "value": 1e300})]
    call("events.add_batch", events=events)
    console = [{"timestamp": NOW_MS, "level": "info", "raw": base64.b64encode(b"more\n").decode()}]
    call("events.add_columns", task=task, run="r" * 8, stream="s", offset=0, next=1, console=console)
    call("events.scalar_metrics_iter_histogram", task=task)
    call("events.multi_task_scalar_metrics_iter_histogram", tasks=[task])
    call("events.get_curve", task=task, metric="loss", variant="train")
    call("events.get_task_single_value_metrics", tasks=[task])
    call("events.get_task_latest_scalar_values", task=task)
    call("events.get_scalar_metrics_and_variants", task=task)
    call("events.get_task_metrics", tasks=[task], event_type="training_stats_scalar")
    call("events.get_multi_task_metrics", tasks=[task], event_type="training_stats_scalar")
    for kind in ("training_stats_scalar", "plot", "training_debug_image", "log"):
        call("events.get_task_events", task=task, event_type=kind)
    call("events.get_scalar_metric_data", task=task, metric="loss")
    call("events.scalar_metrics_iter_raw", task=task, metric={"metric": "loss"}, count_total=True)
    call("events.get_task_plots", task=task)
    call("events.get_multi_task_plots", tasks=[task])
    scroll = call("events.debug_images", metrics=[{"task": task}])["scroll_id"]
    call("events.debug_images", metrics=[{"task": task}], scroll_id=scroll)
    call("events.plots", metrics=[{"task": task}])
    call("events.get_task_log", task=task)
    call("events.get_console", task=task)
    call("events.download_task_log", task=task, line_type="text")


def _models(call: Walk) -> None:
    task = call.task
    fields = {"uri": "file:///m.pkl", "ready": False, "labels": {"cat": 1}, "design": {"design": "x"}}
    call.model = model = call("models.create", name="net", task=task, project=call.project, **fields)["id"]
    call("models.edit", model=model, comment="c", iteration=3)
    call("models.update", model=model, framework="ONNX")
    call("models.add_or_update_metadata", model=model, metadata=[{"key": "acc", "type": "float", "value": "0.9"}])
    call("events.add", **SCALAR, task=model, model_event=True)
    call("models.get_by_id", model=model)
    call("models.get_all", **{"metadata.acc.value": "0.9"})
    call("models.get_all_ex", only_fields=["name", "task.name", "project.name"])
    call("models.get_by_id_ex", id=[model])
    call("models.delete_metadata", model=model, keys=["acc"])
    call("models.get_frameworks")
    call("models.move", ids=[model], project=call.project)
    call("models.update_tags", ids=[model], add_tags=["x"])
    call("models.archive_many", ids=[model, "0" * 32])
    call("models.unarchive_many", ids=[model])
    call("tasks.add_or_update_model", task=task, name="out", model=model, type="output")
    call("tasks.add_or_update_model", task=task, name="in", model=model, type="input")
    call("tasks.delete_models", task=task, models=[{"name": "in", "type": "input"}])
    others = [call("models.create", name=name, ready=False, uri="file:///o")["id"] for name in ("one", "two", "three")]
    call("models.set_ready", model=others[0], publish_task=False)
    call("models.publish_many", ids=[others[1]], publish_task=False)
    call("models.delete", model=others[2])
    call("models.delete_many", ids=others[:2], force=True)


def _queues(call: Walk) -> None:
    call("queues.get_default")
    call.queue = queue = call("queues.create", name="walked", tags=["q"], metadata={"k": {"value": "v"}})["id"]
    call("queues.update", queue=queue, display_name="Walked")
    call.queued = queued = [call("tasks.clone", task=call.task, new_task_name=f"clone {n}")["id"] for n in range(4)]
    call("tasks.enqueue", task=queued[0], queue=queue, verify_watched_queue=True)
    call("tasks.enqueue_many", ids=queued, queue_name="walked", verify_watched_queue=True)
    call("queues.get_by_id", queue=queue)
    call("queues.get_all", name="^walked$")
    call("queues.get_all_ex")
    call("queues.get_num_entries", queue=queue)
    call("queues.peek_task", queue=queue)
    for verb in ("forward", "backward", "to_front", "to_back"):
        call(f"queues.move_task_{verb}", queue=queue, task=queued[1])
    call("queues.remove_task", queue=queue, task=queued[3], update_task_status=True)
    call("queues.add_task", queue=queue, task=queued[3])
    call("tasks.dequeue", task=queued[2])
    call("tasks.dequeue_many", ids=[queued[1], "0" * 32])
    call("queues.get_next_task", queue=queue, get_task_info=True)


def _workers(call: Walk) -> None:
    call("workers.register", worker="host:0", queues=[call.queue], tags=["w"])
    stats = {"cpu_usage": [12.5, 30.0], "memory_free": 22740.4, "gpu_usage": [99.0]}
    report = {"worker": "host:0", "queue": call.queue, "queues": [call.queue], "machine_stats": stats}
    now = time.time()
    for age in (90, 45, 0):
        call("workers.status_report", **report, task=call.task, timestamp=int((now - age) * 1000))
    call("workers.get_all")
    call("queues.get_all_ex")
    call("workers.get_count")
    span = {"from_date": now - 600, "to_date": now + 60, "interval": 40}
    items = [{"key": "cpu_usage", "aggregation": "avg"}, {"key": "memory_free", "aggregation": "max"}]
    call("workers.get_stats", items=items, split_by_resource=True, **span)
    call("workers.get_metric_keys")
    call("workers.get_activity_report", **span)
    call("workers.unregister", worker="host:0", queues=[call.queue])
    call("queues.clear_queue", queue=call.queue)
    call("queues.get_next_task", queue=call.queue)
    call("queues.peek_task", queue=call.queue)
    call("queues.delete", queue=call.queue)


def _ends(call: Walk) -> None:
    task, queued = call.task, call.queued
    _lists(call)
    call("tasks.stop", task=queued[0], force=True)
    call("tasks.stop_many", ids=[queued[0], "0" * 32])
    call("tasks.failed", task=queued[0], force=True)
    call("tasks.close", task=queued[1], force=True)
    call("tasks.stopped", task=queued[2], force=True)
    call("tasks.completed", task=task)
    call("tasks.publish", task=queued[2])
    call("tasks.publish_many", ids=[queued[0]], force=True)
    call("tasks.archive", tasks=[queued[1]])
    call("tasks.archive_many", ids=[task])
    call("tasks.unarchive_many", ids=[task])
    _lists(call)
    whole = call("tasks.get_by_id", task=task)["task"]
    call("events.clear_task_log", task=task)
    call("events.delete_for_task", task=task)
    call("tasks.reset", task=task, force=True, return_file_urls=True)
    call("tasks.reset_many", ids=[queued[1]], force=True)
    call("tasks.delete", task=task, force=True, return_file_urls=True)
    call("tasks.delete_many", ids=[*queued, "0" * 32], force=True)
    call("tasks.restore_begin", **whole)
    call("tasks.restore_finish", **whole)
    _lists(call)


def _lists(call: Walk) -> None:
    call("tasks.get_all")
    call("tasks.get_all", id=[call.task], only_fields=["status", "status_message", "id"])
    call("tasks.get_all_ex", only_fields=["name", "project.name", "user.name", "parent.name", "execution.queue.name"])
    for task in call("tasks.get_all", only_fields=["id"])["tasks"]:
        call("tasks.get_by_id", task=task["id"])
        call("tasks.get_by_id_ex", id=[task["id"]])
    call("projects.get_hyper_parameters", project=call.project)
    call("projects.get_unique_metric_variants", project=call.project)
    for name in ("task", "model", "project"):
        call(f"projects.get_{name}_tags")


def lines(answers: list[tuple[str, Body]]) -> Iterator[str]:
    """One JSON document an answer, as they travel."""
    for endpoint, answer in answers:
        yield json.dumps([endpoint, answer], default=lambda value: value.decode("latin-1"))
