"""What this machine is: operating system, processors, memory, time zone. Read from the kernel's own files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Host(NamedTuple):
    """`cpu_count` is what this process may use; `memory_bytes` is the smaller of the machine's and the container's."""

    hostname: str
    os: str
    kernel: str
    machine: str
    cpu_model: str | None
    cpu_count: int
    memory_bytes: int | None
    time_zone: str
    boot_id: str | None


def describe() -> Host:
    """This machine, in under a millisecond."""
    system = os.uname()
    return Host(
        hostname=system.nodename,
        os=_distribution() or system.sysname,
        kernel=f"{system.sysname} {system.release}",
        machine=system.machine,
        cpu_model=_cpu_model(),
        cpu_count=_cpu_count(),
        memory_bytes=_memory(),
        time_zone=_time_zone(),
        boot_id=(_read("/proc/sys/kernel/random/boot_id") or "").strip() or None,
    )


def _distribution() -> str:
    for line in (_read("/etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return ""


def _cpu_model() -> str | None:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:  # the first processor's line, not the file of 256 processors
                if line.startswith(("model name", "Model\t", "cpu model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return None


def _cpu_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _memory() -> int | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
    for path in _CGROUP_LIMITS:
        limit = (_read(path) or "").strip()
        if limit.isdigit() and 0 < int(limit) < total:
            return int(limit)
    return total


def _time_zone() -> str:
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        try:
            link = str(Path("/etc/localtime").readlink())
            name = link.partition("zoneinfo/")[2]
        except OSError:
            name = (_read("/etc/timezone") or "").strip()
    return name or time.tzname[0]


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
