"""Leaves `interpreter.json` in the run folder: which interpreter ran first, and where it looks for packages."""

from __future__ import annotations

import os
import sys

_NAME = "interpreter.json"


def leave(run_dir: str, off: frozenset[str]) -> None:
    """Write it unless an earlier interpreter of the run did."""
    try:
        handle = os.open(os.path.join(run_dir, _NAME), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        # One write, so that a reader finds nothing or all of it.
        os.write(handle, _json(_facts(off)).encode("ascii"))
    finally:
        os.close(handle)


def is_inside_first(run_dir: str) -> bool:
    """Whether the run's first interpreter started this process, directly or not: a helper, a rank, a worker."""
    try:
        with open(os.path.join(run_dir, _NAME), encoding="ascii") as file:
            first = int(file.read().rpartition('"pid": ')[2].partition(",")[0])
        pid = os.getppid()
        while pid > 1 and pid != first:
            pid = _parent(pid)
    except (OSError, ValueError):
        return False
    return pid == first


def _parent(pid: int) -> int:
    with open("/proc/%d/stat" % pid, "rb") as file:
        # Behind the name, which may hold anything: the state, then the parent.
        return int(file.read().rpartition(b")")[2].split()[1])


def _facts(off: frozenset[str]) -> dict[str, object]:
    return {
        "executable": sys.executable or "",
        "implementation": sys.implementation.name,
        "version": ".".join(str(part) for part in sys.version_info[:3]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "path": list(sys.path),
        "argv": list(getattr(sys, "argv", [])),
        "pid": os.getpid(),
        "off": sorted(off),
    }


def _json(value: object) -> str:
    """What json.dumps would say, for text, numbers, lists and dicts: importing json costs more than all of this."""
    if isinstance(value, dict):
        return "{" + ", ".join(_json(key) + ": " + _json(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(_escape(char) for char in str(value)) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 32 <= code < 127:
        return char
    if 0xD800 <= code <= 0xDFFF:
        # A byte of a path that is no UTF-8: spelled out, since strict readers refuse a lone surrogate.
        return "\\\\u%04x" % code
    if code > 0xFFFF:
        code -= 0x10000
        return "\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
    return "\\u%04x" % code
