"""`mlops run CMD...`: run a program here, captured. Its stdout is its own; what we have to say goes to stderr."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

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
    from .launch import launch

    return launch(
        context,
        words,
        project=project,
        name=name,
        tags=tuple(tag or ()),
        comment=comment,
        task_type=task_type,
        patterns=tuple(metrics or ()),
        printed=not no_metrics,
        hook=not no_hook,
        secrets=secrets,
        upload=upload,
        json_file=json_file,
    )
