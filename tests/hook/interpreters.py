"""Which Python interpreters this machine has, for tests that run on each."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HOOKED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
OLDER = ("2.7", "3.6", "3.7")


@functools.cache
def find(version: str) -> str | None:
    """The path of an interpreter of that version, from pyenv or the search path."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"))]
    found = shutil.which(f"python{version}")
    for candidate in [*candidates, *([found] if found else [])]:
        done = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
        )
        if done.returncode == 0 and done.stdout.strip() == str(tuple(int(part) for part in version.split("."))):
            return candidate
    return None


def need(version: str) -> str:
    path = find(version)
    if path is None:
        pytest.skip(f"no Python {version} on this machine")
    return path
