from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.client.api import Api
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings


def open_home(home: Path) -> Api:
    return connect(load_settings(env={"MLOPS_HOME": str(home)}, cwd=Path("/")))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A connection to a new store of its own."""
    with open_home(tmp_path / "home") as connected:
        yield connected


Make = Callable[..., str]


@pytest.fixture
def make(api: Api) -> Make:
    """Makes a task: `make("name", project="p", lr="0.1", metrics={("val", "acc"): 0.9}, status="completed")`."""
    return lambda name="a run", **wanted: make_task(api, name, **wanted)


def make_task(api: Api, name: str, **wanted: Any) -> str:
    parameters = {key: wanted.pop(key) for key in list(wanted) if key not in KNOWN}
    fields: dict[str, Any] = {"name": name, "type": "training"}
    if wanted.get("project"):
        fields["project"] = api.projects.ensure(wanted["project"])
    for key in ("tags", "system_tags", "runtime", "parent", "script", "configuration", "comment", "execution"):
        if key in wanted:
            fields[key] = wanted[key]
    items = {
        key: {"section": "Args", "name": key, "value": value, "type": "float"} for key, value in parameters.items()
    }
    fields["hyperparams"] = wanted.get("hyperparams") or ({"Args": items} if items else {})
    task = api.tasks.create(fields)
    status = wanted.get("status", "completed")
    if status != "created":
        api.tasks.started(task)
    scalars = [
        {
            "metric": metric,
            "variant": variant,
            "iter": list(range(len(values))),
            "value": values,
            "timestamp": [1_700_000_000_000 + step for step in range(len(values))],
        }
        for (metric, variant), values in wanted.get("metrics", {}).items()
    ]
    if scalars:
        body = {"task": task, "run": task, "stream": "s", "offset": 0, "next": 1, "scalars": scalars}
        api.events.add_columns(body)
    if status in ("completed", "failed", "stopped"):
        getattr(api.tasks, status)(task)
    return task


KNOWN = ("project", "tags", "system_tags", "runtime", "parent", "script", "configuration", "comment", "status",
         "metrics", "hyperparams", "execution")  # fmt: skip
