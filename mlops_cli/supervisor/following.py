"""Feeds the followers (TensorBoard files, printed metrics), and goes on where a dead supervisor's stopped."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from ..follow.follower import Follower
from ..follow.printed import PrintedMetrics
from ..hook.records import Writer
from ..spool.folder import RunFolder
from ..spool.precedence import PRINTED
from .collect import Collected
from .reserve import data_at
from .spec import RunSpec

_STEP_BYTES = 1 << 20


class Following:
    """One run's followers. The spool must have been drained before, so that all marks are known."""

    def __init__(self, folder: RunFolder, spec: RunSpec, writer: Writer, collected: Collected) -> None:
        # Points and how far the console was read lie in one stream, apart from what is logged: they yield to it.
        self._printer = Writer(folder.path, stream=PRINTED)
        self._collected = collected
        self._console = [str(folder.console / name) for name in ("out", "err")]
        printed = PrintedMetrics(spec.patterns) if spec.printed or spec.patterns else None
        marks = {name: at for name, at in collected.marks.items() if name not in self._console}
        # A pattern without a step counts its matches: only from the beginning are they the same again.
        self._read = {name: 0 if spec.patterns else collected.marks.get(name, 0) for name in self._console}
        self._follower = Follower(
            writer,
            printer=self._printer,
            folders=[Path(spec.cwd)],
            files=folder.files,
            since=spec.started_at,
            marks=marks,
            printed=printed,
        )
        self._prints = printed is not None
        self._is_asked_to = bool(spec.patterns)

    def tick(self, *, is_last: bool = False) -> None:
        for name in list(self._collected.event_files):
            self._follower.add(Path(name))
        self._follower.tick(time.time(), is_last=is_last)
        # Such a writer flushes every other minute: until then nobody could tell that a printed number is its copy.
        if self._follower.is_following and not self._is_asked_to:
            self._prints = False
        if self._prints:
            for name in self._console:
                self._feed(name, is_last=is_last)

    def read(self, console: str) -> float:
        """How far a console file was read; all of it where nobody wants to."""
        return next(at for name, at in self._read.items() if Path(name).name == console) if self._prints else math.inf

    def _feed(self, name: str, *, is_last: bool) -> None:
        """Whole lines only, so that what is noted as read never ends within one."""
        try:
            fd = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return
        before = self._read[name]
        try:
            while data := self._text(fd, name):
                end = data.rfind(b"\n") + 1
                if not end and (is_last or len(data) == _STEP_BYTES):
                    end = len(data)
                if not end:
                    break
                self._follower.printed(data[:end].decode("utf-8", "replace"), is_last=is_last)
                self._read[name] += end
        finally:
            os.close(fd)
        if self._read[name] != before:
            self._printer.note({"k": "mark", "file": name, "at": self._read[name]})

    def _text(self, fd: int, name: str) -> bytes:
        """What comes next, behind what a full disk has cost: it may go while we read."""
        while True:
            at = self._read[name] = data_at(fd, self._read[name])
            data = os.pread(fd, _STEP_BYTES, at)
            if not data or data_at(fd, at) == at:
                return data
