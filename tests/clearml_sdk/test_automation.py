"""Pipelines, searches and the API client of the real SDK."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Sdk, Server


def test_a_pipeline_of_functions_and_a_clone_runs_here_and_passes_its_results_on(server: Server, sdk: Sdk) -> None:
    found = sdk("pipeline.py", timeout=110).found
    assert found["statuses"] == dict.fromkeys(("make", "square", "total", "trial"), "completed")
    assert all(found["parents"].values())
    assert found["result"] == "15"
    assert found["successful"] is True
    controller = server.call("tasks.get_by_id", {"task": found["pipeline"]})["task"]
    assert controller["status"] == "completed"
    assert "pipeline" in controller["system_tags"]
    trial = server.call("tasks.get_by_id", {"task": found["steps"]["trial"]})["task"]
    assert {name: item["value"] for name, item in trial["hyperparams"]["Args"].items()} == {"x": "4", "y": "3"}
    assert server.mlops("metrics", trial["id"], "score/value", "--csv").lines[-1].split(",")[-1] in ("7", "7.0")
    shown = server.mlops("show", found["steps"]["make"], "--json").json
    assert shown["parent"] == found["pipeline"]
    assert "making 4" in server.mlops("logs", found["steps"]["make"], "--all").out


def test_a_grid_search_of_four_trials_finds_the_best(server: Server, sdk: Sdk) -> None:
    found = sdk("search.py", timeout=110).found
    tried = [(row["Args/x"], row["Args/y"]) for row in found["parameters"]]
    assert sorted(tried) == [("0", "0"), ("0", "3"), ("1", "0"), ("1", "3")]
    assert tried[0] == ("1", "3")
    assert found["scores"] == [10, 9, 7, 6]
    rows = server.mlops("ls", "-p", "search/trials", "-s", "-score/value", "--json").json
    assert [row["id"] for row in rows] == found["order"]
    plots = server.call("events.get_task_plots", {"task": found["task"]})["plots"]
    assert "Optimization Objective" in {plot["metric"] for plot in plots}


@pytest.fixture(scope="module")
def asked(sdk: Sdk) -> dict[str, Any]:
    found: dict[str, Any] = sdk("api_client.py").found
    return found


def test_the_api_client_makes_finds_edits_and_pages_tasks(asked: dict[str, Any]) -> None:
    assert asked["names"] == [f"task {number}" for number in range(7)]
    assert asked["page"] == ["task 3", "task 2", "task 1"]
    assert asked["one"][:2] == ["task 0", "completed"]
    assert asked["one"][3] == asked["project_id"]
    assert asked["edited"] == ["edited"]


def test_the_api_client_orders_queues_and_registers_workers(asked: dict[str, Any]) -> None:
    assert asked["queue"] == [True, True]
    assert asked["next"] is True
    assert asked["queues"] == ["by hand", "default"]
    assert asked["workers"] == ["hand:0"]


def test_the_api_client_gets_the_codes_of_refusals(asked: dict[str, Any]) -> None:
    assert asked["unknown task"] == asked["deleted task"] == [400, 101]
    assert asked["unknown queue"] == [400, 701]
    assert asked["bad status"] == [400, 110]
    assert asked["bad pattern"] == [400, 21]
    assert asked["runtime properties"][0] in (400, 404) if isinstance(asked["runtime properties"], list) else True
