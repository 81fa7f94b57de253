"""The child's output on its way to the person: from the console file or a pty to our own stdout and stderr.

What is shown is what was written, byte by byte; scrubbing happens on the way to the store (`shipping`), not here.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

from .reserve import Reserve, has_writers, trim

_CHUNK = 1 << 18
_PIPE_BUF = 4096
"""A pipe that can be written to takes this much without blocking."""


class Outlet:
    """One of our own descriptors. Its reader may be slow, or go away: neither may hold up or hurt the supervisor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed_by = 0
        mode = os.fstat(fd).st_mode
        self._limit = _CHUNK if stat.S_ISREG(mode) else _PIPE_BUF

    @property
    def is_broken_pipe(self) -> bool:
        return self.closed_by == errno.EPIPE

    def write(self, data: memoryview) -> int:
        """Write a piece and say how much was taken; 0 when the reader is busy. Once closed, everything is swallowed."""
        if self.closed_by:
            return len(data)
        if self._limit == _PIPE_BUF:
            poll = select.poll()
            poll.register(self.fd, select.POLLOUT)
            if not poll.poll(0):
                return 0
        try:
            return os.write(self.fd, data[: self._limit])
        except BlockingIOError:
            return 0
        except OSError as exc:
            self.closed_by = exc.errno or errno.EIO
            return len(data)


class Tail:
    """Follows an append-only console file, hands on what comes, and sees to the room that its writers need."""

    def __init__(self, path: Path, outlet: Outlet, at: int = 0) -> None:
        self.path = path
        self.outlet = outlet
        self.at = at
        self.fd = os.open(path, os.O_RDONLY)
        self.reserve = Reserve(path)
        self._pending = memoryview(b"")

    def pump(self) -> bool:
        """Hand on what there is, within a bound; whether anything moved."""
        moved = self._skip() if self.outlet.closed_by else self._hand_on()
        self.reserve.keep(os.fstat(self.fd).st_size, self.at)
        return moved

    def _hand_on(self) -> bool:
        moved = 0
        while moved < 4 * _CHUNK:
            if not self._pending:
                data = os.pread(self.fd, _CHUNK, self.at)
                if not data:
                    break
                self.at += len(data)
                self._pending = memoryview(data)
            taken = self.outlet.write(self._pending)
            if not taken:
                break
            moved += taken
            self._pending = self._pending[taken:]
        return moved > 0

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that the reader has not taken yet."""
        return bool(self._pending)

    @property
    def is_drained(self) -> bool:
        return not self._pending and self.at >= os.fstat(self.fd).st_size

    def has_writers(self) -> bool:
        """Whether some process can still write into the file."""
        return bool(has_writers(self.fd))

    def writers(self) -> list[int]:
        """The processes whose stdout or stderr this file is, ourselves excepted."""
        found = []
        wanted = str(self.path.resolve())
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) != os.getpid() and _writes_to(process, wanted):
                found.append(int(process.name))
        return found

    def close(self) -> None:
        os.close(self.fd)
        trim(self.path)

    def _skip(self) -> bool:
        self._pending = memoryview(b"")
        size = os.fstat(self.fd).st_size
        moved, self.at = size > self.at, size
        return moved


class PtyOutput:
    """Reads a pty's master, keeps what comes in the console file, and hands it on."""

    def __init__(self, master: int, kept: int, outlet: Outlet) -> None:
        self.master = master
        self.outlet = outlet
        self._lost_bytes = 0
        self.is_over = False
        self._kept = kept
        self._pending = memoryview(b"")

    @property
    def is_waiting(self) -> bool:
        return bool(self._pending)

    def pump(self) -> bool:
        """As `Tail.pump`. A slow reader holds up the child, as it would without us."""
        moved = 0
        while moved < 4 * _CHUNK:
            if not self._pending and not self._read():
                break
            taken = self.outlet.write(self._pending)
            if not taken:
                break
            moved += taken
            self._pending = self._pending[taken:]
        return moved > 0

    def close(self) -> None:
        os.close(self.master)
        os.close(self._kept)

    def _read(self) -> bool:
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return False
        except OSError:  # EIO: no process has the other end any more
            data = b""
        if not data:
            self.is_over = True
            return False
        self._keep(data)
        self._pending = memoryview(data)
        return True

    def _keep(self, data: bytes) -> None:
        """Into the console file; on a full disk the person still sees everything, and the file tells of the gap."""
        try:
            if self._lost_bytes:
                os.write(self._kept, left_out(self._lost_bytes))
                self._lost_bytes = 0
            self._lost_bytes = len(data) - os.write(self._kept, data)
        except OSError:
            self._lost_bytes += len(data)


def left_out(count: int) -> bytes:
    """The line that stands in a console for what is not there."""
    return f"\n[mlops: {count} bytes of output are left out here]\n".encode()


def _writes_to(process: Path, path: str) -> bool:
    for fd in ("1", "2"):
        try:
            if str((process / "fd" / fd).readlink()) == path:
                return True
        except OSError:
            continue
    return False
