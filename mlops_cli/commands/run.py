"""`mlops run CMD...`: run a program here, captured. Its stdout is its own; what we have to say goes to stderr."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Argument, Option

from ..errors import InvalidInput
from .context import Context
from .define import command, new_app

app = new_app()


@command(
    app,
    "run",
    context_settings={"allow_interspersed_args": False},
    example="mlops run train.py --lr 0.1\n"
    "mlops run -n 'bigger batch' -t base python -m vision.train batch=64\n"
    "mlops run --metrics 'epoch (?P<step>\\d+): acc (?P<acc>\\S+)' ./train.sh",
)
def run(
    context: Context,
    words: Annotated[list[str], Argument(metavar="CMD...", help="The program and everything that belongs to it.")],
    project: Annotated[
        str, Option("--project", "-p", metavar="PROJECT", show_default=False, help="Else the repository's name.")
    ] = "",
    name: Annotated[str, Option("--name", "-n", metavar="NAME", show_default=False, help="Else the script's.")] = "",
    tag: Annotated[
        list[str] | None, Option("--tag", "-t", metavar="TAG", show_default=False, help="Repeat it.")
    ] = None,
    comment: Annotated[str, Option("--note", metavar="TEXT", show_default=False, help="A note on it.")] = "",
    task_type: Annotated[str, Option("--type", metavar="TYPE", show_default=False, help="Else training.")] = "training",
    metrics: Annotated[
        list[str] | None,
        Option(
            "--metrics", metavar="PATTERN", show_default=False, help="Read metrics from printed lines by this regex."
        ),
    ] = None,
    no_metrics: Annotated[bool, Option("--no-printed-metrics", help="Do not read name=value lines.")] = False,
    no_hook: Annotated[bool, Option("--no-hook", help="Inject nothing into the program.")] = False,
    secrets: Annotated[
        str, Option("--secrets", metavar="POLICY", show_default=False, help="redact (else), refuse or keep.")
    ] = "",
    upload: Annotated[
        bool, Option("--upload", help="Copy written models into the file store, not only link them.")
    ] = False,
    json_file: Annotated[
        str, Option("--json-file", metavar="FILE", show_default=False, help="Write our record of the run here.")
    ] = "",
) -> int:
    """Run a program here, captured: code, packages, parameters, console, metrics, files."""
    from ..client.connect import connect
    from ..supervisor.run import run as supervise
    from ..supervisor.spec import RunSpec

    settings = context.settings
    _check(task_type, metrics or [], secrets)
    taps = str(settings["hook"])
    spec = RunSpec(
        argv=tuple(_command_line(words)),
        cwd=os.getcwd(),  # noqa: PTH109 - a folder that was removed must raise here, and nothing be resolved
        project=project or settings.project,
        name=name,
        tags=tuple(tag or ()),
        comment=comment,
        type=task_type,
        hook=not no_hook and taps != "off",
        taps="" if taps == "off" else taps,
        printed=not no_metrics,
        patterns=tuple(metrics or ()),
        upload=upload,
        secrets=secrets or settings.secrets,
        max_file_bytes=settings["capture.max_file_bytes"],
        max_total_bytes=settings["capture.max_total_bytes"],
        environment=tuple(settings["capture.environment"]),
        quiet=context.output.quiet,
        json_file=json_file,
    )
    return supervise(spec, paths=settings.paths, connect=lambda: connect(settings))


def _command_line(words: list[str]) -> list[str]:
    """A first word that ends in `.py` runs under the `python` of the active environment, as with `uv run`."""
    if words[0].endswith(".py"):
        return [_find_python(), *words]
    return words


def _find_python() -> str:
    """The name under which PATH has Python; the name, so that a virtual environment is found again."""
    folders = os.get_exec_path()
    for name in ("python", "python3"):
        if any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders):  # noqa: PTH118 - 3 ms of pathlib
            return name
    return "python"


def _check(task_type: str, patterns: list[str], secrets: str) -> None:
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
