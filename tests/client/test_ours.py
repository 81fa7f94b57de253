"""The client against our own server, as a real process: columns in msgpack, exactly once, export and import, users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "mlops_cli"]
POINTS = 300
PROGRAM = f"""
import math, sys, time, mlops_cli
run = mlops_cli.init()
for at in range({POINTS}):
    run.log({{"loss": math.nan if at == 7 else 1 / (at + 1)}}, step=at)
    print("row", at, flush=True)
    time.sleep(0.005)
run.artifact("notes.txt", "notes")
"""


class Ours:
    """`mlops server up` on a store of its own; it may be killed and comes back at the same port."""

    def __init__(self, home: Path) -> None:
        self.env = {**os.environ, "MLOPS_HOME": str(home)}
        self.port = "0"
        self.variables: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "server", "up", "--port", self.port], env=self.env, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, value = line.strip().removeprefix("export ").partition("=")
            if line.startswith("export "):
                self.variables[name] = value
            if name == "CLEARML_FILES_HOST" and "CLEARML_API_SECRET_KEY" in self.variables:
                break
            if name == "CLEARML_API_SECRET_KEY":
                break
        self.port = self.variables["MLOPS_SERVER"].rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ours]:
    server = Ours(tmp_path / "server")
    for name in ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"):
        monkeypatch.setenv(name, server.variables[name])
    yield server
    server.kill()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "ours"
    found.mkdir()
    (found / "train.py").write_text(PROGRAM)
    (found / "notes.txt").write_text("kept\n")
    monkeypatch.chdir(found)
    return found


def assert_whole(cli: Any) -> str:
    [task] = cli("ls", "--json").json
    assert task["status"] == "completed"
    found: str = task["id"]
    assert [line for line in cli("logs", found).lines if line.startswith("row")] == [f"row {n}" for n in range(POINTS)]
    with connect(load_settings()) as api:
        points = list(api.events.points(found, "loss"))
    assert [point["iter"] for point in points] == list(range(POINTS))
    assert points[7]["value"] != points[7]["value"] and points[1]["value"] == 0.5
    return found


def test_a_run_is_recorded_read_exported_and_brought_back(ours: Ours, folder: Path, mlops: Run, cli: Any) -> None:
    done = mlops("run", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    task = assert_whole(cli)
    assert "cut" not in done.stderr and cli("plot", task, "--json").json
    path = Path(cli("artifact", "get", task, "notes", "--to", "got/").out.strip())
    assert path.read_text() == "kept\n"
    assert cli("export", task, "--to", "x.mlops").code == 0
    assert cli("rm", task, "--yes").code == 0
    assert cli("ls", "--json").json == []
    assert cli("import", "x.mlops").code == 0
    assert assert_whole(cli) == task


def test_a_server_killed_under_a_run_has_everything_once(ours: Ours, folder: Path, mlops: Run, cli: Any) -> None:
    process = subprocess.Popen([*COMMAND, "run", sys.executable, "train.py"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for at in range(POINTS):
        line = process.stdout.readline()
        if at in (60, 200):
            ours.kill()
            time.sleep(0.2)
            ours.start()
        assert line == f"row {at}\n"
    assert process.wait(60) == 0
    assert json.loads(mlops("sync", "--json").stdout)["left"] == []
    assert_whole(cli)


def test_logging_in_keeps_the_key_for_us_alone(
    ours: Ours, cli: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key, secret = (ours.variables[n] for n in ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"))
    for name in ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"):
        monkeypatch.delenv(name)
    refused = cli.run("auth", "login", url, "--as", "lab", stdin=f"{key}\nwrong\n")
    assert refused.code == 4 and not (home / "credentials.json").exists()
    known = cli("auth", "login", url, "--as", "lab", "--json", stdin=f"{key}\n{secret}\n").json
    assert (known["server"], known["role"], known["trouble"]) == (url, "admin", "")
    for file in (home / "credentials.json", *(home / "cache" / "sessions").iterdir()):
        assert file.stat().st_mode & 0o777 == 0o600
    assert cli("ls", "--json").json == [] and cli("status", "--json").json["server"] == url
    assert cli("context", "ls", "--json").json == [{"name": "lab", "current": True, "server": url}]
    shown = "".join(cli(*words).out for words in (("config", "ls"), ("auth", "status"), ("context", "show")))
    assert secret not in shown and key in shown
    assert len(cli("auth", "token").out.strip().split(".")) == 3
    added = cli("auth", "users", "--add", "ann", "--role", "viewer", "--json").json
    assert cli("auth", "logout").code == 0
    assert cli.run("ls").code == 4 and "mlops auth login" in cli.run("ls").err
    cli("auth", "login", stdin=f"{added['access_key']} {added['secret_key']}")
    assert cli.run("project", "create", "vision").code == 4
    cli("context", "use", "none")
    assert cli("status", "--json").json["server"] == "embedded"


def test_an_existing_clearml_conf_is_taken_over(
    ours: Ours, cli: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key, secret = (ours.variables[n] for n in ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"))
    for name in ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"):
        monkeypatch.delenv(name)
    (home.parent / "clearml.conf").write_text(
        "# ClearML SDK configuration file\napi {\n"
        f"    web_server: {url}  // pages\n    api_server: {url}\n    files_server: {url}\n"
        f'    credentials {{"access_key" = "{key}", "secret_key" = "{secret}"}}\n}}\nsdk {{ a = [1, 2] }}\n'
    )
    assert cli("auth", "login", "--from-clearml").code == 0
    assert cli("ls", "--json").json == [] and cli("config", "get", "files").out.strip() == url
