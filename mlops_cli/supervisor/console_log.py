"""The console files on their way to the store: whole lines, scrubbed, each byte once."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

from .. import secrets
from ..errors import MlopsError
from ..spool.folder import RunFolder
from .console import left_out
from .phases import Progress
from .reserve import data_at

_STEP_BYTES = 1 << 18
_STALE_S = 5.0
"""A last line without its end (a prompt, a progress bar) is sent after this long."""

MAX_BYTES = 1 << 28
"""What a run may print into the store; of more, the beginning and the end are kept."""

_END_BYTES = 1 << 20

_LOOK_BACK_BYTES = 1 << 14

LEVELS = {"out": "info", "err": "error"}


class ConsoleLog:
    """How far each console file is sent lies in the run's progress; the store refuses what it has already."""

    def __init__(
        self,
        folder: RunFolder,
        send: Callable[[dict[str, Any]], dict[str, Any]],
        progress: Progress,
        *,
        scrub: bool,
        known: Any,
    ) -> None:
        self._folder = folder
        self._send = send
        self._progress = progress
        self._scrub = scrub
        self._known = known
        self._sent: dict[str, int] = dict(progress.get("console") or {})
        self._scrubbers: dict[str, secrets.ConsoleScrubber] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        self._lost: dict[str, int] = {}

    @property
    def lost(self) -> dict[str, int]:
        """Bytes of each file that a full disk has cost, as far as this process sent it."""
        return dict(self._lost)

    @property
    def findings(self) -> list[secrets.Finding]:
        """The secrets that were hidden from what was printed."""
        return [finding for scrubber in self._scrubbers.values() for finding in scrubber.findings]

    def stored(self, name: str) -> float:
        """How far a file is sent; beyond what a run may print, only its end will be."""
        sent = self._sent.get(name, 0)
        return math.inf if sent >= MAX_BYTES else sent

    def drain(self, *, is_last: bool, deadline: float | None) -> bool:
        """Send what is new; whether everything that was there is sent."""
        before = dict(self._sent)
        try:
            left = [name for name in LEVELS if not self._drain(name, is_last, deadline)]
            return not left
        finally:
            if self._sent != before:
                self._progress.note(console=dict(self._sent))

    def _drain(self, name: str, is_last: bool, deadline: float | None) -> bool:
        try:
            fd = os.open(self._folder.console / name, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            size = os.fstat(fd).st_size
            while (at := self._sent.get(name, 0)) < size:
                if deadline is not None and time.monotonic() > deadline:
                    return False
                data, until = self._piece(name, fd, at, size, is_last)
                if not data:
                    break  # a line that is still being written, or what only the end will tell
                self._sent[name] = self._put(name, fd, at, until, data)
            return True
        finally:
            os.close(fd)

    def _piece(self, name: str, fd: int, at: int, size: int, is_last: bool) -> tuple[bytes, int]:
        """The next bytes to send, and the offset behind them; nothing when it is better to wait."""
        if at >= MAX_BYTES:
            if not is_last:
                return b"", at
            if size - at > _END_BYTES:
                end = max(size - _END_BYTES, data_at(fd, size - _END_BYTES))
                return left_out(end - at) + os.pread(fd, size - end, end), size
        data = os.pread(fd, _STEP_BYTES, at)
        if (text_at := min(size, data_at(fd, at))) > at:  # the disk was full: this was given up, unsent
            self._lost[name] = self._lost.get(name, 0) + text_at - at
            return left_out(text_at - at), text_at
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end and (is_last or len(data) == _STEP_BYTES or self._is_stale(name, size)):
            end = len(data)
        return data[:end], at + end

    def _is_stale(self, name: str, size: int) -> bool:
        now = time.monotonic()
        if self._seen.get(name, (-1, now))[0] != size:
            self._seen[name] = (size, now)
        return now - self._seen[name][1] > _STALE_S

    def _put(self, name: str, fd: int, at: int, until: int, data: bytes) -> int:
        """Send one piece; returns how far the store has the file then."""
        raw = self._clean(name, fd, at, data)
        sent_at = int(min(time.time(), os.fstat(fd).st_mtime) * 1000)
        entry = {"timestamp": sent_at, "level": LEVELS[name], "raw": raw}
        body = {"stream": f"console/{name}", "offset": at, "next": until}
        try:
            answer = self._send({**body, "scalars": [], "events": [], "console": [entry]})
        except MlopsError as exc:
            # The piece comes again: the scrubber must not remember that it saw it.
            self._scrubbers.pop(name, None)
            expected = exc.data.get("expected")
            if isinstance(expected, int) and expected != at:
                return expected  # our note of what was sent is not the store's: go on where it says
            raise
        return int(answer.get("next", until))

    def _clean(self, name: str, fd: int, at: int, data: bytes) -> bytes:
        if not self._scrub:
            return data
        scrubber = self._scrubbers.get(name)
        if scrubber is None:
            scrubber = self._scrubbers[name] = secrets.ConsoleScrubber(known=self._known)
            # What stands right before tells whether we are inside a key of several lines.
            before = max(0, at - _LOOK_BACK_BYTES)
            scrubber.feed(os.pread(fd, at - before, before))
            scrubber.flush()
        clean = scrubber.feed(data)
        # A piece that ends within a line is final all the same: what is held back would be lost with us.
        return bytes(clean if data.endswith((b"\n", b"\r")) else clean + scrubber.flush())
