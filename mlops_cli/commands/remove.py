"""`mlops rm`: experiments for good, with what they reported and their files in our store."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from ..errors import MlopsError
from ..render.tasks import status_word
from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import confirm, several, short

app = new_app()


@command(app, "rm", reads=READS, example="mlops rm @-1\nmlops ls tag:junk -q | mlops rm - --yes")
def rm(
    context: Context,
    exps: options.Exps,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    force: Annotated[bool, Option("--force", help="Running and published ones, too.")] = False,
) -> int:
    """Delete experiments with their metrics, console and stored files. `mlops archive` only hides them."""
    ids = several(context, exps)
    query = {"id": ids, "only_fields": ["id", "name", "status"], "search_hidden": True}
    found = {doc["id"]: doc for doc in context.api.tasks.find(query)}
    output = context.output
    for task in ids:
        output.note(f"{short(task)}  {status_word(found[task]['status'])}  {found[task].get('name') or ''}")
    if dry_run:
        output.note("nothing was deleted: these would be")
    else:
        confirm(
            context,
            f"Delete {'this experiment' if len(ids) == 1 else f'these {len(ids)} experiments'} for good?",
            yes=yes,
        )
    done = ids if dry_run else [task for task in ids if _delete(context, task, found[task]["status"], force=force)]
    if output.is_json:
        output.document({"deleted": [] if dry_run else done, "would_delete": ids if dry_run else None})
    return 0 if len(done) == len(ids) else MlopsError.exit_code


def _delete(context: Context, task: str, status: str, *, force: bool) -> bool:
    """The API deletes only drafts and archived ones without force; a person's yes counts as that for ended ones."""
    from .names import forget

    if status in ("in_progress", "queued", "published", "publishing") and not force:
        word = status_word(status)
        context.output.warn(f"{short(task)} was not deleted: it is {word} (--force deletes it all the same)")
        return False
    try:
        context.api.tasks.delete(task, force=True)
    except MlopsError as error:
        context.output.warn(f"{short(task)} was not deleted: {error.message}")
        return False
    forget(context, "task", [task[:8]])
    return True
