"""A supervisor beside a process that it did not start: of the sdk, or of a run whose own supervisor died."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..code import status as git
from ..spool.folder import RunFolder
from . import evidence, phases, processes, spec
from .console_log import LEVELS
from .recorder import Recorder
from .recording import Recording
from .reserve import Reserve
from .snapshots import take
from .verdict import Verdict, judge

if TYPE_CHECKING:
    from ..client.api import Api

_PERIOD_S = 0.1
"""The sdk's `finish` waits for us: it should not take longer than a third of a second."""
_LAST_WORDS_S = 2.0
"""How long the waiter may take to leave `exit.json` after the child is gone."""

_SDK_PATIENCE_S = 10.0


def stand_by(folder: RunFolder, connect: Callable[[], Api]) -> bool:
    """Take the run's lock, record it until its process is gone, and end it; False when another one holds it.

    Survives the terminal's end: it is nobody's child, and ignores what a terminal sends.
    """
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    lock = folder.lock()
    if lock is None:
        return False
    with lock:
        if not folder.is_live:
            return True
        asked = spec.from_json(folder.read_json("spec.json"))
        is_fresh = folder.read_json(phases.FILE) is None
        recorder = Recorder(
            lambda: Recording(folder, asked, connect, is_fresh=is_fresh), prepare=late_snapshot(folder, asked)
        )
        recorder.start()
        _watch(folder, _reserves(folder, asked, recorder))
        verdict = deserved(folder, asked)
        recorder.finish(verdict, asked.drain_s)
    return True


def late_snapshot(folder: RunFolder, asked: spec.RunSpec) -> Callable[[], None] | None:
    """What takes the snapshot when the run has none yet; None when it has."""
    if folder.read_json("snapshot.json") is not None or not Path(asked.cwd).is_dir():
        return None

    def prepare() -> None:
        status = git.start(Path(asked.cwd)).wait()
        take(folder, asked, status, environ=os.environ, patience_s=0 if asked.kind == spec.RUN else None)

    return prepare


def deserved(folder: RunFolder, asked: spec.RunSpec) -> Verdict:
    """The verdict that was already given, else the one that the folder's remains call for."""
    given = folder.read_json("end.json")
    if given and given.get("status"):
        return Verdict(str(given["status"]), str(given.get("reason") or ""), str(given.get("message") or ""))
    return judge(evidence.of_remains(folder, asked))


def _reserves(folder: RunFolder, asked: spec.RunSpec, recorder: Recorder) -> list[Reserve]:
    """For what the child of a dead supervisor prints; the sdk's process minds a full disk by itself."""
    found = []
    for name in LEVELS if asked.kind == spec.RUN else ():
        with contextlib.suppress(FileNotFoundError):
            reserve = Reserve(folder.console / name)
            reserve.stored = partial(recorder.stored, name)
            found.append(reserve)
    return found


def _watch(folder: RunFolder, reserves: list[Reserve]) -> None:
    """Return when the process is gone, or says that it is done (`exit.json`)."""
    child = _child(folder)
    handle = _open_handle(child)
    try:
        while folder.read_json("exit.json") is None and child is not None and child.is_alive():
            for reserve in reserves:
                size = Path(reserve.path).stat().st_size
                reserve.keep(size, size)  # nobody is left to whom we could hand it on
            _pause(handle)
    finally:
        if handle >= 0:
            os.close(handle)
    until = time.monotonic() + _LAST_WORDS_S
    waiter = processes.from_json((folder.read_json("child.json") or {}).get("waiter"))
    while (
        folder.read_json("exit.json") is None and time.monotonic() < until and waiter is not None and waiter.is_alive()
    ):
        time.sleep(0.02)


def _child(folder: RunFolder) -> processes.Process | None:
    """The process of the run; the sdk notes it about when it starts us."""
    until = time.monotonic() + _SDK_PATIENCE_S
    while True:
        found = processes.from_json(folder.read_json("child.json"))
        if found is not None or time.monotonic() > until or folder.read_json("exit.json") is not None:
            return found
        time.sleep(0.02)


def _open_handle(child: processes.Process | None) -> int:
    """A descriptor that becomes readable when the process ends, where the kernel has such; else -1."""
    try:
        return os.pidfd_open(child.pid) if child is not None and child.is_alive() else -1
    except (OSError, AttributeError):
        return -1


def _pause(handle: int) -> None:
    """Until the process ends, or for a moment: the sdk's process may live on after `finish`."""
    if handle < 0:
        time.sleep(_PERIOD_S / 5)
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll(int(_PERIOD_S * 1000))
