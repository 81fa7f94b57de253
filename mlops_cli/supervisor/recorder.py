"""The thread beside a living child: once a second it brings the run's record up to date, and at the end it closes it.

Whatever the store does (away, full, locked, slow), the child never notices: what could not be sent stays in the run
folder for the next second, or for `mlops sync`.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..errors import InvalidInput, MlopsError
from . import phases, report
from .recording import Recording, is_task_gone
from .verdict import Verdict

PERIOD_S = 1.0
MAX_PERIOD_S = 10.0
"""While the store is in trouble the wait doubles up to this."""


class Recorder(threading.Thread):
    """`finish` ends it. `trouble` says why something is not sent, `notices` what the person should hear."""

    def __init__(self, recording: Recording, prepare: Callable[[], None] | None = None) -> None:
        super().__init__(name="mlops-recorder", daemon=True)
        self.recording = recording
        self.trouble = ""
        self.notices: list[str] = []
        self.is_sent = False
        self.metrics: list[dict[str, Any]] = []
        self._prepare = prepare
        self._wake = threading.Event()
        self._is_hopeless = False
        self._verdict: Verdict | None = None
        self._drain_s = 0.0
        self._period_s = PERIOD_S
        self._told: set[str] = set()

    def finish(self, verdict: Verdict, drain_s: float) -> bool:
        """End the record with this verdict; whether all was sent within the bound."""
        self._drain_s = drain_s
        self._verdict = verdict
        self._wake.set()
        # A little more than the bound: the thread minds it by itself, except within one slow call.
        self.join(drain_s + 5.0)
        return self.is_sent

    def close_now(self, verdict: Verdict, drain_s: float) -> None:
        """The end without the thread, for a run whose process is gone."""
        self._drain_s = drain_s
        try:
            self._turn()
            self._close(verdict)
        finally:
            self.recording.close()

    def run(self) -> None:
        try:
            while self._verdict is None:
                self._turn()
                self._wake.wait(self._period_s)
            self._close(self._verdict)
        finally:
            self.recording.close()

    def _turn(self, *, is_last: bool = False, deadline: float | None = None) -> bool:
        """Everything that can be done now; whether nothing is left to send."""
        recording = self.recording
        self.trouble, self._is_hopeless = "", False
        is_open = self._attempt(recording.open)
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            self._attempt(prepare)
        is_described = is_open and self._attempt(recording.describe)
        self._attempt(lambda: recording.follow(is_last=is_last))
        if is_described and not is_last and recording.progress.phase == phases.SNAPSHOT:
            recording.progress.reach(phases.RUNNING)
        is_drained = False
        if is_open:

            def drain() -> None:
                nonlocal is_drained
                is_drained = recording.drain(is_last=is_last, deadline=deadline)

            self._attempt(drain)
        self._period_s = min(self._period_s * 2, MAX_PERIOD_S) if self.trouble else PERIOD_S
        return is_open and is_described and is_drained and not self.trouble

    def _close(self, verdict: Verdict) -> None:
        """Drain, files, terminal status: in this order, again and again until the bound."""
        deadline = time.monotonic() + self._drain_s
        self._attempt(lambda: self.recording.progress.reach(phases.ENDING))
        pause = 0.05
        while True:
            if self._turn(is_last=True, deadline=deadline) and self._attempt(self._end, verdict):
                self.is_sent = True
                return
            if self.recording.is_gone:
                self.is_sent = True
                return
            # A request that is wrong does not become right by waiting.
            if self._is_hopeless or time.monotonic() + pause > deadline:
                return
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _end(self, verdict: Verdict) -> None:
        self.recording.hand_over()
        self.metrics = report.last_metrics(self.recording)
        self.recording.end(verdict)

    def _attempt(self, step: Callable[..., object], *args: object) -> bool:
        """Run one step; what goes wrong is kept as trouble, told once, and tried again later."""
        if self.recording.is_gone:
            return False
        try:
            step(*args)
        except MlopsError as exc:
            if is_task_gone(exc):
                self.recording.abandon()
                self._notice("the experiment was removed while it ran: nothing more is recorded")
                return False
            self.trouble = exc.message
            self._is_hopeless = isinstance(exc, InvalidInput)
        except OSError as exc:
            self.trouble = f"{exc.strerror or exc} ({exc.filename})" if exc.filename else str(exc)
        except Exception as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"
            self._notice("".join(traceback.format_exception(exc)).rstrip())
        else:
            return True
        return False

    def _notice(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.notices.append(text)
