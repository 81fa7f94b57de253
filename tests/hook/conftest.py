"""Runs real programs under the hook on real interpreters, and reads what they left in the spool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from mlops_cli.hook.location import with_hook
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.reader import read, streams


@dataclass(frozen=True)
class Child:
    """How a program ended, and what the hook noted meanwhile."""

    code: int
    out: str
    err: str
    notes: list[dict[str, Any]]
    streams: list[str]
    interpreter: dict[str, Any] | None
    folder: Path

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["k"] == kind]

    def items(self, section: str = "Args") -> dict[str, dict[str, Any]]:
        """All parameters of a section, later notes over earlier ones."""
        found: dict[str, dict[str, Any]] = {}
        for note in self.of("params"):
            if note["section"] == section:
                found.update(note["items"])
        return found

    def opened(self, mode: str) -> list[str]:
        return [note["path"] for note in self.of("open") if note["mode"] == mode]


class Hooked(Protocol):
    def __call__(
        self,
        script: str,
        *args: str,
        python: str | list[str] = ...,
        env: dict[str, str] | None = ...,
        folder: Path | None = ...,
    ) -> Child: ...


@pytest.fixture
def hooked(tmp_path: Path) -> Hooked:
    """Write the script to `work/main.py` and run it there, as `mlops run` would start it."""
    work = tmp_path / "work"
    work.mkdir()

    def run(
        script: str,
        *args: str,
        python: str | list[str] = sys.executable,
        env: dict[str, str] | None = None,
        folder: Path | None = None,
    ) -> Child:
        run_folder = folder or RunFolder.create(tmp_path / "runs").path
        (work / "main.py").write_text(script, encoding="utf-8")
        command = [python] if isinstance(python, str) else python
        done = subprocess.run(
            [*command, "main.py", *args],
            cwd=work,
            env=environment(run_folder, env or {}),
            capture_output=True,
            text=True,
            timeout=110,
        )
        return harvest(run_folder, done)

    return run


def environment(run_folder: Path, extra: dict[str, str]) -> dict[str, str]:
    """What `mlops run` adds, over a clean base; a PYTHONPATH in `extra` is the person's own."""
    base = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "PYTHON"))}
    path = with_hook(extra.get("PYTHONPATH"))
    return {**base, "MLOPS_RUN_DIR": str(run_folder), "MLOPS_RUN_ID": run_folder.name, **extra, "PYTHONPATH": path}


def harvest(run_folder: Path, done: subprocess.CompletedProcess[str]) -> Child:
    found = streams(run_folder / "spool")
    notes = [note for stream in found for note in read(stream, final=True).notes]
    left = run_folder / "interpreter.json"
    interpreter = json.loads(left.read_text(encoding="utf-8")) if left.exists() else None
    return Child(
        done.returncode, done.stdout, done.stderr, notes, [stream.name for stream in found], interpreter, run_folder
    )
