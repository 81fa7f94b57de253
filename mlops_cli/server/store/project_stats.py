"""What lies in projects: statistics, sub-projects, the parameters and metrics in use."""

from __future__ import annotations

import json
import time
from typing import Any

from ...schemas.status import STATUSES
from ..db.sqlite import Connection
from ..query import dates
from . import projects
from .documents import Document
from .store import Store

DAY_US = 24 * 3600 * 1_000_000
_VISIBLE = "NOT EXISTS (SELECT 1 FROM json_each(t.system_tags) j WHERE j.value IN ('archived', 'hidden'))"


def add_stats(store: Store, found: list[Document]) -> None:
    """Adds `stats` and `sub_projects` to each project, in place: over what is in it and below and not archived."""
    since = dates.stamp(time.time_ns() // 1000 - DAY_US)
    with store.db.read() as connection:
        for project in found:
            below = projects.descendants(connection, [project["id"]])
            project["stats"] = {"active": _stats(connection, below, since)}
            rows = connection.execute("SELECT id, name FROM projects WHERE parent = ? ORDER BY name", (project["id"],))
            project["sub_projects"] = [dict(row) for row in rows]


def add_own_counts(store: Store, found: list[Document]) -> None:
    """Adds how many tasks and models lie in each project itself."""
    for project in found:
        for table in ("tasks", "models"):
            project[f"own_{table}"] = store.db.connection.execute(
                f"SELECT count(*) FROM {table} t WHERE project = ? AND {_VISIBLE}",  # noqa: S608
                (project["id"],),
            ).fetchone()[0]


def hyperparams(store: Store, request: Document) -> Document:
    """The parameters that the tasks of a project have, sorted, page by page."""
    clause, values = _within(store, request, "t.project")
    size = max(1, min(request.get("page_size", 500), 500))
    start = max(0, request.get("page", 0)) * size
    source = (
        "SELECT DISTINCT s.key AS section, p.key AS name FROM tasks t, json_each(t.hyperparams) s, json_each(s.value) p"  # noqa: S608
        f" WHERE {clause}"
    )
    connection = store.db.connection
    total = connection.execute(f"SELECT count(*) FROM ({source})", values).fetchone()[0]  # noqa: S608
    rows = connection.execute(
        f"{source} ORDER BY 1, 2 LIMIT :size OFFSET :start",
        {**values, "size": size, "start": min(start, 2**60)},
    )
    parameters = [{"section": row["section"], "name": row["name"]} for row in rows]
    return {"parameters": parameters, "total": total, "remaining": max(0, total - start - len(parameters))}


def metrics(store: Store, request: Document) -> list[Document]:
    """The series that the tasks (or models) of a project have reported, sorted by name."""
    table = "models" if request.get("model_metrics") else "tasks"
    clause, values = _within(store, request, "t.project")
    rows = store.db.connection.execute(
        "SELECT DISTINCT metric, metric_hash, variant, variant_hash FROM series"  # noqa: S608
        f" WHERE task IN (SELECT t.id FROM {table} t WHERE {clause}) ORDER BY metric, variant",
        values,
    )
    return [dict(row) for row in rows]


def _within(store: Store, request: Document, column: str) -> tuple[str, dict[str, Any]]:
    if not request.get("project"):
        return "1", {}
    with store.db.read() as connection:
        projects.checked(connection, request["project"])
        ids = [request["project"]]
        if request.get("include_subprojects", True):
            ids = projects.descendants(connection, ids)
    return f"{column} IN (SELECT value FROM json_each(:projects))", {"projects": json.dumps(ids)}  # noqa: S608


def _stats(connection: Connection, project_ids: list[str], since: str) -> Document:
    counts = dict.fromkeys(STATUSES, 0)
    runtime, last, recent = 0, None, 0
    rows = connection.execute(
        "SELECT status, count(*) AS n, sum(active_duration) AS s, max(started) AS last,"  # noqa: S608
        " sum(status = 'completed' AND completed >= :since) AS recent"
        f" FROM tasks t WHERE project IN (SELECT value FROM json_each(:ids)) AND {_VISIBLE} GROUP BY status",
        {"ids": json.dumps(project_ids), "since": since},
    )
    for row in rows:
        counts[row["status"]] = row["n"]
        runtime += row["s"] or 0
        recent += row["recent"] or 0
        last = max(filter(None, (last, row["last"])), default=None)
    return {
        "total_tasks": sum(counts.values()),
        "total_runtime": runtime,
        "status_count": counts,
        "completed_tasks_24h": recent,
        "last_task_run": last,
    }
