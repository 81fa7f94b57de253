"""From the words a person typed to what is executed: the program's path, the child's words and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..config import environ
from ..errors import RunFailed
from ..hook import location
from .spec import RunSpec

NOT_EXECUTABLE, NOT_FOUND = 126, 127


class Command(NamedTuple):
    """`program` is the file to execute; `words` what it finds as its argv, the first as it was typed."""

    program: str
    words: tuple[str, ...]


def resolve(argv: Sequence[str], *, path: str | None = None, cwd: str | None = None) -> Command:
    """What to execute for these words. A first word in `.py` runs under the `python` of PATH.

    Raises RunFailed with the exit codes of `env` and `nohup`: 127 not found, 126 not executable.
    """
    if not argv or not argv[0]:
        raise RunFailed("no command to run", hint="mlops run python train.py", exit_code=125)
    word = argv[0]
    here = Path(cwd or ".") / word
    search = os.environ.get("PATH", os.defpath) if path is None else path
    if word.endswith(".py"):
        if not here.is_file():
            raise RunFailed(f"{word}: no such file", hint="check the path of the script", exit_code=NOT_FOUND)
        return Command(_find("python", search) or sys.executable, ("python", *argv))
    if os.sep in word:
        _check(word, here)
        return Command(word, tuple(argv))
    found = _find(word, search)
    if found is None:
        hint = f"mlops run ./{word}" if here.is_file() else "check the spelling, or give its path"
        raise RunFailed(f"{word}: command not found", hint=hint, exit_code=NOT_FOUND)
    return Command(found, tuple(argv))


def environment(spec: RunSpec, *, run_id: str, folder: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The child's environment: ours, the run's id and folder, and the hook first on PYTHONPATH; nothing else."""
    env = dict(base)
    env[environ.RUN_ID] = run_id
    env[environ.RUN_DIR] = str(folder)
    if spec.hook:
        env["PYTHONPATH"] = location.with_hook(env.get("PYTHONPATH"))
    if spec.taps:
        env[environ.HOOK] = spec.taps
    return env


def why(error: int) -> tuple[str, int]:
    """What an error of `exec` means to a person, and our exit code for it."""
    code = NOT_FOUND if error in (2, 20) else NOT_EXECUTABLE
    return os.strerror(error), code


def _check(word: str, path: Path) -> None:
    if not path.exists():
        raise RunFailed(f"{word}: no such file", hint="check the path", exit_code=NOT_FOUND)
    if path.is_dir() or not os.access(path, os.X_OK):
        what = "is a folder" if path.is_dir() else "is not executable"
        raise RunFailed(
            f"{word} {what}",
            hint=f"mlops run sh {word}" if path.suffix == ".sh" else f"chmod +x {word}",
            exit_code=NOT_EXECUTABLE,
        )


def _find(name: str, search: str) -> str | None:
    for folder in search.split(os.pathsep):
        candidate = Path(folder or ".") / name
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return None
