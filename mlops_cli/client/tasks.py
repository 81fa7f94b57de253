"""The tasks service. Lists are plain dicts with the API's field names; a single full task is a
`schemas.tasks.Task`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .api import Api, Json

if TYPE_CHECKING:
    from ..schemas.tasks import Task

PAGE = 500
"""The most that the API gives in one page."""


class Tasks:
    def __init__(self, api: Api) -> None:
        self._api = api

    def iterate(self, query: Mapping[str, Any], *, page_size: int = PAGE) -> Iterator[Json]:
        """Every task that a `tasks.get_all` query means, page by page, each id once."""
        body = {key: value for key, value in query.items() if key not in ("page", "page_size")}
        size = max(1, min(page_size, PAGE))
        seen: set[str] = set()
        page = 0
        while True:
            tasks = self._api.call("tasks.get_all", {**body, "page": page, "page_size": size})["tasks"]
            for task in tasks:
                # A task that changes while we page may move to a later page and come twice.
                if task["id"] not in seen:
                    seen.add(task["id"])
                    yield task
            if len(tasks) < size:
                return
            page += 1

    def find(self, query: Mapping[str, Any] | None = None, *, limit: int | None = None) -> list[Json]:
        """The tasks of a `tasks.get_all` query: all of them, or the first `limit`."""
        if limit is not None and limit <= 0:
            return []
        found = []
        for task in self.iterate(query or {}, page_size=limit or PAGE):
            found.append(task)
            if len(found) == limit:
                break
        return found

    def document(self, task: str) -> Json:
        """One full task as the API answers it. Raises NotFound."""
        found: Json = self._api.call("tasks.get_by_id", {"task": task})["task"]
        return found

    def get(self, task: str) -> Task:
        """One full task. Raises NotFound."""
        import msgspec  # noqa: PLC0415 - listing must not load it

        from ..schemas.tasks import Task  # noqa: PLC0415

        # Not strict: servers answer integers where a float is meant, and the other way round.
        return msgspec.convert(self.document(task), Task, strict=False)

    def find_run(self, run_id: str) -> str | None:
        """The id of the task that a run was stored as, or None."""
        key = "runtime.mlops_run"
        # Both ways to ask, and a look at the answer: an older server passes over the one that it does not know.
        query = {key: run_id, "_all_": {"fields": [key], "pattern": f"^{run_id}$"}, "order_by": ["-created"]}
        found = self.find({**query, "only_fields": ["id", key], "search_hidden": True}, limit=PAGE)
        matching = [task for task in found if (task.get("runtime") or {}).get("mlops_run") == run_id]
        return str(matching[0]["id"]) if matching else None

    def create(self, fields: Mapping[str, Any]) -> str:
        """A new draft; returns its id. `name` and `type` are required."""
        return str(self._api.call("tasks.create", fields)["id"])

    def edit(self, task: str, fields: Mapping[str, Any], *, force: bool = True) -> Json:
        """Set fields; `hyperparams`, `configuration`, `runtime` and tags are replaced as a whole."""
        return self._api.call("tasks.edit", {"task": task, **fields, "force": force})

    def edit_runtime(self, task: str, changes: Mapping[str, Any]) -> Json:
        """Add or replace single keys of `runtime`, leaving the others as they are."""
        return self._api.call("tasks.edit_runtime", {"task": task, "add_or_update": dict(changes), "remove": []})

    def started(self, task: str, *, force: bool = False) -> Json:
        return self._api.call("tasks.started", {"task": task, "force": force})

    def completed(self, task: str, *, reason: str = "", message: str = "", force: bool = False) -> Json:
        return self._move("tasks.completed", task, reason, message, force)

    def failed(self, task: str, *, reason: str = "", message: str = "", force: bool = False) -> Json:
        return self._move("tasks.failed", task, reason, message, force)

    def stopped(self, task: str, *, reason: str = "", message: str = "", force: bool = False) -> Json:
        return self._move("tasks.stopped", task, reason, message, force)

    def stop(self, task: str, *, reason: str = "", message: str = "", force: bool = False) -> Json:
        """Ask a running task to stop; a task without a live worker is stopped at once."""
        return self._move("tasks.stop", task, reason, message, force)

    def ping(self, task: str) -> None:
        self._api.call("tasks.ping", {"task": task})

    def clone(
        self,
        task: str,
        *,
        name: str | None = None,
        parent: str | None = None,
        project: str | None = None,
        hyperparams: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        comment: str | None = None,
    ) -> str:
        """A draft like `task`; returns its id. What is None is as in the source; `parent` is the source
        itself."""
        body: Json = {"task": task, "new_task_parent": parent or task}
        given = {
            "name": name,
            "project": project,
            "hyperparams": hyperparams,
            "tags": tags,
            "comment": comment,
        }
        body.update({f"new_task_{key}": value for key, value in given.items() if value is not None})
        return str(self._api.call("tasks.clone", body)["id"])

    def delete(self, task: str, *, force: bool = False) -> Json:
        """Remove a task with its events, its draft models, and its files in our store."""
        return self._api.call("tasks.delete", {"task": task, "force": force, "delete_external_artifacts": True})

    def archive(self, ids: Sequence[str]) -> Json:
        return self._api.call("tasks.archive_many", {"ids": list(ids)})

    def unarchive(self, ids: Sequence[str]) -> Json:
        return self._api.call("tasks.unarchive_many", {"ids": list(ids)})

    def move(self, ids: Sequence[str], project: str) -> Json:
        """Into the project of that name, which is made if need be."""
        return self._api.call("tasks.move", {"ids": list(ids), "project_name": project})

    def update_tags(self, ids: Sequence[str], *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Json:
        return self._api.call("tasks.update_tags", {"ids": list(ids), "add_tags": [*add], "remove_tags": [*remove]})

    def update(self, task: str, fields: Mapping[str, Any]) -> Json:
        """The few fields that may change in any status: name, comment, tags, project, status_message."""
        return self._api.call("tasks.update", {"task": task, **fields})

    def add_artifacts(self, task: str, artifacts: Sequence[Mapping[str, Any]]) -> Json:
        """Add or replace by (key, mode); refused once the task is finished."""
        return self._api.call(
            "tasks.add_or_update_artifacts",
            {"task": task, "artifacts": [dict(a) for a in artifacts], "force": True},
        )

    def add_model(self, task: str, name: str, model: str, type: str = "output") -> Json:  # noqa: A002 - the API's word
        return self._api.call("tasks.add_or_update_model", {"task": task, "name": name, "model": model, "type": type})

    def _move(self, endpoint: str, task: str, reason: str, message: str, force: bool) -> Json:
        body = {"task": task, "status_reason": reason, "status_message": message, "force": force}
        return self._api.call(endpoint, body)
