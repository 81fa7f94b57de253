"""Where the hook lies and what it is told, for whoever starts a child with it."""

from __future__ import annotations

import os

HOOK_DIR = os.path.dirname(os.path.abspath(__file__))
SITE_DIR = os.path.join(HOOK_DIR, "site")
"""Goes first on the child's PYTHONPATH; holds nothing but `sitecustomize.py`."""

RUN_DIR = "MLOPS_RUN_DIR"
"""The run folder; without it, or when it is no folder (another host), the hook does nothing."""
SWITCHES = "MLOPS_HOOK"
"""`off`, or taps to leave out: `-argparse,-files`."""
EXTRA_TAPS = "MLOPS_TAPS"
"""More tap files, or folders of them, separated like PATH."""


def with_hook(python_path: str | None) -> str:
    """The child's PYTHONPATH: ours first, then the person's own, in their order."""
    return SITE_DIR + os.pathsep + python_path if python_path else SITE_DIR
