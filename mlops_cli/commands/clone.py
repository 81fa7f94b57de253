"""`mlops clone EXP [k=v...]`: a draft from a record, with some parameters changed."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

from typer import Argument, Option

from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import one, short

app = new_app()


@command(
    app,
    "clone",
    reads=READS,
    example="mlops clone @latest lr=0.01\nmlops clone @best:val/acc Args/epochs=20 -n 'longer' --dry-run",
)
def clone(
    context: Context,
    exp: options.Exp,
    overrides: Annotated[
        list[str] | None, Argument(metavar="[KEY=VALUE]...", help="Parameters to change, typed as they were recorded.")
    ] = None,
    set_: options.Set = [],  # noqa: B006 - Typer makes its own list of it
    new_key: Annotated[bool, Option("--new-key", help="Allow parameters that the record does not have.")] = False,
    name: Annotated[str, Option("--name", "-n", metavar="NAME", show_default=False, help="Else the same name.")] = "",
    project: Annotated[
        str, Option("--project", "-p", metavar="PROJECT", show_default=False, help="Else the same project.")
    ] = "",
    tag: Annotated[
        list[str] | None, Option("--tag", "-t", metavar="TAG", show_default=False, help="Tags of the draft. Repeat it.")
    ] = None,
    dry_run: options.DryRun = False,
) -> None:
    """Make a draft like an experiment: the same code, packages and parameters, with your changes."""
    from ..client.clone import clone as make

    made = make(
        context.api,
        one(context, exp),
        [*(overrides or ()), *set_],
        allow_new=new_key,
        name=name or None,
        project=project or None,
        tags=tag,
        is_dry_run=dry_run,
    )
    output = context.output
    if output.is_json:
        output.document({**asdict(made), "id": made.id or None})
        return
    for change in made.changes:
        output.note(f"{change.section}/{change.name}: {'(new)' if change.old is None else change.old} → {change.new}")
    if made.argv:
        output.note(f"command: {shlex.join(made.argv)}")
    if dry_run:
        output.note(f"nothing was made: this is what a clone of {short(made.source)} would change")
    else:
        output.write(f"{made.id}\n")
