"""What is not imported: the causes of a fast start, pinned. Times are measured in benchmarks/startup.py."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import io, sys
sys.argv = ["mlops", *{args!r}]
out, sys.stdout = sys.stdout, io.StringIO()
from mlops_cli.__main__ import main
try:
    code = main()
finally:
    sys.stdout = out
print([code, sorted(sys.modules)])
"""

HEAVY = {
    "msgspec", "rich", "requests", "urllib3", "platformdirs", "git", "psutil", "pynvml", "yaml", "tomli", "asyncio",
    "plotext", "matplotlib", "pydantic", "tempfile", "http.client", "ssl", "importlib.metadata", "unittest", "logging",
    "numpy", "torch",
}  # fmt: skip
TREE = {"typer", "click", "mlops_cli.commands.root", "argparse", "inspect", "dataclasses"}
STORE = {"sqlite3", "mlops_cli.client", "mlops_cli.server"}


def modules(*args: str, **where: Any) -> set[str]:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(args=args)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        **where,
    )
    code, found = ast.literal_eval(said.stdout.splitlines()[-1])
    assert code == 0, said.stderr
    return set(found)


@pytest.mark.parametrize(
    "args", [("--version",), ("--help",), ("ls", "--help"), ("config", "set", "-h"), ("__names", "task")]
)
def test_version_help_and_names_are_answered_before_the_command_tree(args: tuple[str, ...]) -> None:
    assert not modules(*args) & (HEAVY | TREE | STORE | {"typing", "re", "json"})


def test_a_command_without_the_store_imports_no_store() -> None:
    assert not modules("version") & (HEAVY | STORE)


def test_ls_imports_only_what_the_answer_needs() -> None:
    found = modules("ls")
    assert not found & HEAVY
    assert "mlops_cli.client.filters" not in found
    assert "mlops_cli.commands.show" not in found
    assert "sqlite3" in found


def test_a_filter_brings_the_filter_language_and_nothing_heavy() -> None:
    found = modules("ls", "status:failed")
    assert "mlops_cli.client.filters" in found
    assert not found & (HEAVY - {"tempfile"})


def test_a_command_imports_its_own_module_alone() -> None:
    ours = {name for name in modules("config", "ls") if name.startswith("mlops_cli.commands.")}
    assert "mlops_cli.commands.config" in ours
    assert not ours & {"mlops_cli.commands.run", "mlops_cli.commands.ls", "mlops_cli.commands.diff"}


def test_the_http_library_is_imported_when_a_server_is_asked_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_SERVER", "http://127.0.0.1:1")
    assert not modules("status") & {"requests", "urllib3", "http.client", "ssl", "sqlite3", "msgspec"}


def test_importing_the_package_imports_nothing() -> None:
    program = "import sys; before = set(sys.modules); import mlops_cli; print(sorted(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['mlops_cli']"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and the interpreter of the tests as `python`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHON", "GIT_"))}
    folder = Path(sys.executable).parent
    return {**clean, "MLOPS_HOME": str(tmp_path / "home"), "PATH": f"{folder}:{clean['PATH']}"}


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    """A clean tree of one script that a remote knows: the common case of a run, and the cheapest."""
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", "--bare", str(remote)], check=True)
    subprocess.run([*git, "init", "-q", str(work)], check=True)
    (work / "train.py").write_text("print('hello')\n")
    for words in (["add", "."], ["commit", "-qm", "x"], ["remote", "add", "origin", str(remote)]):
        subprocess.run([*git, *words], cwd=work, check=True)
    subprocess.run([*git, "push", "-qu", "origin", "main"], cwd=work, check=True)
    return work


CHANGED_CODE = {f"mlops_cli.code.{name}" for name in ("changes", "tree", "scratch", "safe", "graft")}
LATER = {
    "mlops_cli.follow.tensorboard",
    "mlops_cli.secrets.patch",
    "mlops_cli.client.references",
    "mlops_cli.client.filters",
    "mlops_cli.client.transport",
    "mlops_cli.render.table",
    "mlops_cli.server.store.leftovers",
    "mlops_cli.server.store.queueing",
    "mlops_cli.server.store.task_removal",
    "mlops_cli.server.store.workers",
}


def test_a_plain_run_imports_no_parser_and_builds_no_dataclasses(pushed: Path, environment: dict[str, str]) -> None:
    found = modules("run", "train.py", cwd=pushed, env=environment)
    # `msgspec` checks what goes into the store; `inspect` comes with it.
    assert not found & ((HEAVY | TREE) - {"msgspec", "inspect"})
    assert not found & (
        CHANGED_CODE | LATER | {"traceback", "hashlib", "zipfile", "shutil", "subprocess", "bz2", "lzma"}
    )


def test_a_run_with_a_flag_differs_by_the_parser_alone(pushed: Path, environment: dict[str, str]) -> None:
    found = modules("run", "-q", "train.py", cwd=pushed, env=environment)
    assert "typer" in found
    assert not found & (CHANGED_CODE | LATER)


def test_changed_code_brings_what_reads_it(pushed: Path, environment: dict[str, str]) -> None:
    (pushed / "train.py").write_text("print('changed')\n")
    found = modules("run", "train.py", cwd=pushed, env=environment)
    assert found >= CHANGED_CODE


@pytest.mark.skipif(shutil.which("strace") is None, reason="counts processes with strace")
def test_a_plain_run_of_a_pushed_tree_starts_git_twice_and_the_child_once(
    pushed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-o", str(seen)]
    subprocess.run(
        [*command, sys.executable, "-m", "mlops_cli", "run", "train.py"],
        cwd=pushed,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    started = [line.split('"')[1].rpartition("/")[2] for line in seen.read_text().splitlines() if "execve(" in line]
    assert started[0].startswith("python")
    assert [name for name in started[1:] if name == "git"] == ["git", "git"]
    assert len(started) == 4
