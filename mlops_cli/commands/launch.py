"""What `mlops run` does once it is known what to run, with which flags; free of the parser and its cost."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ..errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .context import Context


def launch(
    context: Context,
    words: Sequence[str],
    *,
    project: str = "",
    name: str = "",
    tags: tuple[str, ...] = (),
    comment: str = "",
    task_type: str = "training",
    patterns: tuple[str, ...] = (),
    printed: bool = True,
    hook: bool = True,
    secrets: str = "",
    upload: bool = False,
    json_file: str = "",
) -> int:
    """Run the words as a program, captured; the answer is its exit code. The defaults are those of the flags."""
    from ..client.connect import connect
    from ..supervisor.run import run as supervise
    from ..supervisor.spec import RunSpec
    from ..supervisor.texts import as_text

    settings = context.settings
    _check(task_type, patterns, secrets)
    taps = str(settings["hook"])
    spec = RunSpec(
        argv=tuple(_command_line(words)),
        cwd=os.getcwd(),  # noqa: PTH109 - a folder that was removed must raise here, and nothing be resolved
        started_at=time.time(),
        project=project or settings.project,
        name=name,
        tags=tuple(as_text(tag) for tag in tags),
        comment=as_text(comment),
        type=task_type,
        hook=hook and taps != "off",
        taps="" if taps == "off" else taps,
        printed=printed,
        patterns=patterns,
        upload=upload,
        secrets=secrets or settings.secrets,
        max_file_bytes=settings["capture.max_file_bytes"],
        max_total_bytes=settings["capture.max_total_bytes"],
        environment=tuple(settings["capture.environment"]),
        quiet=context.output.quiet,
        json_file=json_file,
        server=str(settings["server"]) or "embedded",
    )
    return supervise(spec, paths=settings.paths, connect=lambda: connect(settings))


def _command_line(words: Sequence[str]) -> list[str]:
    """A first word that ends in `.py` runs under the `python` of the active environment, as with `uv run`."""
    if words[0].endswith(".py"):
        return [_find_python(), *words]
    return list(words)


def _find_python() -> str:
    """The name under which PATH has Python; the name, so that a virtual environment is found again."""
    folders = os.get_exec_path()
    for name in ("python", "python3"):
        if any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders):  # noqa: PTH118 - 3 ms of pathlib
            return name
    return "python"


def _check(task_type: str, patterns: tuple[str, ...], secrets: str) -> None:
    """Refuse what the supervisor would stumble over, before the program starts."""
    from ..config.keys import KEYS, parse_value
    from ..schemas.status import TYPES

    if task_type not in TYPES:
        raise InvalidInput(f"there is no type {task_type!r}", hint=f"types: {', '.join(TYPES)}")
    if secrets:
        parse_value(KEYS["secrets"], secrets, "--secrets")
    if patterns:
        from ..follow.printed import PrintedMetrics

        PrintedMetrics(patterns)
