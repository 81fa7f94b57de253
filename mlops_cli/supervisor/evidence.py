"""Gathers what the verdict needs: the end of the console, the kernel's count of out-of-memory kills, the exit note."""

from __future__ import annotations

import os
from pathlib import Path

from .. import secrets
from ..spool.folder import RunFolder
from . import processes
from .spec import SDK, RunSpec
from .verdict import Evidence, last_traceback
from .watch import Ending

_TAIL_BYTES = 65536


def of_ending(folder: RunFolder, spec: RunSpec, ending: Ending, *, oom_before: int) -> Evidence:
    """For a run whose end was watched."""
    return Evidence(
        code=ending.code,
        signal=ending.signal,
        received=ending.received,
        is_output_closed=ending.is_output_closed,
        oom_kills=max(0, oom_kills() - oom_before) if oom_before >= 0 else 0,
        is_sdk=spec.kind == SDK,
        console_tail=_quotable(last_traceback(_console_tail(folder)), spec),
    )


def of_remains(folder: RunFolder, spec: RunSpec) -> Evidence:
    """For a run that nobody watched to its end: only what lies in its folder."""
    left = folder.read_json("exit.json") or {}
    child = processes.from_json(folder.read_json("child.json"))
    is_known = left.get("code") is not None or left.get("signal") is not None
    return Evidence(
        code=left.get("code"),
        signal=left.get("signal"),
        is_rebooted=not is_known and child is not None and child.is_here() and child.boot != processes.boot_id(),
        is_sdk=spec.kind == SDK,
        console_tail=_quotable(last_traceback(_console_tail(folder)), spec),
        error=_quotable(str(left.get("error") or ""), spec),
    )


def _quotable(text: str, spec: RunSpec) -> str:
    """Without its secrets, before anything is cut from it: reasons and messages go into the store."""
    if not text or spec.secrets == "keep":
        return text
    return secrets.scrub_text(text, known=secrets.known_values(os.environ), place="traceback").value


def _console_tail(folder: RunFolder) -> str:
    """The end of what was printed; of stderr last, where tracebacks go."""
    texts = []
    for name in ("out", "err"):
        try:
            fd = os.open(folder.console / name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            at = max(0, os.fstat(fd).st_size - _TAIL_BYTES)
            texts.append(os.pread(fd, _TAIL_BYTES, at).decode("utf-8", "replace"))
        finally:
            os.close(fd)
    return "\n".join(texts)


def oom_kills() -> int:
    """How often the kernel killed for memory since boot; -1 where it does not tell."""
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        return -1
    for line in text.splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return -1
