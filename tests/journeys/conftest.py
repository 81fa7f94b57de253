"""The installed `mlops` command as a person's shell starts it: real processes, a home and folders of their own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(sys.executable).parent
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@dataclass(frozen=True)
class Done:
    """A command that ended: exit code and bytes."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def errors(self) -> str:
        return self.err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass(frozen=True)
class Mlops:
    """`mlops("ls")` in a folder and a home; the environment is that of the test, with the scripts on PATH."""

    home: Path
    cwd: Path
    env: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "MLOPS_HOME": str(self.home), **dict(self.env)}

    def start(self, *args: str | bytes, **options: Any) -> subprocess.Popen[bytes]:
        settings: dict[str, Any] = {
            "bufsize": 0,  # so that `readline` and then `communicate` lose nothing between them
            "cwd": self.cwd,
            "env": self.environment,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen([SCRIPTS / "mlops", *args], **settings)

    def __call__(self, *args: str | bytes, **options: Any) -> Done:
        process = self.start(*args, **options)
        try:
            out, err = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Done(process.returncode, out or b"", err or b"")

    def ok(self, *args: str | bytes, **options: Any) -> Done:
        """The same for a command that has to succeed."""
        done = self(*args, **options)
        assert done.code == 0, (args, done)
        return done

    def at(self, cwd: Path) -> Mlops:
        return replace(self, cwd=cwd)

    def with_home(self, home: Path) -> Mlops:
        return replace(self, home=home)

    def with_env(self, **env: str) -> Mlops:
        return replace(self, env=(*self.env, *env.items()))

    def show(self, reference: str = "@latest", *more: str) -> Any:
        return self.ok("show", reference, "--json", *more).json

    def tasks(self) -> list[dict[str, Any]]:
        """All experiments of the store, newest first, whole."""
        found: list[dict[str, Any]] = self.ok("api", "tasks.get_all_ex", "-F", "page_size=500", "--json").json["tasks"]
        return sorted(found, key=lambda task: str(task.get("started") or ""), reverse=True)

    def sql(self, text: str) -> list[Any]:
        """What the store's file says, past all of our code."""
        connection = sqlite3.connect(f"file:{self.home}/store.db?mode=ro", uri=True)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def live(self) -> list[str]:
        folder = self.home / "runs" / "live"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def curve(self, metric: str = "loss", reference: str = "@latest") -> list[tuple[int, float]]:
        """Every point of a metric, by step."""
        rows = self.ok("metrics", reference, metric, "--points", "-o", "json").json
        name = next(key for key in rows[0] if key not in ("step", "iter")) if rows else ""
        return [(row.get("step", row.get("iter")), row[name]) for row in rows]

    def check(self) -> None:
        """The store's file is sound."""
        assert self.sql("PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def mlops(home: Path, tmp_path: Path) -> Mlops:
    """`mlops("run", "true")` in an empty folder that no repository holds."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    return Mlops(home, cwd)


@pytest.fixture
def repository(mlops: Mlops) -> Callable[..., Path]:
    """`repository({"train.py": "..."})`: the working folder as a git repository with one commit of these files."""

    def make(files: dict[str, str], *, folder: Path | None = None) -> Path:
        top = folder or mlops.cwd
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        git(top, "init", "-q", "-b", "main")
        git(top, "add", "-A")
        git(top, "commit", "-qm", "start", "--allow-empty")
        return top

    return make


def git(top: Path, *words: str | bytes) -> bytes:
    return subprocess.run(["git", *words], cwd=top, check=True, capture_output=True).stdout
