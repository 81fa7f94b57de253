"""`logs -f`: a server of ours is asked once a wait and answers with the line; any other is asked again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from production_server import Production

from mlops_cli.client.api import Api
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from mlops_cli.server.http.app import Face
from mlops_cli.testing.server import temporary_server

LINES = 5
APART_S = 0.7


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The access log of a server of ours that the environment names."""
    path = tmp_path / "access.log"
    with temporary_server(tmp_path / "served", face=Face(access_log=str(path))) as served:
        monkeypatch.setenv("MLOPS_SERVER", served.url)
        monkeypatch.setenv("MLOPS_ACCESS_KEY", served.access_key)
        monkeypatch.setenv("MLOPS_SECRET_KEY", served.secret_key)
        yield path


def started(api: Api) -> str:
    task = api.tasks.create({"name": "grows", "type": "training"})
    api.tasks.started(task)
    return task


def say(api: Api, task: str, text: str) -> None:
    api.call("events.add", {"type": "log", "task": task, "msg": text, "timestamp": _now()})


def _now() -> int:
    return time.time_ns() // 1_000_000


def follow(task: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlops_cli", "logs", task, "-f"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lags(api: Api, task: str) -> list[float]:
    """How late each of some lines is that comes while somebody follows, and last how late the end is."""
    found = []
    say(api, task, "begun")
    with follow(task) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for at in range(LINES):
            time.sleep(APART_S)
            begun = time.monotonic()
            say(api, task, f"line {at}")
            assert process.stdout.readline() == f"line {at}\n"
            found.append(time.monotonic() - begun)
        time.sleep(APART_S)
        begun = time.monotonic()
        api.tasks.completed(task)
        assert process.wait(20) == 0
        found.append(time.monotonic() - begun)
    return found


def test_a_line_is_there_at_once_and_each_costs_one_request(log: Path) -> None:
    with connect(load_settings()) as api:
        found = lags(api, started(api))
    assert max(found) < 1.0, found
    seen = [json.loads(line) for line in log.read_text().splitlines()]
    asked = [line for line in seen if "events.get_console" in json.dumps(line)]
    # One for what was there, one for each line, one for the end; polling would have been a dozen more.
    assert LINES + 1 <= len(asked) <= LINES + 4, len(asked)


def test_who_follows_what_has_ended_is_not_kept(log: Path) -> None:
    with connect(load_settings()) as api:
        task = started(api)
        say(api, task, "all of it")
        api.tasks.completed(task)
    with follow(task) as process:
        assert process.communicate(timeout=10)[0] == "all of it\n"


def test_on_the_store_of_this_machine_a_line_is_there_within_a_second() -> None:
    with connect(load_settings()) as api:
        assert max(lags(api, started(api))) < 1.0


def test_a_server_that_knows_no_waiting_is_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Production(tmp_path / "production") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        with connect(load_settings()) as api:
            assert max(lags(api, started(api))) < 1.5
        asked = len(server.calls("events.get_task_log"))
        assert (LINES + 1) * APART_S / 0.3 / 3 < asked < 60, asked
