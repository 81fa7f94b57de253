"""Real repositories for the tests of the code room, far from the configuration of whoever runs them."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.code.capture import capture
from mlops_cli.code.model import Code
from mlops_cli.code.restore import Restored, restore
from mlops_cli.code.status import start

Listing = dict[bytes, tuple[str, bytes]]


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = T\n\temail = t@example.com\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n'
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "none"))


def git(cwd: Path, *args: str | bytes, stdin: bytes | None = None) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def listing(root: Path) -> Listing:
    """Every file below `root` except git's own: its kind and mode, and its content or the target of the link."""
    found: Listing = {}
    top = os.fsencode(root)
    for here, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != b".git"]
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(here, name)))]:
            path = os.path.join(here, name)
            if name == b".git":
                continue
            info = os.lstat(path)
            key = os.path.relpath(path, top)
            if stat.S_ISLNK(info.st_mode):
                found[key] = ("link", os.readlink(path))
            else:
                with open(path, "rb") as file:
                    found[key] = ("run" if info.st_mode & 0o100 else "file", file.read())
    return found


def fingerprint(root: Path) -> dict[str, tuple[int, int, str]]:
    """Every byte, mode and time below `root`, git's own files included."""
    found = {}
    for here, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(here, name)
            info = os.lstat(path)
            data = os.readlink(path) if stat.S_ISLNK(info.st_mode) else open(path, "rb").read()  # noqa: SIM115
            found[repr(path)] = (info.st_mode, info.st_mtime_ns, hashlib.sha256(data).hexdigest())
    return found


def without_times(found: dict[str, tuple[int, int, str]]) -> dict[str, tuple[int, str]]:
    """Git touches the time of a borrowed object that `apply` would write again; its bytes stay."""
    return {name: (mode, digest) for name, (mode, _, digest) in found.items()}


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Path]:
    """A repository with two files, one commit and (unless `pushed=False`) a remote that has it."""

    def make(name: str = "repo", *, pushed: bool = True) -> Path:
        repo = tmp_path / name
        repo.mkdir()
        git(repo, "init", "-q")
        (repo / "train.py").write_text("import sys\nlr = 0.1\nprint(lr)\n")
        (repo / "src").mkdir()
        (repo / "src/model.py").write_text("".join(f"layer_{i} = {i}\n" for i in range(20)))
        git(repo, "add", "-A")
        git(repo, "commit", "-qm", "first")
        if pushed:
            remote = tmp_path / f"{name}.git"
            git(tmp_path, "init", "-q", "--bare", str(remote))
            git(repo, "remote", "add", "origin", str(remote))
            git(repo, "push", "-q", "-u", "origin", "main")
        return repo

    return make


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., Code]:
    """Capture as a run does: status, then the rest, into a fresh staging folder."""
    count = iter(range(1000))

    def taken(cwd: Path, script: str | None = "train.py", **options: object) -> Code:
        staging = tmp_path / f"staging-{next(count)}"
        staging.mkdir()
        status = start(cwd).wait()
        code = capture(status, cwd=cwd, script=Path(script) if script else None, staging=staging, **options)  # type: ignore[arg-type]
        assert [path.name for path in staging.iterdir()] == [artifact.path.name for artifact in code.artifacts]
        return code

    return taken


def script_of(code: Code) -> dict[str, str]:
    """The fields as a task has them."""
    return {
        "repository": code.repository,
        "branch": code.branch,
        "version_num": code.commit,
        "working_dir": code.working_dir,
        "entry_point": code.entry_point,
        "diff": code.diff,
    }


def rebuild(code: Code, dest: Path, *, repository: Path | None = None, **options: bool) -> Restored:
    artifacts = {artifact.key: artifact.path for artifact in code.artifacts}
    return restore(script_of(code), artifacts, dest, repository=repository, **options)
