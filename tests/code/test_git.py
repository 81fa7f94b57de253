"""The runner: bounded, with git's own words, and no deadlock however much goes in or out."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mlops_cli.code import git as runner
from mlops_cli.code.status import locate, start
from mlops_cli.errors import NotFound, TimedOut

from .conftest import git


def test_large_input_and_output_pass_at_once(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    oid = git(tmp_path, "hash-object", "-w", "--stdin", stdin=b"x" * 1000)
    out = runner.run("cat-file", "--batch", cwd=tmp_path, stdin=f"{oid}\n".encode() * 20_000)
    assert out.count(b"x" * 1000) == 20_000


def test_a_refusal_carries_git_s_words(tmp_path: Path) -> None:
    with pytest.raises(runner.GitError) as caught:
        runner.run("rev-parse", "HEAD", cwd=tmp_path)
    assert "not a git repository" in caught.value.message
    assert runner.ask("rev-parse", "HEAD", cwd=tmp_path) == ""


def test_a_process_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "alias.slow", "!sleep 60")
    begin = time.monotonic()
    with pytest.raises(TimedOut):
        runner.run("slow", cwd=tmp_path, timeout=0.3)
    assert time.monotonic() - begin < 10


def test_no_descriptor_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    before = os.listdir("/proc/self/fd")
    runner.run("status", cwd=tmp_path)
    start(tmp_path).wait()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotFound):
        runner.run("status", cwd=tmp_path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_no_repository_starts_nothing(tmp_path: Path) -> None:
    assert locate(tmp_path) is None
    assert start(tmp_path).wait() is None


def test_names_of_every_kind_come_through_the_status(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    names = [b"a b", b"new\nline", b'quo"te', b"latin-\xe9", "ü".encode(), b"-x"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"x")
    status = start(tmp_path).wait()
    assert status is not None and status.head == "" and status.branch == "main"
    assert {change.path for change in status.changes} == set(names)
