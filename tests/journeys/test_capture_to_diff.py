"""From a program that knows nothing of us to the comparison of two of its runs, and on to other stores and folders."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import EXAMPLES, Mlops, git

_made: list[Mlops] = []


@pytest.fixture
def digits(mlops: Mlops, tmp_path_factory: pytest.TempPathFactory) -> Mlops:
    """The digits example in a repository of its own, run twice with another learning rate; a copy for each test."""
    if not _made:
        base = tmp_path_factory.mktemp("digits")
        original = Mlops(base / "home", base / "work")
        original.cwd.mkdir()
        shutil.copy(EXAMPLES / "digits" / "train.py", original.cwd)
        git(original.cwd, "init", "-q", "-b", "main")
        git(original.cwd, "add", "-A")
        git(original.cwd, "commit", "-qm", "digits")
        for rate in ("0.001", "0.05"):
            done = original.ok("run", "train.py", "--lr", rate, "--epochs", "3")
            assert done.text.startswith("epoch=0 train/loss=")
            assert "completed after" in done.errors
        _made.append(original)
    shutil.copytree(_made[0].home, mlops.home)
    shutil.copytree(_made[0].cwd, mlops.cwd, dirs_exist_ok=True)
    return mlops


def test_the_digits_example_from_run_to_comparison(digits: Mlops) -> None:
    newest, oldest = digits.tasks()
    assert [task["status"] for task in (newest, oldest)] == ["completed"] * 2
    assert digits.live() == []

    rows = digits.ok("ls", "--json").json
    assert [row["id"] for row in rows] == [newest["id"], oldest["id"]]
    piped = digits.ok("ls", "-c", "id,status,lr").lines
    assert piped == [f"{newest['id']}\tcompleted\t0.05", f"{oldest['id']}\tcompleted\t0.001"]

    shown = digits.show()
    parameter = shown["hyperparams"]["Args"]["batch_size"]
    assert (parameter["value"], parameter["type"]) == ("64", "int")
    assert "numpy==" in shown["script"]["requirements"]["pip"]
    assert shown["script"]["entry_point"] == "train.py --lr 0.05 --epochs 3"
    assert [model["name"] for model in shown["models"]["output"]] == ["digits"]
    for section in ("params", "metrics", "code", "diff", "packages", "host", "env", "files", "models", "console"):
        assert digits.ok("show", "@latest", section).out, section

    printed = digits.ok("logs", "@latest").text
    assert printed.startswith("epoch=0 train/loss=")
    assert "confusion matrix" in printed
    assert len(digits.curve("val/acc")) == 3


def test_the_comparison_tells_the_changed_parameter_and_what_it_did_and_nothing_else(digits: Mlops) -> None:
    compared = digits.ok("diff", "@-1", "@latest").text
    assert "Args/lr  0.001  →  0.05" in compared
    assert "val/acc" in compared
    assert "better" in compared
    for absent in ("patch", "confusion.csv", "Packages", "epochs  "):
        assert absent not in compared
    assert digits("diff", "@-1", "@latest", "--exit-code").code == 1
    assert digits("diff", "@-1", "@latest", "--exit-code", "-o", "md").text.count("0.05") >= 1


def test_the_code_comes_back_and_a_clone_keeps_it(digits: Mlops, tmp_path: Path) -> None:
    digits.ok("checkout", "@latest", str(tmp_path / "again"))
    original = (digits.cwd / "train.py").read_bytes()
    assert (tmp_path / "again" / "train.py").read_bytes() == original
    assert {path.name for path in (tmp_path / "again").iterdir()} - {".git"} == {"train.py"}

    draft = digits.ok("clone", "@latest", "lr=0.5", "--json").json
    cloned = digits.show(draft["id"])
    assert cloned["status"] == "created"
    assert cloned["hyperparams"]["Args"]["lr"]["value"] == "0.5"
    assert cloned["script"]["entry_point"] == "train.py --lr 0.5 --epochs 3"
    digits.ok("checkout", draft["id"], str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "train.py").read_bytes() == original


def test_an_edited_line_is_the_difference(digits: Mlops) -> None:
    script = digits.cwd / "train.py"
    script.write_text(script.read_text().replace("/ 16.0", "/ 8.0"))
    digits.ok("run", "train.py", "--lr", "0.05", "--epochs", "3")
    compared = digits.ok("diff", "@-1", "@latest").text
    assert "+        digits.data / 8.0" in compared
    assert "-        digits.data / 16.0" in compared


def test_exported_runs_are_whole_in_another_store(digits: Mlops, tmp_path: Path) -> None:
    file = tmp_path / "both.mlops"
    first, second = (task["id"] for task in reversed(digits.tasks()))
    digits.ok("export", first, second, "--to", str(file))
    other = digits.with_home(tmp_path / "other")
    other.ok("import", str(file))
    assert other.ok("diff", first, second).text == digits.ok("diff", first, second).text
    assert other.ok("logs", second, "--raw").out == digits.ok("logs", second, "--raw").out
    assert other.curve("train/loss", second) == digits.curve("train/loss", second)
    other.ok("checkout", second, str(tmp_path / "there"))
    assert (tmp_path / "there" / "train.py").read_bytes() == (digits.cwd / "train.py").read_bytes()
    assert other("import", str(file)).code == 5
    # They are still runs of the person who exported them.
    assert other("show", "@latest").code == 3
    assert other.ok("--user", "any", "show", "@latest", "--json").json["id"] == second


def test_the_example_that_only_writes_tensorboard_files(mlops: Mlops) -> None:
    shutil.copy(EXAMPLES / "tensorboard" / "train.py", mlops.cwd)
    mlops.ok("run", "train.py", "--steps", "50")
    curve = mlops.curve("loss/train")
    assert [step for step, _ in curve] == list(range(50))
    assert curve[-1][1] < curve[0][1]
    assert mlops.show()["status"] == "completed"
    # Its event files are outputs, not code.
    mlops.ok("run", "train.py", "--steps", "50")
    assert "tfevents" not in mlops.ok("diff", "@-1", "@latest").text


def test_the_example_in_another_language(mlops: Mlops) -> None:
    shutil.copy(EXAMPLES / "shell" / "anneal.sh", mlops.cwd)
    mlops.ok("run", "./anneal.sh", "4")
    assert mlops.curve("loss") == [(0, 0.9), (1, 0.81), (2, 0.729), (3, 0.656)]
    assert mlops.show()["script"]["diff"].startswith("#!/bin/sh")


def test_a_number_whose_type_was_guessed_takes_a_fraction(mlops: Mlops) -> None:
    (mlops.cwd / "train.sh").write_text('echo "step=1 loss=$2"\n')
    mlops.ok("run", "sh", "train.sh", "--lr", "1")
    draft = mlops.ok("clone", "@latest", "lr=0.5", "--json").json["id"]
    lr = mlops.show(draft)["hyperparams"]["Args"]["lr"]
    assert (lr["value"], lr["type"]) == ("0.5", "float")


def test_nothing_of_the_repository_is_written(mlops: Mlops, repository: Callable[..., Path]) -> None:
    top = repository({"train.py": "print('step=1 loss=2')"})
    (top / "train.py").write_text("print('step=1 loss=1')")
    (top / "new.py").write_text("x = 1")
    git(top, "add", "new.py")

    def state() -> list[bytes]:
        files = sorted(path for path in (top / ".git").rglob("*") if path.is_file())
        return [bytes(path) + path.read_bytes() + str(path.stat().st_mtime_ns).encode() for path in files]

    before = state()
    mlops.ok("run", "train.py")
    assert state() == before
    assert subprocess.run(["git", "stash", "list"], cwd=top, capture_output=True, check=True).stdout == b""
