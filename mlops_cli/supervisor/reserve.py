"""Blocks for a console file that the child writes into: it must never meet a full disk in its own `print`.

The file system itself is the record of what was given up: what is punched out of the file reads as a hole, and whoever
reads the file (`data_at`) tells a hole from text.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path

MIN_WINDOW, FIRST_WINDOW, MAX_WINDOW = 1 << 16, 1 << 24, 1 << 26
"""Bytes that are kept allocated behind the file's end. The child may print so much between two looks of ours."""

KEEP_BYTES = 1 << 24
"""What is handed on and stored stays in the file up to this much, for whoever looks into the run's folder."""

_LAST_WORDS = 1 << 16
"""The end of what was printed stays even on a full disk: a traceback is the reason of a failure."""

_SHARE = 8
"""A window takes at most this part of what is free: the disk is not ours alone."""

# Any Linux file system that can allocate ahead takes these of XFS, too; Python has no `fallocate` that keeps the size.
_RESERVE, _PUNCH = 0x4030582A, 0x4030582B
_REQUEST = struct.Struct("=hhiqqiI16x")

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reserve:
    """The room of one console file, minded by the process that hands its output on.

    `stored` says how far the file is in the store. `is_tight`: the disk is full, and the child lives on what is given
    up. Where the file system cannot allocate ahead (`works` is False) nothing is done: a full disk is the child's.
    """

    __slots__ = ("_block", "_punched", "_size", "_until", "_window", "is_tight", "path", "stored", "works")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.stored: Callable[[], float] = _nothing
        self.is_tight = False
        self.works = True
        self._window = FIRST_WINDOW
        self._punched = 0
        info = Path(path).stat()
        self._block = max(4096, info.st_blksize)
        self._size = self._until = info.st_size

    def begin(self) -> None:
        """Before the child starts. Raises OSError when not even the smallest window can be had."""
        self._window = max(MIN_WINDOW, min(FIRST_WINDOW, _free(self.path) // _SHARE))
        if not self._extend(self._size, 0) and self.works:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def keep(self, size: int, taken: int) -> None:
        """Have room behind `size`, the file's end now; what lies before `taken` has been handed on."""
        if not self.works:
            return
        grown, self._size = size - self._size, size
        if grown > self._window // 4 and not self.is_tight:
            self._window = max(self._window, min(2 * grown, MAX_WINDOW, _free(self.path) // _SHARE))
        if size + self._window // 2 > self._until:
            self._extend(size, taken)
        if taken - self._punched > 2 * KEEP_BYTES:
            self._give_up(int(min(taken, self.stored())) - KEEP_BYTES)

    def _extend(self, size: int, taken: int) -> bool:
        fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._until, self.is_tight = max(self._until, size), False
            step = size + self._window - self._until
            while step >= self._block and self._until < size + self._window:
                try:
                    _ask(fd, _RESERVE, self._until, step)
                    self._until += step
                except OSError as exc:
                    if exc.errno not in _FULL:
                        self.works = False
                        break
                    if self.is_tight:
                        step //= 2
                    else:
                        # What the person has seen is worth less than the program: it goes, stored or not.
                        self.is_tight = True
                        self._give_up(taken - min(_LAST_WORDS, self._window // 4))
        finally:
            os.close(fd)
        return self._until >= size + MIN_WINDOW

    def _give_up(self, until: int) -> None:
        until -= until % self._block
        if until <= self._punched:
            return
        fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _ask(fd, _PUNCH, self._punched, until - self._punched)
            self._punched = until
        except OSError:
            self.works = False
        finally:
            os.close(fd)


def trim(path: str | os.PathLike[str]) -> None:
    """Give back what is allocated behind a file's end, once nobody can write into it any more."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        size = os.fstat(fd).st_size
        if has_writers(fd) is False:
            os.truncate(path, size)
    except OSError:  # the blocks go with the folder
        pass
    finally:
        os.close(fd)


def has_writers(fd: int) -> bool | None:
    """Whether some process has the file open for writing (a read lease is then refused); None: it cannot be told."""
    try:
        # The signal for whoever opens it in this moment: its default, unlike SIGIO's, is to be ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as exc:
        return True if exc.errno == errno.EAGAIN else None
    return False


def data_at(fd: int, at: int) -> int:
    """`at` where text stands there, else where the next text stands behind what was given up."""
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError as exc:
        # ENXIO: nothing but a hole follows, or `at` is the end.
        return max(at, os.fstat(fd).st_size) if exc.errno == errno.ENXIO else at


def _ask(fd: int, what: int, start: int, length: int) -> None:
    fcntl.ioctl(fd, what, _REQUEST.pack(0, 0, 0, start, length, 0, 0))


def _free(path: str) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _nothing() -> float:
    return 0
