"""Leaves `interpreter.json` in the run folder: which interpreter ran first, and where it looks for packages."""

from __future__ import annotations

import os
import sys


def leave(run_dir: str, off: frozenset[str]) -> bool:
    """Write it unless an earlier interpreter of the run did; True for the first one."""
    try:
        handle = os.open(os.path.join(run_dir, "interpreter.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        # One write, so that a reader finds nothing or all of it.
        os.write(handle, _json(_facts(off)).encode("ascii"))
    finally:
        os.close(handle)
    return True


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
