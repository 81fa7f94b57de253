"""The one way from a tap to the spool, and the guard around every tap: no error of ours reaches the person's program."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

# The module `typing` costs some milliseconds, so nothing that runs at the start imports it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .records import Writer

is_main = False
"""Whether this is the first interpreter of the run, whose parameters are the run's own."""

_run_dir = ""
_writer: Writer | None = None
_has_warned = False
_waiting: list[dict[str, Any]] = []
_turn = allocate_lock()


def begin(run_dir: str, *, is_first: bool) -> None:
    global _run_dir, is_main
    _run_dir, is_main = run_dir, is_first
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def note(record: dict[str, Any]) -> None:
    """Append one record to this process's stream; a failure is told once and otherwise swallowed.

    Nobody waits: a thread (or signal handler) that finds another one writing leaves its record to that one.
    """
    _waiting.append(record)
    # Asked again after each turn: a record may have come between the last look and the release.
    while _waiting and _turn.acquire(False):
        try:
            _write()
        except Exception as error:
            warn(error)
        finally:
            _turn.release()


def warn(error: BaseException) -> None:
    """One line on stderr, once a process."""
    global _has_warned
    if _has_warned or sys.stderr is None:
        return
    _has_warned = True
    try:
        os.write(2, ("mlops: the hook could not note something: %s: %s\n" % (type(error).__name__, error)).encode())
    except OSError:
        pass


def _write() -> None:
    global _writer
    while _waiting:
        record = _waiting.pop(0)
        if _writer is None:
            _writer = _open()
        _writer.note(record)


def _open() -> Writer:
    """A writer with one stream for the whole process: threads that open one file each would leave a stream each."""
    from . import records

    class OneStream(records.Writer):
        def _stream(self) -> Any:
            if 0 not in self._streams:
                self._streams[0] = records._Stream(os.path.join(self.folder, "spool"), "%d-hook" % os.getpid())
            return self._streams[0]

    return OneStream(_run_dir)


def _after_fork() -> None:
    """In the child: another thread's turn, and what it would have written, stayed with the parent."""
    global _turn
    _turn = allocate_lock()
    _waiting.clear()
