"""What breaks naive servers: odd names, forks, long lists, several writers, a server that is killed, repositories."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import Sdk, Server


@pytest.fixture(scope="module")
def odd(sdk: Sdk) -> dict[str, Any]:
    found: dict[str, Any] = sdk("odd.py").found
    return found


def test_odd_names_of_projects_tasks_parameters_and_metrics_come_back_unchanged(odd: dict[str, Any]) -> None:
    name = odd["odd"]
    assert odd["same"] and odd["tagged"]
    assert odd["tags"] == sorted([name, "$dollar", "a.b"])
    section = "Sec.tion $1"
    wanted = {name: name, "a.b.c": "1", "$set": "2", "_x": "3", "with/slash/deep.er": "4"}
    assert {key: odd["parameters"].get(f"{section}/{key}") for key in wanted} == wanted
    assert odd["properties"] == {"plain": name}
    assert odd["configuration"] == name
    assert odd["scalars"][name][name]["y"] == [0.5]
    assert odd["scalars"][""][""]["y"] == [1.5]
    assert (odd["scalars"]["a.b"]["c$d"]["x"], odd["scalars"]["a.b"]["c$d"]["y"]) == ([-3], [2.5])
    assert [name, ""] in odd["plots"]
    assert name in odd["console"]


def test_odd_names_of_files_come_back_unchanged(odd: dict[str, Any]) -> None:
    assert odd["artifact"] == odd["odd"]
    assert odd["weights"] == "weights"
    tags, metadata = odd["model"]
    assert tags == [odd["odd"]]
    assert metadata[odd["odd"]]["value"] == odd["odd"]
    assert odd["image"] > 50


def test_our_commands_show_odd_names(server: Server, odd: dict[str, Any]) -> None:
    assert server.mlops("show", odd["task"], "--json").json["name"] == f"task {odd['odd']}"
    assert odd["odd"] in server.mlops("logs", odd["task"], "--all").out
    rows = server.mlops("ls", "-p", "odd", "--json").json
    assert [row["id"] for row in rows] == [odd["task"]]


def test_forked_processes_and_threads_report_into_one_task_with_the_default_configuration(
    server: Server, sdk: Sdk
) -> None:
    """By default a process of its own reports for all; without it, forked children spoil their parent's connection."""
    plain = sdk.folder / "plain.conf"
    plain.write_text('sdk { storage { cache { default_base_dir: "%s" } } }' % (sdk.folder / "cache"))
    found = sdk("forks.py", env={"CLEARML_CONFIG_FILE": str(plain)}).found
    for number in range(4):
        curve = found["scalars"]["forked"][f"child {number}"]
        assert curve["x"] == list(range(50))
        assert curve["y"] == [number + step for step in range(50)]
    text = server.mlops("logs", found["task"], "--all").out
    assert all(f"child {number} says so" in text for number in range(4))


def test_lists_longer_than_a_page_come_whole(server: Server, sdk: Sdk) -> None:
    project = server.call("projects.create", {"name": "many/tasks"})["id"]
    for number in range(620):
        task = server.call("tasks.create", {"name": f"task {number}", "type": "training", "project": project})["id"]
    scalar = {"type": "training_stats_scalar", "task": task, "metric": "loss", "variant": "train"}
    server.add([{**scalar, "iter": step, "value": float(step)} for step in range(5000)])
    picture = {"type": "training_debug_image", "task": task, "metric": "pictures", "variant": "p"}
    server.add(
        [{**picture, "iter": step, "key": f"k{step}", "url": f"{server.url}/p{step}.png"} for step in range(130)]
    )
    plot = {"type": "plot", "task": task, "metric": "plots", "plot_str": '{"data": [], "layout": {}}'}
    server.add([{**plot, "variant": f"v{step % 60}", "iter": step} for step in range(240)])
    server.add([{"type": "log", "task": task, "msg": f"line {step}", "timestamp": step + 1} for step in range(200)])
    found = sdk("pages.py", "620", task).found
    assert found["tasks"] == [620, 620]
    assert found["points"] == {"train": 5000}
    assert 90 <= found["thinned"] <= 101
    assert (found["times"], found["dates"]) == (True, "20")
    assert found["console"] == 5
    assert (found["images"], found["some_images"]) == (100, 3)
    assert (found["plots"], found["more_plots"]) == (60, 240)


def test_four_runs_at_once_keep_apart(server: Server, sdk: Sdk) -> None:
    runs = [sdk.start("run.py", "again", "at once", f"run {number}") for number in range(4)]
    started = [run.__enter__() for run in runs]
    try:
        assert [run.process.wait(60) for run in started] == [0, 0, 0, 0]
        tasks = [run.wait_for_answer()["task"] for run in started]
    finally:
        for run in runs:
            run.__exit__(None, None, None)
    assert len(set(tasks)) == 4
    for task in tasks:
        curve = server.call("events.scalar_metrics_iter_histogram", {"task": task})["loss"]["train"]
        assert curve["x"] == [0, 1, 2]
    assert len(server.call("projects.get_all", {"name": "^at once$"})["projects"]) == 1


def test_a_run_outlives_its_server(server: Server, sdk: Sdk) -> None:
    with sdk.start("steady.py") as run:
        task = run.wait_for_answer()["task"]
        _until(lambda: server.call("tasks.get_by_id", {"task": task})["task"]["last_iteration"] > 10)
        server.replace()
        seen = server.call("tasks.get_by_id", {"task": task})["task"]["last_iteration"]
        _until(lambda: server.call("tasks.get_by_id", {"task": task})["task"]["last_iteration"] > seen + 20)
        run.work.joinpath("enough").touch()
        assert run.process.wait(60) == 0, run.log.read_text()
        steps = run.wait_for_answer()["steps"]
    document = server.call("tasks.get_by_id", {"task": task})["task"]
    assert document["status"] == "completed"
    assert [artifact["key"] for artifact in document["execution"]["artifacts"]] == ["after"]
    curve = server.call("events.scalar_metrics_iter_histogram", {"task": task, "samples": 6000})["loss"]["train"]
    assert curve["x"] == list(range(steps))


def test_a_token_alone_is_enough(server: Server, sdk: Sdk) -> None:
    env = {"CLEARML_AUTH_TOKEN": server.token, "CLEARML_API_ACCESS_KEY": "", "CLEARML_API_SECRET_KEY": ""}
    task = sdk("run.py", "by token", env=env).found["task"]
    assert server.call("tasks.get_by_id", {"task": task})["task"]["status"] == "completed"


def test_code_in_a_repository_is_recorded_and_checked_out_by_us(server: Server, sdk: Sdk, tmp_path: Path) -> None:
    remote, repo = tmp_path / "remote.git", tmp_path / "repo"
    _git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    _git(tmp_path, "init", "-q", "-b", "main", str(repo))
    (repo / "train.py").write_text("from clearml import Task\ntask = Task.init('in git', 'versioned')\nprint('one')\n")
    (repo / "other.txt").write_text("kept\n")
    _git(repo, "add", ".")
    _git(repo, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    _git(repo, "remote", "add", "origin", f"file://{remote}")
    _git(repo, "push", "-qu", "origin", "main")
    (repo / "train.py").write_text((repo / "train.py").read_text() + "print('two')\n")
    sdk.at(repo, "train.py")

    task = server.call("tasks.get_all", {"name": "^versioned$"})["tasks"][0]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repo, capture_output=True, text=True, check=True).stdout
    assert task["script"]["version_num"] == head.strip()
    assert "+print('two')" in task["script"]["diff"]
    assert "print('two')" in server.mlops("show", task["id"], "diff").out
    server.mlops("checkout", task["id"], str(tmp_path / "again"))
    assert (tmp_path / "again" / "train.py").read_text() == (repo / "train.py").read_text()
    assert (tmp_path / "again" / "other.txt").read_text() == "kept\n"


def _git(folder: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True)


def _until(claim: Any, timeout: float = 30) -> None:
    until = time.monotonic() + timeout
    while not claim():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
