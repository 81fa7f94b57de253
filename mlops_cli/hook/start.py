"""Starts the hook in a child, in the order of cost: who we are, files from now on, taps that wait for their target."""

from __future__ import annotations

import os
import sys

from . import catalogue, interpreter, notes

# Programs that only start another one, often in another interpreter: their own packages and files say nothing.
FORWARDERS = frozenset(
    "conda mamba micromamba poetry pipenv hatch pdm rye tox nox pipx pip pip3"
    " virtualenv pre-commit ensurepip venv mlops mlops_cli".split()
)


def begin(run_dir: str, switches: str) -> None:
    """Called once by sitecustomize; whatever it raises is told there in one line."""
    if _program() in FORWARDERS:
        return
    off = catalogue.switched_off(switches)
    interpreter.leave(run_dir, off)
    notes.begin(run_dir)
    if catalogue.FILES not in off:
        from .taps import files

        files.watch(run_dir, notes.note)
    from . import triggers

    table = {target: name for name, (targets, _) in catalogue.TAPS.items() if name not in off for target in targets}
    plug_ins = catalogue.plug_ins(os.environ.get("MLOPS_TAPS", ""), off)
    triggers.install(table, plug_ins, notes.note)


def _program() -> str:
    """The word by which the program was called; the module of `-m` where Python tells (3.10 and later)."""
    words = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
    if sys.argv and sys.argv[0] == "-m" and "-m" in words[:-1]:
        return str(words[words.index("-m") + 1]).split(".")[0]
    return os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else ""
