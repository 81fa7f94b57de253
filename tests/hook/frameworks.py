"""Finds an interpreter that has a framework: the one that MLOPS_TEST_PYTHON names, or the one running the tests."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import pytest

# Read at once: each test runs without any MLOPS_* variable.
_OTHER = os.environ.get("MLOPS_TEST_PYTHON", "")


@functools.cache
def _has(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


def need_module(*modules: str) -> str:
    for python in (_OTHER, sys.executable):
        if python and all(_has(python, module) for module in modules):
            return python
    return pytest.skip(f"{', '.join(modules)} not installed here, nor where MLOPS_TEST_PYTHON points")
