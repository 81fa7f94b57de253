"""Experiments to look at: made through the API, as any client would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlops_cli.client.api import Api
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings


@pytest.fixture
def api(home: object) -> Any:
    with connect(load_settings()) as found:
        yield found


@pytest.fixture
def make(api: Api) -> Callable[..., str]:
    """`make("name", lr="0.1", status="completed", curve=[1, 0.5])`: an experiment with a parameter and a curve."""

    def call(name: str, *, status: str = "completed", curve: Any = (), **parameters: str) -> str:
        items = {
            key: {"section": "Args", "name": key, "value": value, "type": "float"} for key, value in parameters.items()
        }
        project = api.projects.ensure(load_settings().project)
        task = api.tasks.create({"name": name, "type": "training", "project": project, "hyperparams": {"Args": items}})
        if status != "created":
            api.tasks.started(task)
        for step, value in enumerate(curve):
            event = {"type": "training_stats_scalar", "task": task, "metric": "loss", "variant": "train"}
            api.call("events.add", {**event, "iter": step, "value": value})
        if status in ("completed", "failed", "stopped"):
            getattr(api.tasks, status)(task)
        return task

    return call
