"""How far a run has come, noted in `recording.json` beside its task, so that whoever takes over goes on from there."""

from __future__ import annotations

import contextlib
from typing import Any

from ..spool.folder import RunFolder

MADE, STATUS, STARTED, CREATED = "made", "status", "started", "created"
SNAPSHOT, RUNNING, ENDING, FILES, TERMINAL = "snapshot", "running", "ending", "files", "terminal"

PHASES = (MADE, STATUS, STARTED, CREATED, SNAPSHOT, RUNNING, ENDING, FILES, TERMINAL)

FILE = "recording.json"


class Progress:
    """The run's progress on disk. One process at a time writes it: the holder of the run's lock."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._data: dict[str, Any] = folder.read_json(FILE) or {}

    @property
    def phase(self) -> str:
        return str(self._data.get("phase", MADE))

    @property
    def task(self) -> str:
        """The id of the run's task, empty until it was created."""
        return str(self._data.get("task", ""))

    def get(self, key: str, default: Any = None) -> Any:
        return self._data.get(key, default)

    def reach(self, phase: str, **facts: Any) -> None:
        """Note a phase, and facts with it, in one step. A phase once reached is not left for an earlier one."""
        self._data.update(facts)
        if PHASES.index(phase) >= PHASES.index(self.phase):
            self._data["phase"] = phase
        self._save()

    def note(self, **facts: Any) -> None:
        self._data.update(facts)
        self._save()

    def _save(self) -> None:
        # On a full disk it holds in memory; whoever takes over later looks the task up by its run, and repeats steps.
        with contextlib.suppress(OSError):
            self._folder.write_json(FILE, self._data)
