"""The thread beside a living child: once a second it brings the run's record up to date, and at the end it closes it.

Whatever the store does (away, full, locked, slow), the child never notices: what could not be sent stays in the run
folder for the next second, or for `mlops sync`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..client.answers import Away
from ..errors import Denied, InvalidInput, MlopsError, NotFound
from . import phases, report
from .verdict import Verdict

if TYPE_CHECKING:
    from .recording import Recording

PERIOD_S = 1.0
TELL_S = 2.0
"""A person who waits for the store longer than this hears why."""
AWAY_S = 3.0
"""So long the end of a run waits for a server that is not there at all, or does not know us."""
MAX_PERIOD_S = 10.0
"""While the store is in trouble the wait doubles up to this."""


class Recorder(threading.Thread):
    """`finish` ends it. `trouble` says why something is not sent, `notices` what the person should hear.

    `make` is called in the thread: what a record needs takes longer to import than the child's start may wait.
    """

    def __init__(self, make: Callable[[], Recording], prepare: Callable[[], None] | None = None) -> None:
        super().__init__(name="mlops-recorder", daemon=True)
        self.trouble = ""
        self.notices: list[str] = []
        self.is_sent = False
        self.metrics: list[dict[str, Any]] = []
        self._make = make
        self._recording: Recording | None = None
        self._prepare = prepare
        self._wake = threading.Event()
        self._is_hopeless = False
        self._is_away = False
        self._verdict: Verdict | None = None
        self._drain_s = 0.0
        self._period_s = PERIOD_S
        self._told: set[str] = set()
        self._why = ""

    def finish(self, verdict: Verdict, drain_s: float, *, say: Callable[[str], None] | None = None) -> bool:
        """End the record with this verdict; whether all was sent within the bound. `say` tells of a longer wait."""
        self._drain_s = drain_s
        self._verdict = verdict
        self._wake.set()
        self.join(TELL_S)
        if not self._why:  # much to send, or a first call that waits for a lock
            self.join(MAX_PERIOD_S)
        if self.is_alive() and say is not None:
            why = f" ({self._why})" if self._why else ""
            say(f"mlops: the store has not yet taken the whole record{why}; ^C leaves the rest to `mlops sync`")
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
            self._let_go()

    def run(self) -> None:
        try:
            while self._verdict is None:
                self._turn()
                self._wake.wait(self._period_s)
            self._close(self._verdict)
        finally:
            self._let_go()

    @property
    def task(self) -> str:
        """The id of the task, empty when none could be made."""
        return self._recording.task if self._recording is not None else ""

    def stored(self, console: str) -> float:
        """How far a console file (`out`, `err`) is stored, so that it may go on a disk that lacks room."""
        return self._recording.stored(console) if self._recording is not None else 0

    def _begin(self) -> None:
        self._recording = self._make()

    def _let_go(self) -> None:
        if self._recording is not None:
            self._recording.close()

    def _turn(self, *, is_last: bool = False, deadline: float | None = None) -> bool:
        """Everything that can be done now; whether nothing is left to send."""
        self.trouble, self._is_hopeless, self._is_away = "", False, False
        if self._recording is None and not self._attempt(self._begin):
            return False
        recording = self._recording
        assert recording is not None
        if is_last:
            recording.progress.reach(phases.ENDING)
        is_open = self._attempt(recording.open) and (not is_last or self._attempt(recording.reopen))
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            self._attempt(prepare)
        is_described = is_open and self._attempt(recording.describe)
        # What the run noted says what there is to follow, and how far a dead supervisor had read.
        is_drained = is_open and self._drain(recording, is_last=False, deadline=deadline)
        self._attempt(lambda: recording.follow(is_last=is_last))
        if is_described and not is_last and recording.progress.phase == phases.SNAPSHOT:
            recording.progress.reach(phases.RUNNING)
        if is_open and is_last:
            is_drained = self._drain(recording, is_last=True, deadline=deadline)
        elif is_open:
            self._attempt(recording.mind_stop)
        self._period_s = min(self._period_s * 2, MAX_PERIOD_S) if self.trouble else PERIOD_S
        return is_open and is_described and is_drained and not self.trouble

    def _drain(self, recording: Recording, *, is_last: bool, deadline: float | None) -> bool:
        """Send what there is; whether all of it went."""
        is_whole: list[bool] = []
        self._attempt(lambda: is_whole.append(recording.drain(is_last=is_last, deadline=deadline)))
        return is_whole == [True]

    def _close(self, verdict: Verdict) -> None:
        """Drain, files, terminal status: in this order, again and again until the bound."""
        deadline = time.monotonic() + self._drain_s
        pause = 0.05
        away_since: float | None = None
        while True:
            is_drained = self._turn(is_last=True, deadline=deadline)
            if (is_drained and self._attempt(self._end, verdict)) or self._is_gone:
                self.is_sent = True
                return
            # A request that is wrong does not become right by waiting.
            if self._is_hopeless or time.monotonic() + pause > deadline:
                return
            # Nobody is there: `sync` sends it, and whoever started the run need not wait for that.
            away_since = (away_since or time.monotonic()) if self._is_away else None
            if away_since is not None and time.monotonic() - away_since > AWAY_S:
                return
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _end(self, verdict: Verdict) -> None:
        recording = self._recording
        assert recording is not None
        recording.hand_over()
        for warning in recording.warnings:
            self._notice(warning)
        self.metrics = report.last_metrics(recording)
        recording.end(verdict)

    @property
    def _is_gone(self) -> bool:
        return self._recording is not None and self._recording.is_gone

    def _attempt(self, step: Callable[..., object], *args: object) -> bool:
        """Run one step; what goes wrong is kept as trouble, told once, and tried again later."""
        if self._is_gone:
            return False
        try:
            step(*args)
        except MlopsError as exc:
            self._is_away |= isinstance(exc, (Away, Denied))
            if self._recording is not None and _is_task_gone(exc):
                self._recording.abandon()
                self._notice("the experiment was removed while it ran: nothing more is recorded")
                return False
            self.trouble = exc.message
            self._is_hopeless = isinstance(exc, InvalidInput)
        except OSError as exc:
            self.trouble = f"{exc.strerror or exc} ({exc.filename})" if exc.filename else str(exc)
        except Exception as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"
            import traceback  # noqa: PLC0415 - only for what nobody foresaw

            self._notice("".join(traceback.format_exception(exc)).rstrip())
        else:
            return True
        self._why = self.trouble
        return False

    def _notice(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.notices.append(text)


def _is_task_gone(error: MlopsError) -> bool:
    """Whether the store says that the task does not exist: a person removed it while it ran."""
    return isinstance(error, NotFound) and error.subcode in (100, 101)
