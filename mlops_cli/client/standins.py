"""What a server lacks, made of calls that every server of the API has: extensions of ours, and newer calls.

Each takes the request of the call that it stands for and answers alike, as far as the server can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import Denied, InvalidInput, MlopsError, NotFound
from . import lines

if TYPE_CHECKING:
    from .remote import Remote

Json = dict[str, Any]
StandIn = Callable[["Remote", Json], Json]

LOG_PAGE = 1000


class Memory:
    """What one process knows of the batches it sent to a server that does not know them."""

    def __init__(self) -> None:
        self.console: dict[tuple[str, str], lines.Sent] = {}


def add_columns(remote: Remote, body: Json) -> Json:
    """As lines of `events.add_batch`. Points and plots overwrite themselves; console lines are sent after a look at
    what the server has, whenever it is not sure that it has none of them."""
    task = body["task"]
    found = lines.of_batch(body)
    for packet in lines.packets(found.events):
        _add(remote, task, packet, found.left_out)
    added = len(found.events)
    if found.console:
        key = (task, str(body.get("stream")))
        sent = remote.memory.console.setdefault(key, lines.Sent())
        todo = found.console
        if not sent.is_sure:
            todo = lines.after_last_match(todo, _tail(remote, task, found.console), exact=sent.unsure)
        # Until the server has answered nobody knows what it has; a resend must look, and find these very lines.
        sent.is_sure, sent.unsure = False, found.console
        for packet in lines.packets(todo):
            _add(remote, task, packet, found.left_out)
        sent.is_sure, sent.unsure = True, []
        added += len(todo)
    left_out = dict(found.left_out)
    return {
        "added": added,
        "skipped": False,
        "next": body["next"],
        "errors": sum(left_out.values()),
        "errors_info": left_out,
    }


def _add(remote: Remote, task: str, packet: bytes, left_out: dict[str, int]) -> None:
    try:
        # Not repeated by the transport: lines that arrived twice would be there twice.
        answer = remote.ask("events.add_batch", {}, lines=packet, repeatable=b'"type":"log"' not in packet)
    except InvalidInput as exc:
        if exc.subcode != EVENTS_NOT_ADDED:
            raise
        if not remote.ask("tasks.get_all", {"id": [task], "only_fields": ["id"], "search_hidden": True})["tasks"]:
            raise NotFound(f"Invalid task id: {task}", subcode=101) from exc
        # Every event of the batch was refused for what it is; sending it again would change nothing.
        answer = {"errors_info": {exc.message: packet.count(b"\n")}}
    for why, count in (answer.get("errors_info") or {}).items():
        left_out[str(why)] = left_out.get(str(why), 0) + int(count)


EVENTS_NOT_ADDED = 131


def _tail(remote: Remote, task: str, console: list[Json]) -> list[Json]:
    """The newest log events of the task, oldest first: at least as many lines as we are about to send."""
    body = {"task": task, "batch_size": max(LOG_PAGE, 2 * len(console)), "navigate_earlier": True, "order": "asc"}
    return list(remote.ask("events.get_task_log", body)["events"])


def get_curve(remote: Remote, body: Json) -> Json:
    """Means instead of extremes: the API's own thinning."""
    metric, variant = body["metric"], body["variant"]
    query: Json = {"task": body["task"], "samples": max(1, min(int(body["samples"]), 6000))}
    query |= {"key": body.get("key") or "iter", "metrics": [{"metric": metric, "variants": [variant]}]}
    found = remote.ask("events.scalar_metrics_iter_histogram", query).get(metric, {}).get(variant, {})
    x, y = list(found.get("x") or ()), list(found.get("y") or ())
    return {
        "x": x, "min": y, "max": y, "mean": y, "last": y, "count": [1] * len(x), "min_iter": x, "max_iter": x,
        "total": len(x), "first_iter": x[0] if x else None, "last_iter": x[-1] if x else None,
    }  # fmt: skip


def get_console(remote: Remote, body: Json) -> Json:
    """Log events as chunks; their ids are their times, which is what the API can go on from."""
    after, tail = body.get("after"), body.get("tail_lines")
    query: Json = {"task": body["task"], "batch_size": min(int(tail or LOG_PAGE), LOG_PAGE), "order": "asc"}
    query["navigate_earlier"] = tail is not None
    if after is not None and after >= 0:
        query["from_timestamp"] = after
    events = list(remote.ask("events.get_task_log", query)["events"])
    chunks = [
        {
            "id": event["timestamp"],
            "timestamp": event["timestamp"],
            "level": event.get("level") or "info",
            "worker": event.get("worker") or "",
            "raw": lines.ended(str(event.get("msg") or "")).encode("utf-8", "replace"),
        }
        for event in events
    ]
    last = chunks[-1]["id"] if chunks else after
    # A page may be longer than asked for, when several events share its last moment; a shorter one is the last.
    return {"chunks": chunks, "last": last, "more": tail is None and len(events) >= LOG_PAGE}


def edit_runtime(remote: Remote, body: Json) -> Json:
    found = remote.ask("tasks.get_all", {"id": [body["task"]], "only_fields": ["runtime"], "search_hidden": True})
    if not found["tasks"]:
        raise NotFound(f"Invalid task id: {body['task']}", subcode=101)
    runtime = {**(found["tasks"][0].get("runtime") or {}), **(body.get("add_or_update") or {})}
    for name in body.get("remove") or ():
        runtime.pop(name, None)
    return remote.ask("tasks.edit", {"task": body["task"], "runtime": runtime, "force": True})


def unique_metrics(remote: Remote, body: Json) -> Json:
    """Nothing is known of all experiments at once: whoever asks then looks at each."""
    return {"metrics": []}


def multi_task_metrics(remote: Remote, body: Json) -> Json:
    """Of scalars, from the summaries of the tasks themselves."""
    if body.get("event_type") not in (None, "", "training_stats_scalar"):
        raise Denied("this server does not list the names of such events", hint="`mlops metrics` shows scalars")
    query = {"id": list(body["tasks"]), "only_fields": ["last_metrics"], "search_hidden": True}
    found: dict[str, set[str]] = {}
    for task in remote.ask("tasks.get_all", query)["tasks"]:
        for variants in (task.get("last_metrics") or {}).values():
            for item in variants.values():
                found.setdefault(str(item.get("metric") or ""), set()).add(str(item.get("variant") or ""))
    return {"metrics": [{"metric": name, "variants": sorted(found[name])} for name in sorted(found)]}


def current_user(remote: Remote, body: Json) -> Json:
    """Who the token says that we are."""
    identity = remote.session.claims().get("identity") or {}
    user = {"id": identity.get("user") or "", "name": identity.get("user_name") or "", "role": identity.get("role")}
    return {"user": {**user, "company": {"id": identity.get("company") or "", "name": identity.get("company_name")}}}


def archive_many(remote: Remote, body: Json) -> Json:
    return _each(remote, body, lambda task: _tags(task, "system_tags", add=["archived"]))


def unarchive_many(remote: Remote, body: Json) -> Json:
    return _each(remote, body, lambda task: _tags(task, "system_tags", remove=["archived"]))


def update_tags(remote: Remote, body: Json) -> Json:
    add, remove = body.get("add_tags") or [], body.get("remove_tags") or []
    done = _each(remote, body, lambda task: _tags(task, "tags", add=add, remove=remove))
    return {"updated": len(done["succeeded"])}


def move(remote: Remote, body: Json) -> Json:
    from .api import Api  # noqa: PLC0415 - the groups know how to find and make a project

    project = body.get("project") or Api(remote.call).projects.ensure(body["project_name"])
    _each(remote, body, lambda _task: {"project": project})
    return {"project_id": project}


def update(remote: Remote, body: Json) -> Json:
    return remote.ask("tasks.edit", {**body, "force": True})


def _each(remote: Remote, body: Json, change: Callable[[Json], Json]) -> Json:
    """One edit a task; what is refused is told, and the others are done."""
    succeeded, failed = [], []
    fields = {"id": list(body["ids"]), "only_fields": ["tags", "system_tags"], "search_hidden": True}
    found = {task["id"]: task for task in remote.ask("tasks.get_all", fields)["tasks"]}
    for task in body["ids"]:
        try:
            remote.ask("tasks.edit", {"task": task, **change(found.get(task, {})), "force": True})
            succeeded.append({"id": task})
        except (NotFound, InvalidInput, Denied) as exc:
            failed.append({"id": task, "error": {"codes": [exc.http_status, exc.subcode], "msg": exc.message}})
    return {"succeeded": succeeded, "failed": failed}


def _tags(task: Json, field: str, *, add: list[str] | None = None, remove: list[str] | None = None) -> Json:
    kept = [tag for tag in [*(task.get(field) or []), *(add or [])] if tag not in (remove or [])]
    return {field: list(dict.fromkeys(kept))}


def no_import(remote: Remote, body: Json) -> Json:
    raise MlopsError(
        f"{remote.server} cannot take in exported experiments: it is no `mlops server`",
        hint="`MLOPS_SERVER=embedded mlops import FILE` brings them into this machine's store",
    )


TABLE: dict[str, StandIn] = {
    "events.add_columns": add_columns,
    "events.get_curve": get_curve,
    "events.get_console": get_console,
    "events.get_multi_task_metrics": multi_task_metrics,
    "tasks.edit_runtime": edit_runtime,
    "tasks.archive_many": archive_many,
    "tasks.unarchive_many": unarchive_many,
    "tasks.update_tags": update_tags,
    "tasks.move": move,
    "tasks.update": update,
    "tasks.restore_begin": no_import,
    "tasks.restore_finish": no_import,
    "projects.get_unique_metric_variants": unique_metrics,
    "users.get_current_user": current_user,
}
