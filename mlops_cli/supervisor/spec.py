"""What a run was asked to be: its command, where, and how to record it. Travels as `spec.json` in the run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .texts import as_text

if TYPE_CHECKING:
    from ..config.settings import Settings

RUN, SDK = "run", "sdk"


class RunSpec(NamedTuple):
    """One run. `argv` is the command as typed; `kind` is `run` (we start it) or `sdk` (it started us).

    `drain_s` bounds how long the end waits for the store; what is left is sent by `mlops sync`.
    """

    argv: tuple[str, ...]
    cwd: str
    started_at: float
    project: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    comment: str = ""
    type: str = "training"
    kind: str = RUN
    hook: bool = True
    taps: str = ""
    printed: bool = True
    patterns: tuple[str, ...] = ()
    upload: bool = False
    secrets: str = "redact"
    max_file_bytes: int = 1_000_000
    max_total_bytes: int = 20_000_000
    environment: tuple[str, ...] = ()
    drain_s: float = 60.0
    quiet: bool = False
    json_file: str = ""
    server: str = ""
    """Where it is to be recorded: a server's address, `embedded`, or nothing where nobody said."""

    @property
    def task_name(self) -> str:
        """The name asked for, else the script's, else the command's; the API wants three characters at least."""
        name = as_text(self.name or _short_name(self.argv))
        return name if len(name) >= 3 else f"run {name}".strip()

    @property
    def task_project(self) -> str:
        """The project asked for, else the folder's name; its last part, too, wants three characters."""
        name = as_text(self.project or Path(self.cwd).name or "experiments")
        return name if len(name.rpartition("/")[2].strip()) >= 3 else f"{name}-project"

    def to_json(self) -> dict[str, Any]:
        data = self._asdict()
        for key in ("argv", "tags", "patterns", "environment"):
            data[key] = list(data[key])
        return data


def from_json(data: dict[str, Any] | None) -> RunSpec:
    """Read a spec back, passing over what this version does not know; a run without one is still a run."""
    kept: dict[str, Any] = {key: value for key, value in (data or {}).items() if key in RunSpec._fields}
    for key in ("argv", "tags", "patterns", "environment"):
        kept[key] = tuple(kept.get(key) or ())
    kept.setdefault("cwd", os.sep)
    kept.setdefault("started_at", time.time())
    return RunSpec(**kept)


def with_settings(data: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The spec of a run that began without reading the settings (the sdk's): what they say where it says nothing."""
    said = {
        "server": str(settings["server"]),
        "project": settings.project,
        "secrets": settings.secrets if settings.secrets != "refuse" else "redact",  # too late: it runs
        "max_file_bytes": settings["capture.max_file_bytes"],
        "max_total_bytes": settings["capture.max_total_bytes"],
        "environment": list(settings["capture.environment"]),
    }
    return {**data, **{name: value for name, value in said.items() if not data.get(name)}}


def _short_name(argv: Sequence[str]) -> str:
    from ..capture import args  # noqa: PLC0415 - one place knows what a script is; the sdk need not load it

    script = args.script_of(argv)
    if script:
        return Path(script).name
    if "-m" in argv[:-1] and args.is_python(argv[0]):
        return argv[argv.index("-m") + 1]
    return Path(argv[0]).name if argv else "notebook"
