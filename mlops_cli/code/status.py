"""What git says about a folder, asked in one process that runs while others work: `start(cwd).wait()`.

A clean and pushed tree costs two processes side by side: the status, and the configuration for the remote's URL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import MlopsError, NotFound
from .git import Running, explain

STATUS_S = 30.0
MOST_CHANGES = 50_000
"""A data set that nobody ignored has a million files; beyond this many they are only counted."""

_PLAINLY = ("--no-ahead-behind", "--no-renames", "--ignore-submodules=none")

_CONFIG = (
    r"^(remote\..*\.(url|fetch)|url\..*\.insteadof|branch\..*\.(remote|merge)|extensions\.objectformat|"
    r"core\.(autocrlf|eol|attributesfile|worktree))$"
)


class Change(NamedTuple):
    """One path that differs from HEAD. `kind`: `1` changed, `2` renamed, `u` unmerged, `?` untracked."""

    path: bytes
    kind: str
    was: bytes = b""
    is_submodule: bool = False


class Status(NamedTuple):
    """A repository before the child started. `problem`: why git could not say more (then the rest is empty)."""

    top: Path
    git_dir: Path
    common_dir: Path
    head: str = ""
    branch: str = ""
    upstream: str = ""
    is_level: bool = False
    """HEAD is exactly where the upstream is."""
    changes: tuple[Change, ...] = ()
    uncounted: int = 0
    """How many more untracked files there are than `changes` holds."""
    config: Mapping[str, list[str]] = {}
    finished_ns: int = 0
    problem: str = ""


class Pending:
    """A status that git is working on."""

    def __init__(self, place: Place | None, status: Running | None, config: Running | None, problem: str = "") -> None:
        self._place = place
        self._status = status
        self._config = config
        self._problem = problem

    def wait(self, timeout: float = STATUS_S) -> Status | None:
        """The status, once it is complete; None when there is no repository. Never raises for what git says."""
        place = self._place
        if place is None:
            return None
        if self._status is None:
            return self._failed(self._problem)
        config: dict[str, list[str]] = {}
        try:
            code, out, err = self._status.wait(timeout=timeout)
            if self._config is not None:
                config = _parse_config(self._config.wait(timeout=timeout)[1])
        except MlopsError as exc:
            return self._failed(exc.message)
        if code != 0:
            if "must be run in a work tree" in err:
                return None
            first = err.strip().splitlines()[0] if err.strip() else f"git status ended with {code}"
            hint = explain(err)
            return self._failed(f"{first} ({hint})" if hint else first)
        return _parse_status(out, place, config)

    def _failed(self, problem: str) -> Status | None:
        place = self._place
        if place is None:
            return None
        return Status(place.top, place.git_dir, place.common_dir, finished_ns=time.time_ns(), problem=problem)


class Place(NamedTuple):
    """Where a repository lies: its working tree, the folder of this tree and the one that all its worktrees share."""

    top: Path
    git_dir: Path
    common_dir: Path


def start(cwd: Path) -> Pending:
    """Begin to ask git about `cwd`; where there is no repository nothing is started."""
    place = locate(cwd)
    if place is None:
        return Pending(None, None, None)
    ask = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", *_PLAINLY)
    try:
        status = Running(ask, cwd=cwd)
    except NotFound as exc:
        return Pending(place, None, None, exc.message)
    return Pending(place, status, Running(("config", "-z", "--get-regexp", _CONFIG), cwd=cwd))


def locate(cwd: Path) -> Place | None:
    """The repository around `cwd` as git finds it, without asking git: `.git` folders, worktrees and submodules."""
    if os.environ.get("GIT_DIR"):
        git_dir = Path(cwd, os.environ["GIT_DIR"])
        return Place(Path(cwd, os.environ.get("GIT_WORK_TREE", ".")).resolve(), git_dir, _common(git_dir))
    folder = Path(os.path.realpath(cwd))
    for top in (folder, *folder.parents):
        git_dir = top / ".git"
        if (git_dir / "HEAD").exists():
            return Place(top, git_dir, _common(git_dir))
        if git_dir.is_file():
            try:
                text = git_dir.read_text(encoding="utf-8", errors="surrogateescape")
            except OSError:
                return None
            if text.startswith("gitdir: "):
                git_dir = Path(top, text[8:].rstrip("\n"))
                return Place(top, git_dir, _common(git_dir))
    return None


def _common(git_dir: Path) -> Path:
    try:
        return Path(git_dir, (git_dir / "commondir").read_text(encoding="utf-8", errors="surrogateescape").strip())
    except OSError:
        return git_dir


def _parse_status(out: bytes, place: Place, config: dict[str, list[str]]) -> Status:
    head = branch = upstream = ""
    is_level = False
    uncounted = 0
    changes: list[Change] = []
    fields = iter(out.split(b"\0"))
    for entry in fields:
        kind = entry[:1]
        if kind == b"#":
            key, _, value = entry[2:].decode("utf-8", "surrogateescape").partition(" ")
            if key == "branch.oid":
                head = "" if value == "(initial)" else value
            elif key == "branch.head":
                branch = "" if value == "(detached)" else value
            elif key == "branch.upstream":
                upstream = value
            elif key == "branch.ab":
                is_level = value == "+0 -0"
        elif kind == b"?":
            if len(changes) < MOST_CHANGES:
                changes.append(Change(entry[2:], "?"))
            else:
                uncounted += 1
        elif kind in (b"1", b"2", b"u"):
            # 1 XY sub mH mI mW hH hI path · 2 ... X<score> path NUL old path · u XY sub m1 m2 m3 mW h1 h2 h3 path
            parts = entry.split(b" ", {b"1": 8, b"2": 9, b"u": 10}[kind])
            was = next(fields, b"") if kind == b"2" else b""
            changes.append(Change(parts[-1], kind.decode(), was, is_submodule=parts[2][:1] == b"S"))
    where = (place.top, place.git_dir, place.common_dir)
    return Status(*where, head, branch, upstream, is_level, tuple(changes), uncounted, config, time.time_ns())


def _parse_config(out: bytes) -> dict[str, list[str]]:
    config: dict[str, list[str]] = {}
    for entry in out.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        if key:
            config.setdefault(key, []).append(value)
    return config
