"""A stop that somebody asked for in the store (`mlops stop`, the web page): the child is asked to end, then made to."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schemas.status import CREATED, IN_PROGRESS, QUEUED
from ..spool.folder import RunFolder
from . import processes, reopening
from .phases import Progress
from .verdict import STOPPED, Verdict

if TYPE_CHECKING:
    from ..client.api import Api

LOOK_S = 3.0
GRACE_S = 10.0
NOTE = "stop"

_ALIVE = (CREATED, QUEUED, IN_PROGRESS)
"""A reset or an enqueue of the record says nothing of the process: the API's own clients run on as well."""

AT_ONCE = "at once"
"""In the reason of a stop: no time to end by itself."""


class Stop:
    """One run's ear for it. `tick` is called about once a second while the child lives."""

    def __init__(self, folder: RunFolder, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self._look_at = time.monotonic() + LOOK_S
        self._kill_at = 0.0
        self._targets: dict[int, processes.Process] = {}

    def tick(self, api: Api) -> None:
        now = time.monotonic()
        noted = self._progress.get(NOTE)
        if noted is None and now >= self._look_at:
            self._look_at = now + LOOK_S
            query = {"id": [self._progress.task], "only_fields": list(reopening.FIELDS), "search_hidden": True}
            found = api.tasks.find(query, limit=1)
            reason = asked(found[0]) if found else ""
            if reason:
                noted = {"reason": reason, "message": str(found[0].get("status_message") or "")}
                self._progress.note(**{NOTE: noted})
        if noted is None:
            return
        if not self._kill_at:
            is_at_once = AT_ONCE in noted["reason"]
            self._kill_at = now if is_at_once else now + GRACE_S
            if not is_at_once:
                self._signal(signal.SIGTERM)
        if now >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _signal(self, signum: int) -> None:
        child = processes.from_json(self._folder.read_json("child.json"))
        if child is not None and child.is_alive():
            self._targets.update({one: processes.identify(one) for one in (child.pid, *_descendants(child.pid))})
        # What was below the child stays meant when the child is gone and it is an orphan.
        for process in self._targets.values():
            if process.pid != os.getpid() and process.is_alive():
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signum)
                    os.kill(process.pid, signal.SIGCONT)  # what is stopped would not hear it


def asked(task: Mapping[str, Any]) -> str:
    """The reason when this state of a task means that its run is to end, else nothing."""
    status, reason, message = (str(task.get(name) or "") for name in reopening.FIELDS)
    if status in _ALIVE:
        return (reason or "stopped by tasks.stop") if "stopping" in message else ""
    # A server that has heard nothing for long only guesses: no training dies of a bad network.
    return "" if reopening.was_guessed(dict(task)) else reason or message or f"{status} in the store"


def verdict(progress: Progress, seen: Verdict) -> Verdict:
    """What became of the run: stopped by whoever asked for it, where somebody did."""
    noted = progress.get(NOTE)
    if not isinstance(noted, dict) or seen.status == "completed":
        return seen
    return Verdict(STOPPED, str(noted.get("reason")), seen.message or seen.reason)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, rest = [], [pid]
    while rest:
        below = children.get(rest.pop(), [])
        found += below
        rest += below
    return found
