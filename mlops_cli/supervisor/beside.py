"""Starts a supervisor beside a process. It is imported by training processes, so it imports next to nothing."""

from __future__ import annotations

import os
import sys


def start_beside(what: str, folder: str) -> int:
    """Start `python -m mlops_cli.supervisor adopt|attach FOLDER` in a session of its own; its pid.

    It is not our parent and we are not its: neither's death touches the other. `-P`: a `secrets.py` or `queue.py` in
    the person's folder is not the standard library's.
    """
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "mlops_cli.supervisor", what, folder],
        {key: value for key, value in os.environ.items() if key not in ("PYTHONSTARTUP", "PYTHONINSPECT")},
        file_actions=[null, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)],
        setsid=True,
    )


def own_identity() -> dict[str, object]:
    """This process as `processes.to_json` tells it."""
    with open("/proc/self/stat", "rb") as file:
        start = int(file.read().rpartition(b")")[2].split()[19])
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return {"pid": os.getpid(), "start": start, "boot": boot, "host": os.uname().nodename}
