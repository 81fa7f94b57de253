"""`mlops export` and `mlops import`: experiments as one file, with their metrics, console and stored files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import several, short

export_app, import_app = new_app(), new_app()


@command(
    export_app,
    "export",
    reads=READS,
    example="mlops export @latest\nmlops ls tag:paper -q | mlops export - --to paper.mlops",
)
def export(
    context: Context,
    exps: options.Exps,
    to: Annotated[
        str, Option("--to", metavar="FILE", show_default=False, help="The file to write; else named after the first.")
    ] = "",
    force: Annotated[bool, Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write experiments into one file that `mlops import` reads, here or elsewhere."""
    from ..client.bundle.export import export_tasks

    ids = several(context, exps)
    done = export_tasks(context.api, ids, Path(to or f"{short(ids[0])}.mlops"), overwrite=force)
    for left in done.left_out:
        context.output.note(f"only a link travels: {left}")
    if context.output.is_json:
        context.output.document({**asdict(done), "path": str(done.path)})
    else:
        context.output.write(f"{done.path}\n")


@command(import_app, "import", reads=READS, example="mlops import run.mlops\nmlops import run.mlops --new-ids")
def import_(
    context: Context,
    file: Annotated[str, Argument(metavar="FILE", help="What `mlops export` wrote.")],
    new_ids: Annotated[bool, Option("--new-ids", help="Bring them in beside those that are here already.")] = False,
) -> None:
    """Bring in the experiments of a file; everything is verified before anything is written."""
    from ..client.bundle.restore import import_tasks

    done = import_tasks(context.api, Path(file), new_ids=new_ids)
    if context.output.is_json:
        context.output.document([asdict(item) for item in done])
    else:
        context.output.lines([f"{item.id}  {item.name}" for item in done])
        context.output.note(f"{len(done)} imported" + (f": mlops show {short(done[0].id)}" if done else ""))
