"""A line `mlops run CMD...` needs no parser; what comes of it is what the parser would have made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.__main__ import is_plain_run

PARSED = ("--type", "training")
"""A flag that says what holds anyway."""


def run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    home.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHON"))}
    env = {**clean, "MLOPS_HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{clean['PATH']}"}
    command = [sys.executable, "-m", "mlops_cli", "run", *args]
    return subprocess.run(command, cwd=home.parent, env=env, capture_output=True, text=True, timeout=60)


def spec_of(home: Path) -> dict[str, Any]:
    (path,) = home.glob("runs/*/spec.json")
    spec: dict[str, Any] = json.loads(path.read_text())
    assert spec.pop("started_at") > 0
    return spec


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "exit 0"),
        ("train.py", "--lr", "0.1", "-q", "--help"),
        ("python", "train.py", "--", "-p", "x"),
        ("sh", "-c", "exit 3"),
    ],
)
def test_both_ways_record_the_same_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "train.py").write_text("pass\n")
    plain, parsed = run(tmp_path / "one", *words), run(tmp_path / "two", *PARSED, *words)
    assert spec_of(tmp_path / "one") == spec_of(tmp_path / "two")
    assert (plain.returncode, plain.stdout) == (parsed.returncode, parsed.stdout)


@pytest.mark.parametrize("words", [("no-such-program",), ("./folder",), ("./plain.txt", "-x")])
def test_both_ways_refuse_in_the_same_words(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain.txt").write_text("no program\n")
    plain, parsed = run(tmp_path / "one", *words), run(tmp_path / "two", *PARSED, *words)
    assert plain.returncode in (126, 127)
    assert (plain.returncode, plain.stdout, plain.stderr) == (parsed.returncode, parsed.stdout, parsed.stderr)


def test_a_wrong_setting_is_told_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text("secrets = 'sometimes'\n")
    plain, parsed = run(tmp_path / "one", "true"), run(tmp_path / "two", *PARSED, "true")
    assert plain.returncode == 2
    assert (plain.returncode, plain.stderr) == (parsed.returncode, parsed.stderr)


@pytest.mark.parametrize(
    "args", [["run"], ["run", "-q", "x"], ["run", "--", "x"], ["run", ""], ["ls", "x"], ["-q", "run", "x"]]
)
def test_whatever_has_a_flag_or_no_command_is_for_the_parser(args: list[str]) -> None:
    assert not is_plain_run(args)
