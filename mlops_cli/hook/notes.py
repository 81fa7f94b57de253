"""The one way from a tap to the spool; no error of ours reaches the person's program."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

# The module `typing` costs some milliseconds, so nothing that runs at the start imports it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from .records import Writer

_run_dir = ""
_writer: Writer | None = None
_has_warned = False
_waiting: list[dict[str, Any]] = []
_turn = allocate_lock()
_has_turn = False


def begin(run_dir: str) -> None:
    global _run_dir
    _run_dir = run_dir
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def is_inside_first() -> bool:
    """Whether an earlier interpreter of the run started this one: then its parameters yield to that one's."""
    from . import interpreter

    return interpreter.is_inside_first(_run_dir)


def is_begun() -> bool:
    return bool(_run_dir)


def move(run_dir: str) -> None:
    """Further records go to another run: a notebook begins several, one after the other."""
    global _run_dir, _writer
    _run_dir, _writer = run_dir, None


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
        def note(self, note: Mapping[str, Any]) -> None:
            super().note(note)
            # Given back, for whichever thread comes next.
            self._spare += self._streams.values()
            self._streams.clear()

    return OneStream(_run_dir, "%d-hook" % os.getpid())


def _before_fork() -> None:
    """Let whoever is writing finish: a child forked in the midst of its import would wait for that import for ever."""
    global _has_turn
    # Bounded, since a signal handler may fork while it interrupts the very thread that writes.
    _has_turn = _turn.acquire(True, 1.0)


def _after_fork() -> None:
    if _has_turn:
        _turn.release()


def _in_child() -> None:
    """What other threads would have written stayed with the parent. A child of an unfinished turn notes nothing."""
    global _turn, _writer
    _waiting.clear()
    _writer = None
    if _has_turn:
        _turn = allocate_lock()
