"""Where code lies, and what it is called: every kind of repository, none at all, hostile names, and every script."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from .conftest import Mlops, git

TRAIN = "print('step=1 loss=0.5')\n"


def _notes(mlops: Mlops) -> str:
    return str(mlops.show()["runtime"].get("mlops_notes") or "")


def _rebuilt(mlops: Mlops, to: Path) -> dict[str, bytes]:
    mlops.ok("checkout", "@latest", str(to))
    found = {}
    for path in sorted(to.rglob("*")):
        name = str(path.relative_to(to))
        if path.is_file() and not name.startswith(".git"):
            found[name] = path.read_bytes()
    return found


def test_without_git_on_the_path(mlops: Mlops, repository: Callable[..., Path], tmp_path: Path) -> None:
    repository({"train.py": TRAIN})
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python").symlink_to(sys.executable)
    bare = {**mlops.environment, "PATH": str(tools)}
    done = mlops.ok("run", sys.executable, "train.py", env=bare)
    assert done.text == "step=1 loss=0.5\n"
    task = mlops.show()
    assert (task["status"], task["script"]["diff"]) == ("completed", TRAIN)
    assert "git" in _notes(mlops)


def test_outside_of_any_repository(mlops: Mlops, tmp_path: Path) -> None:
    (mlops.cwd / "train.py").write_text("import helper\n" + TRAIN)
    (mlops.cwd / "helper.py").write_text("x = 1\n")
    mlops.ok("run", "train.py")
    assert mlops.show()["script"]["diff"] == "import helper\n" + TRAIN
    assert _rebuilt(mlops, tmp_path / "again") == {
        "train.py": b"import helper\n" + TRAIN.encode(),
        "helper.py": b"x = 1\n",
    }


def test_in_a_repository_without_a_commit(mlops: Mlops, tmp_path: Path) -> None:
    git(mlops.cwd, "init", "-q")
    (mlops.cwd / "train.py").write_text(TRAIN)
    mlops.ok("run", "train.py")
    assert _rebuilt(mlops, tmp_path / "again") == {"train.py": TRAIN.encode()}


def test_on_a_detached_head(mlops: Mlops, repository: Callable[..., Path], tmp_path: Path) -> None:
    top = repository({"train.py": "first\n"})
    (top / "train.py").write_text(TRAIN)
    git(top, "commit", "-qam", "second")
    git(top, "checkout", "-q", "--detach")
    head = git(top, "rev-parse", "HEAD").decode().strip()
    mlops.ok("run", "train.py")
    assert mlops.show()["runtime"]["mlops_code_head"] == head
    assert _rebuilt(mlops, tmp_path / "again") == {"train.py": TRAIN.encode()}


def test_among_ten_thousand_files(mlops: Mlops, repository: Callable[..., Path], tmp_path: Path) -> None:
    for folder in range(100):
        (mlops.cwd / f"package{folder}").mkdir()
        for number in range(100):
            (mlops.cwd / f"package{folder}" / f"module{number}.py").write_text(f"x = {folder * number}\n")
    repository({"train.py": TRAIN})
    (mlops.cwd / "package7" / "module7.py").write_text("changed\n")
    mlops.ok("run", "train.py")
    mlops.ok("run", "train.py", "--lr", "1")
    compared = mlops.ok("diff", "@-1", "@latest").text
    assert "module7" not in compared
    found = _rebuilt(mlops, tmp_path / "again")
    assert len(found) == 10_001
    assert found["package7/module7.py"] == b"changed\n"


def test_a_huge_untracked_file_is_left_out_and_named(mlops: Mlops, repository: Callable[..., Path]) -> None:
    top = repository({"train.py": TRAIN})
    with (top / "data.bin").open("wb") as file:
        file.truncate(5_000_000_000)
    (top / "small.py").write_text("x = 1\n")
    mlops.ok("run", "train.py")
    assert "data.bin: 5000000000 bytes" in _notes(mlops)
    assert sum(path.stat().st_size for path in mlops.home.rglob("*") if path.is_file()) < 10_000_000


def test_names_with_newlines_and_bytes_that_are_no_text(
    mlops: Mlops, repository: Callable[..., Path], tmp_path: Path
) -> None:
    top = repository({"train.py": TRAIN, "naïve ☃/模型.py": "x = 1\n"})
    for name in (b"new\nline.py", b"caf\xe9.py", b'quote"back\\slash', b"-rf", b" space ", b"tab\t"):
        (Path(os.fsdecode(bytes(top) + b"/" + name))).write_bytes(name)
    (top / "naïve ☃" / "模型.py").write_text("x = 2\n")
    mlops.ok("run", "train.py")
    mlops.ok("checkout", "@latest", str(tmp_path / "again"))
    there = bytes(tmp_path / "again")
    for name in (b"new\nline.py", b"caf\xe9.py", b'quote"back\\slash', b"-rf", b" space ", b"tab\t"):
        with open(there + b"/" + name, "rb") as file:
            assert file.read() == name
    assert (tmp_path / "again" / "naïve ☃" / "模型.py").read_text() == "x = 2\n"
    # Written by nobody else than the person: still there when the code is compared, shown, and exported.
    for words in (("show", "@latest"), ("show", "@latest", "diff"), ("export", "@latest", "--to", str(tmp_path / "x"))):
        mlops.ok(*words)


def test_a_script_whose_name_is_no_text(mlops: Mlops) -> None:
    name = b"tr\xe4in\n.py"
    with open(bytes(mlops.cwd) + b"/" + name, "w") as file:
        file.write("open('caf\\udce9.joblib', 'w').write('1')\n" + TRAIN)
    done = mlops.ok("run", sys.executable, name, b"--tag=\xff")
    assert done.text == "step=1 loss=0.5\n"
    for words in (("ls",), ("ls", "--json"), ("show",), ("show", "--json"), ("logs",), ("status",)):
        assert mlops.ok(*words).code == 0
    assert mlops.show()["status"] == "completed"
    assert mlops.live() == []


def test_unicode_everywhere(mlops: Mlops, tmp_path: Path) -> None:
    folder = mlops.cwd / "プロジェクト ☃"
    folder.mkdir()
    there = mlops.at(folder)
    (folder / "тренировка.py").write_text(
        "import argparse\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--größe', default='klein')\n"
        "print(parser.parse_args(), '🦜')\n"
        "print('step=1 Verlust/größe=0.25')\n"
    )
    words = ("-p", "Ünïcode/子供達", "-n", "e\u0301xperiment 🦜", "-t", "тег", "--note", "مرحبا\u202e")
    done = there.ok("run", *words, "тренировка.py", "--größe", "übergroß 🚀")
    assert "🦜" in done.text
    (task,) = there.tasks()
    assert (task["name"], task["tags"], task["comment"]) == ("e\u0301xperiment 🦜", ["тег"], "مرحبا\u202e")
    assert task["hyperparams"]["Args"]["größe"]["value"] == "übergroß 🚀"
    row = there.ok("-q", "ls", "-p", "Ünïcode/子供達", "tag:тег", "größe:'übergroß 🚀'")
    assert row.text == task["id"] + "\n"
    assert "🦜" in there.ok("logs", task["id"]).text
    assert "Verlust/größe" in there.ok("metrics", task["id"]).text
    there.ok("export", task["id"], "--to", str(tmp_path / "ü.mlops"))
    other = there.with_home(tmp_path / "ändere")
    other.ok("import", str(tmp_path / "ü.mlops"))
    assert other.show(task["id"])["hyperparams"] == there.show(task["id"])["hyperparams"]
    # Where the terminal knows ASCII only, nothing fails either.
    plain = there.with_env(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    for command in ("ls", "show", "logs", "metrics"):
        plain.ok(command, *([] if command == "ls" else [task["id"]]))
