"""Which process is meant: a pid alone is reused, so it travels with its start time and the boot it belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple


class Process(NamedTuple):
    """One process of one boot of one host. `start` is opaque: only equality counts."""

    pid: int
    start: int
    boot: str
    host: str

    def is_alive(self) -> bool:
        """Whether this very process still runs. False for another host: ask `is_here` first."""
        return self.is_here() and self.boot == boot_id() and self.start != 0 and start_time(self.pid) == self.start

    def is_here(self) -> bool:
        """Whether it belongs to this host, so that its death can be told."""
        return self.host == os.uname().nodename


def identify(pid: int) -> Process:
    """The identity of a process that exists now (`start` is 0 when it does not)."""
    return Process(pid, start_time(pid), boot_id(), os.uname().nodename)


def to_json(process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "start": process.start, "boot": process.boot, "host": process.host}


def from_json(data: dict[str, Any] | None) -> Process | None:
    """Read back what `to_json` wrote; None when a key is missing or is not what it should be."""
    if not data:
        return None
    try:
        return Process(int(data["pid"]), int(data["start"]), str(data["boot"]), str(data["host"]))
    except (KeyError, TypeError, ValueError):
        return None


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when it is gone or only a zombie is left of it."""
    try:
        data = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return 0 if Path("/proc/self/stat").exists() else _start_time_elsewhere(pid)
    except OSError:
        return 0
    # The name may hold blanks and brackets: the fields are counted from its last bracket.
    fields = data.rpartition(b")")[2].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def boot_id() -> str:
    """Changes with every boot of the machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_time_elsewhere(pid: int) -> int:
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.Error:
        return 0
