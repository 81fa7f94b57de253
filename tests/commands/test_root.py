"""The root: pass-through, plugins, usage errors, pipes and signals, in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def test_our_flags_come_first_and_the_rest_is_the_programs(mlops: Any, tmp_path: Path) -> None:
    said = mlops(
        "run",
        "-q",
        "-n",
        "named",
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1:])",
        "-n",
        "--json",
        "--",
        "-h",
        cwd=tmp_path,
    )
    assert said.stdout == "['-n', '--json', '--', '-h']\n"
    assert said.returncode == 0
    assert json.loads(mlops("ls", "--json", "-c", "name", cwd=tmp_path).stdout) == [{"name": "named"}]


def test_a_script_runs_under_the_python_of_the_path(mlops: Any, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys; print(sys.argv); sys.exit(7)")
    said = mlops("run", "train.py", "--lr", "1", cwd=tmp_path)
    assert (said.stdout, said.returncode) == ("['train.py', '--lr', '1']\n", 7)
    assert "failed" in said.stderr


def test_the_first_journey_from_run_to_diff(mlops: Any, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import sys\nfor i in range(3): print(f'step={i} loss={float(sys.argv[2]) / (i + 1)}')\n"
    )
    for lr in ("0.5", "0.25"):
        assert mlops("run", "train.py", "--lr", lr, cwd=tmp_path).returncode == 0
    found = json.loads(mlops("diff", "@-1", "@latest", "--json", cwd=tmp_path).stdout)["sections"]
    assert [row["values"] for row in found["parameters"]["rows"] if row["name"].endswith("lr")] == [["0.5", "0.25"]]
    assert found["metrics"]["rows"][0]["verdicts"][1] == "better"
    assert mlops("checkout", "@latest", "again", cwd=tmp_path).returncode == 0
    assert (tmp_path / "again" / "train.py").read_bytes() == (tmp_path / "train.py").read_bytes()
    assert mlops("logs", "@latest", cwd=tmp_path).stdout.splitlines()[0] == "step=0 loss=0.25"


@pytest.mark.parametrize(("argv", "code"), [(("no-such-program",), 127), (("./data",), 126)])
def test_what_cannot_be_started_has_the_codes_of_env(
    argv: tuple[str, ...], code: int, mlops: Any, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("no program")
    said = mlops("run", *argv, cwd=tmp_path)
    assert said.returncode == code
    assert said.stderr.startswith("error: ")


def test_slips_are_met_with_the_nearest(cli: Any) -> None:
    assert cli.run("shw").err == "error: No such command 'shw'. Did you mean 'show'?\nhint: mlops --help\n"
    assert (
        cli.run("ls", "--archivd").err
        == "error: No such option '--archivd'. Did you mean '--archived'?\nhint: mlops ls --help\n"
    )
    assert cli.run("ls", "--archivd").code == 2
    assert json.loads(cli.run("ls", "--jsn", "--json").err)["error"]["code"] == "invalid_input"
    assert cli.run("config").err.startswith("Usage: mlops config")


def test_a_program_named_mlops_something_is_a_command(
    mlops: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mlops-hello"
    program.write_text('#!/bin/sh\necho "hello $@"\nexit 5\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = mlops("hello", "--json", "-x", "--help")
    assert (said.stdout, said.returncode) == ("hello --json -x --help\n", 5)
    assert ["hello", "program", str(program)] in [
        line.split("\t") for line in mlops("plugin", "ls").stdout.splitlines()
    ]


def test_a_closed_pipe_ends_quietly(mlops: Any, home: Path) -> None:
    command = f"{sys.executable} -m mlops_cli config ls | head -1; {sys.executable} -m mlops_cli --help | true"
    said = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.stderr == ""
    assert len(said.stdout.splitlines()) == 1


def test_following_stops_at_ctrl_c_and_says_that_the_experiment_goes_on(make: Any) -> None:
    task = make("endless", status="in_progress")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_cli", "logs", task, "-f"], stderr=subprocess.PIPE, text=True
    )
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the experiment goes on" in err


def test_a_store_that_cannot_be_opened_is_explained(mlops: Any, home: Path) -> None:
    (home / "store.db").mkdir(parents=True)
    said = mlops("ls")
    assert said.returncode not in (0, 2)
    assert said.stderr.startswith("error: ")
    assert "Traceback" not in said.stderr
    assert "something went wrong inside" not in said.stderr


def test_color_and_output_choices_are_checked(cli: Any) -> None:
    assert "auto, always or never" in cli.run("ls", "--color", "red").err
    assert cli.run("ls", "-o", "yaml").code == 2


def test_a_mistyped_option_gets_the_nearest_one(mlops: Any) -> None:
    assert "Did you mean '--sort'?" in mlops("ls", "--sorrt", "x").stderr
    assert "Did you mean" not in mlops("ls", "--zzzzzz").stderr
    assert "--to" in mlops("export", "x", "-o", "x.mlops").stderr
