"""Tasks through their lives, as the SDK moves them: drafts, clones, queues, reset, reuse, failure, abort, delete."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Sdk, Server


@pytest.fixture(scope="module")
def lived(sdk: Sdk) -> dict[str, Any]:
    found: dict[str, Any] = sdk("lifecycle.py").found
    return found


def test_a_clone_keeps_what_its_base_had_and_takes_edits(lived: dict[str, Any]) -> None:
    clone = lived["clone"]
    assert clone["parent"] is True
    assert (clone["name"], clone["status"], clone["type"]) == ("a clone", "created", "testing")
    assert clone["parameters"] == {"Args/lr": "0.01", "Args/layers": "[1, 2]", "General/odd.key$": "v"}
    assert clone["tags"] == ["blue", "common"]
    assert clone["script"]["repository"] == "https://example.invalid/repo.git"
    assert clone["script"]["diff"] == "d" * 100
    assert "python:3.11" in clone["docker"]
    assert "numpy==1.26" in clone["requirements"].replace(" ", "")
    assert clone["configuration"] == "a = 1\n"


def test_a_clone_waits_in_a_queue_and_comes_back(lived: dict[str, Any]) -> None:
    assert (lived["queued"], lived["waiting"], lived["queue"]) == ("queued", 1, "default")
    assert (lived["dequeued"], lived["left"]) == ("created", 0)
    assert "no such queue" in lived["unknown_queue"]


def test_tasks_are_found_by_project_name_tags_status_type_parameter_and_parent(lived: dict[str, Any]) -> None:
    by = lived["by"]
    assert by["project"] == ["a clone", "base task"]
    assert by["name"] == ["base task", "other (task) 1.5"]
    assert by["exact name"] is True
    assert by["any tag"] == ["a clone", "other (task) 1.5"]
    assert by["all tags"] == ["base task"]
    assert by["without"] == ["a clone", "other (task) 1.5"]
    assert by["status"] == ["other (task) 1.5"]
    assert by["type"] == ["a clone", "base task"]
    assert by["none"] == []
    assert [(row["name"], row["tags"]) for row in by["fields"]] == [
        ("a clone", ["blue", "common"]),
        ("base task", ["common", "red"]),
    ]
    assert by["parent"] == ["a clone"]
    assert {"life", "life/cycle", "life/other"} <= set(lived["projects"])
    assert lived["project id"] is True


def test_states_change_as_the_sdk_asks_and_published_ones_stay(lived: dict[str, Any]) -> None:
    assert lived["published"] == lived["still"] == "published"
    assert lived["stopped"] == ["stopped", "enough"]
    assert lived["failed"] == ["failed", "bad"]
    assert lived["reset"] == "created"
    assert lived["moved"] == ["a renamed clone", "life/new home", True]
    assert lived["hidden"] == []
    assert lived["imported"] == [
        "brought back",
        {"Args/lr": "0.1", "Args/layers": "[1, 2]", "General/odd.key$": "v"},
        True,
    ]


def test_a_deleted_task_is_gone_with_its_file(server: Server, lived: dict[str, Any]) -> None:
    assert lived["deleted"] is True
    assert "could not be found" in lived["after"]
    assert server.status(lived["doomed"]["uri"]) == 404


def test_a_second_run_reuses_the_first_one_that_left_nothing(server: Server, sdk: Sdk) -> None:
    first = sdk("run.py", "again", "reuse", "the same").found["task"]
    second = sdk("run.py", "again", "reuse", "the same").found["task"]
    assert second == first
    task = server.call("tasks.get_by_id", {"task": first})["task"]
    assert (task["status"], task["last_iteration"]) == ("completed", 2)
    curve = server.call("events.scalar_metrics_iter_histogram", {"task": first})
    assert curve["loss"]["train"]["x"] == [0, 1, 2]
    third = sdk("run.py", "fresh", "reuse", "the same").found["task"]
    assert third != first


def test_a_continued_run_appends_to_the_last_one(server: Server, sdk: Sdk) -> None:
    first = sdk("run.py", "again", "continue", "the same").found["task"]
    found = sdk("run.py", "continue", "continue", "the same").found
    assert (found["task"], found["start"]) == (first, 3)
    curve = server.call("events.scalar_metrics_iter_histogram", {"task": first})
    assert curve["loss"]["train"]["x"] == [0, 1, 2, 3, 4, 5]


def test_an_exception_makes_a_failed_task_with_its_traceback(server: Server, sdk: Sdk) -> None:
    ran = sdk("run.py", "fails", code=1)
    task = server.call("tasks.get_by_id", {"task": ran.found["task"]})["task"]
    assert task["status"] == "failed"
    assert "RuntimeError: on purpose" in server.mlops("logs", task["id"], "--all").out
    assert [row["id"] for row in server.mlops("ls", "status:failed", "-p", "runs", "--json").json] == [task["id"]]


def test_a_stop_from_outside_ends_the_run(server: Server, sdk: Sdk) -> None:
    with sdk.start("run.py", "waits") as run:
        task = run.wait_for_answer()["task"]
        answer = server.call("tasks.stop", {"task": task})
        assert answer["fields"]["status"] == "stopped"
        assert run.process.wait(20) == -9
    after = server.call("tasks.get_by_id", {"task": task})["task"]
    assert after["status"] == "stopped"
    assert "USER ABORTED" in server.mlops("logs", task, "--all").out


def test_execute_remotely_queues_the_run_and_its_second_life_takes_the_servers_parameters(
    server: Server, sdk: Sdk
) -> None:
    task = sdk("run.py", "remote").found["task"]
    document = server.call("tasks.get_by_id", {"task": task})["task"]
    assert document["status"] == "queued"
    queue = server.call("queues.get_default", {})["id"]
    assert document["execution"]["queue"] == queue

    edit = {"section": "General", "name": "lr", "value": "0.75"}
    server.call("tasks.edit_hyper_params", {"task": task, "hyperparams": [edit], "force": True})
    assert server.call("queues.get_next_task", {"queue": queue})["entry"]["task"] == task
    server.call("tasks.started", {"task": task, "force": True})
    found = sdk("run.py", "remote", env={"CLEARML_TASK_ID": task, "CLEARML_LOG_TASK_TO_BACKEND": "1"}).found
    assert found["task"] == task
    assert found["parameters"] == {"lr": 0.75, "depth": 3}
    server.call("tasks.completed", {"task": task})
    assert server.mlops("metrics", task, "loss/train", "--csv").lines[-1].endswith("0.75")
