"""A server that goes away, stutters or ends the experiment meanwhile: the program never notices, nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import production_server as production
import pytest
from production_server import Production

LINES = 40
PROGRAM = f"""
import sys, time
for at in range({LINES}):
    print(f"step={{at}} loss={{1 / (at + 1):.4f}}", flush=True)
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    with Production(tmp_path / "production") as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "outages"
    found.mkdir()
    (found / "train.py").write_text(PROGRAM)
    monkeypatch.chdir(found)
    return found


def only_task(server: Production) -> dict[str, Any]:
    [task] = server.dispatch("tasks.get_all", {})["tasks"]
    found: dict[str, Any] = server.dispatch("tasks.get_by_id", {"task": task["id"]})["task"]
    return found


def assert_whole(server: Production, status: str = "completed") -> dict[str, Any]:
    task = only_task(server)
    assert task["status"] == status
    assert server.log_lines(task["id"]) == [f"step={at} loss={1 / (at + 1):.4f}" for at in range(LINES)]
    [series] = [item for variants in task["last_metrics"].values() for item in variants.values()]
    assert (series["metric"], series["min_value"]) == ("loss", 0.025)
    body = {"task": task["id"], "event_type": "training_stats_scalar"}
    assert server.dispatch("events.get_task_events", body)["total"] == LINES
    return task


def test_a_run_without_its_server_ends_as_ever_and_sync_sends_it_once(
    server: Production, folder: Path, mlops: Run
) -> None:
    server.stop()
    begun = time.monotonic()
    done = mlops("run", sys.executable, "train.py")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == LINES
    assert time.monotonic() - begun < 30
    assert "mlops sync" in done.stderr and "nobody listens at 127.0.0.1" in done.stderr
    waiting = json.loads(mlops("status", "--json").stdout)
    assert [run["server"] for run in waiting["unsent"]] == [server.url]
    failed = mlops("sync")
    assert failed.returncode == 1 and "nobody listens" in failed.stderr
    server.start()
    assert mlops("sync").stdout == "1 sent\n"
    assert_whole(server)
    assert mlops("sync").stdout == "0 sent\n"
    assert_whole(server)
    assert json.loads(mlops("status", "--json").stdout)["unsent"] == []


def test_a_run_goes_to_the_server_that_it_was_meant_for(
    server: Production, folder: Path, mlops: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    mlops("run", sys.executable, "train.py")
    server.start()
    monkeypatch.setenv("MLOPS_SERVER", "embedded")
    assert json.loads(mlops("ls", "--json", "--all").stdout) == []
    # The keys of the environment belong to the server that the environment names, and that is another one now.
    told = mlops("sync")
    assert told.returncode == 1 and f"no credentials for {server.url}" in told.stderr
    assert json.loads(mlops("ls", "--json", "--all").stdout) == []
    monkeypatch.delenv("MLOPS_SERVER")
    assert mlops("sync").stdout == "1 sent\n"
    assert_whole(server)


@pytest.mark.parametrize("mishap", ["cut_before", "cut_after", "cut_in_the_middle", "nonsense", "unavailable"])
def test_a_stutter_during_the_run_leaves_a_whole_record(
    server: Production, folder: Path, mlops: Run, mishap: str
) -> None:
    for _ in range(2):
        server.once("events.add_batch", getattr(production, mishap))
    done = mlops("run", sys.executable, "train.py", "0.05")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == LINES
    assert json.loads(mlops("sync", "--json").stdout)["left"] == []
    assert_whole(server)


def test_a_token_that_ends_during_the_run_changes_nothing(server: Production, folder: Path, mlops: Run) -> None:
    server.once("events.add_batch", production.token_ended)
    assert mlops("run", sys.executable, "train.py").returncode == 0
    assert_whole(server)


def test_a_slow_server_delays_no_line_of_the_program(server: Production, folder: Path) -> None:
    for _ in range(3):
        server.once("events.add_batch", production.slow(1.5))
    command = [sys.executable, "-m", "mlops_cli", "run", sys.executable, "train.py"]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(LINES)]
        took = time.monotonic() - begun
        assert process.wait(60) == 0
    assert lines[-1].startswith(f"step={LINES - 1}") and took < time.monotonic() - begun
    assert_whole(server)


def ended_meanwhile(
    server: Production, folder: Path, mlops: Run, endpoint: str, *, status: str, **said: str
) -> dict[str, Any]:
    """A run whose server went away in the middle and, when it came back, had the task ended by somebody else.

    `status` is the one that `sync` must leave.
    """
    (folder / "model.joblib").unlink(missing_ok=True)
    command = [sys.executable, "-m", "mlops_cli", "run", sys.executable, "train.py", "0.05"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    until = time.monotonic() + 20
    while not server.calls("tasks.started") and time.monotonic() < until:
        time.sleep(0.02)
    server.stop()
    assert process.wait(60) == 0
    task = only_task(server)
    server.dispatch(endpoint, {"task": task["id"], "force": True, **said})
    server.start()
    assert mlops("sync").stdout == "1 sent\n"
    return assert_whole(server, status)


def test_what_a_person_ended_meanwhile_is_reopened_filled_and_put_back(
    server: Production, folder: Path, mlops: Run
) -> None:
    said = {"status_reason": "enough", "status_message": "stopped by ann"}
    task = ended_meanwhile(server, folder, mlops, "tasks.stopped", status="stopped", **said)
    assert (task["status_reason"], task["status_message"]) == ("enough", "stopped by ann")
    assert task["runtime"]["mlops_verdict"].startswith("completed")


def test_what_was_published_meanwhile_is_published_again(server: Production, folder: Path, mlops: Run) -> None:
    ended_meanwhile(server, folder, mlops, "tasks.publish", status="published")


@pytest.mark.parametrize("endpoint", ["tasks.stopped", "tasks.failed"])
def test_what_the_servers_watchdog_ended_meanwhile_ends_as_the_run_did(
    server: Production, folder: Path, mlops: Run, endpoint: str
) -> None:
    said = {"status_reason": "Forced stop (non-responsive)", "status_message": "Forced stop (non-responsive)"}
    task = ended_meanwhile(server, folder, mlops, endpoint, status="completed", **said)
    assert "non-responsive" not in f"{task['status_reason']} {task['status_message']}"
    assert "mlops_verdict" not in task.get("runtime", {})


def test_every_command_works_on_a_server_that_knows_nothing_of_us(
    server: Production, folder: Path, mlops: Run, cli: Any
) -> None:
    for pause in ("0", "0.001"):
        assert mlops("run", "--name", "trial", "--project", "vision", sys.executable, "train.py", pause).returncode == 0
    newest, older = cli("ls", "-q").lines
    assert [row["name"] for row in cli("ls", "name:trial loss<0.1", "-s", "loss", "--json").json] == ["trial", "trial"]
    assert "loss" in cli("show", newest).out
    assert cli("logs", newest).lines == cli("logs", newest, "-f").lines
    assert cli("logs", newest, "-n", "2").lines[-1] == f"step={LINES - 1} loss=0.0250"
    assert cli("metrics", newest, "--json").json[0]["count"] == LINES
    assert len(cli("metrics", newest, "--csv").lines) == LINES + 1
    assert len(cli("plot", newest, older, "--json").json) == 2
    assert cli.run("diff", older, newest, "--exit-code").code == 0
    draft = cli("clone", newest).out.strip()
    assert cli("tag", draft, "+best").code == 0
    assert cli("note", draft, "worth a look").code == 0
    assert cli("rename", draft, "another").code == 0
    assert cli("mv", draft, "attic/old").code == 0
    assert cli("archive", draft).code == 0
    found = cli("show", draft, "--json").json
    assert (found["tags"], found["comment"], found["name"]) == (["best"], "worth a look", "another")
    assert cli("checkout", newest, "there").code == 0
    assert (folder / "there" / "train.py").read_text() == PROGRAM
    assert cli("export", newest, "--to", "x.mlops").code == 0
    refused = cli.run("import", "x.mlops", "--new-ids")
    assert refused.code == 1 and "cannot take in exported experiments" in refused.err
    assert cli("rm", draft, "--yes").code == 0
    assert "attic" in "".join(cli("project", "ls").lines)
    assert server.url in cli("status").out and server.url in cli().out
    assert cli("doctor", "--json").json
