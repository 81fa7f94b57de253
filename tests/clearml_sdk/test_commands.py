"""The SDK's own commands, and runs that were recorded without a server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from .conftest import Sdk, Server


def test_a_session_recorded_offline_is_imported_whole(server: Server, sdk: Sdk) -> None:
    session = sdk("offline.py", "record", env={"CLEARML_API_HOST": "http://127.0.0.1:9"}).found["session"]
    found = sdk("offline.py", "import", session).found
    assert found["status"] == "completed"
    assert "recorded offline" in found["name"]
    assert found["tags"] == ["off"]
    assert found["parameters"]["General/lr"] == "0.5"
    assert found["scalars"]["loss"]["train"]["y"] == [20.0 - step for step in range(20)]
    assert found["artifact"] == "kept"
    assert "said offline" in found["console"]
    assert "said offline" in server.mlops("logs", found["task"], "--all").out


def test_clearml_task_makes_a_draft_and_queues_it(server: Server, sdk: Sdk) -> None:
    script = sdk.folder / "lonely.py"
    script.write_text("print('alone')\n")
    said = sdk.command(
        "clearml-task", "--project", "from/shell", "--name", "by command", "--script", str(script), "--cwd", ".",
        "--packages", "numpy", "--args", "lr=0.5", "epochs=2", "--queue", "default", "--docker", "python:3.11",
        "--tags", "shell",
    )  # fmt: skip
    task = server.call("tasks.get_all", {"name": "by command"})["tasks"][0]
    assert task["id"] in said
    assert task["status"] == "queued"
    assert task["tags"] == ["shell"]
    assert "print('alone')" in task["script"]["diff"] and "Task.init" in task["script"]["diff"]
    assert task["hyperparams"]["Args"]["lr"]["value"] == "0.5"
    assert task["container"]["image"] == "python:3.11"
    rows = server.mlops("ls", "status:queued", "-p", "from/shell", "--json").json
    assert [row["name"] for row in rows] == ["by command"]

    said = sdk.command(
        "clearml-task",
        "--project",
        "from/shell",
        "--name",
        "ignored",
        "--base-task-id",
        task["id"],
        "--args",
        "lr=0.25",
        "--packages",
        "numpy",
    )
    again = server.call("tasks.get_all", {"parent": task["id"]})["tasks"][0]
    assert again["id"] in said
    assert again["hyperparams"]["Args"]["lr"]["value"] == "0.25"
    assert again["hyperparams"]["Args"]["epochs"]["value"] == "2"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_sdk_may_call_with_another_method_than_get(server: Server, sdk: Sdk, method: str) -> None:
    task = sdk("run.py", f"by {method}", env={"CLEARML_API_DEFAULT_REQ_METHOD": method}).found["task"]
    document = server.call("tasks.get_by_id", {"task": task})["task"]
    assert document["status"] == "completed"
    assert document["hyperparams"]["General"]["depth"]["value"] == "3"
    curve = server.call("events.scalar_metrics_iter_histogram", {"task": task})["loss"]["train"]
    assert curve["x"] == [0, 1, 2]
    assert "ClearML results page" in server.mlops("logs", task, "--all").out


def test_clearml_data_makes_two_versions_and_fetches_one(server: Server, sdk: Sdk) -> None:
    data = sdk.folder / "to send"
    data.mkdir()
    (data / "a.txt").write_text("first")
    (data / "b.txt").write_text("same")
    sdk.command("clearml-data", "create", "--project", "from/data", "--name", "texts", "--version", "1.0.0")
    first = _dataset(server, "1.0.0")
    sdk.command("clearml-data", "add", "--id", first, "--files", str(data))
    sdk.command("clearml-data", "close", "--id", first)

    (data / "a.txt").write_text("second")
    sdk.command(
        "clearml-data", "sync", "--project", "from/data", "--name", "texts", "--version", "2.0.0", "--parents", first,
        "--folder", str(data),
    )  # fmt: skip
    second = _dataset(server, "2.0.0")
    assert "1 files modified" in sdk.command("clearml-data", "compare", "--source", first, "--target", second)
    listed = sdk.command("clearml-data", "list", "--id", second)
    assert "a.txt" in listed and "b.txt" in listed
    target = sdk.folder / "fetched"
    sdk.command("clearml-data", "get", "--id", first, "--copy", str(target))
    assert _digest(target / "a.txt") == hashlib.sha256(b"first").hexdigest()
    assert "texts" in sdk.command("clearml-data", "search", "--project", "from/data")
    sdk.command("clearml-data", "publish", "--id", second)
    assert server.call("tasks.get_by_id", {"task": second})["task"]["status"] == "published"
    sdk.command("clearml-data", "delete", "--id", first, "--force")
    assert server.call("tasks.get_all", {"id": [first]})["tasks"] == []


def _dataset(server: Server, version: str) -> str:
    query = {"type": ["data_processing"], "search_hidden": True, "runtime.version": version, "name": "texts"}
    return str(server.call("tasks.get_all", query)["tasks"][0]["id"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
