"""`mlops stop`: ask running experiments to end; whoever runs them (here, another machine) sees to it."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from ..errors import MlopsError
from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import several, short

app = new_app()


@command(app, "stop", reads=READS, example="mlops stop @running\nmlops stop 3f2a91c0 --now")
def stop(
    context: Context,
    exps: options.Exps,
    now: Annotated[bool, Option("--now", help="Kill it at once, without time to save anything.")] = False,
) -> int:
    """Stop experiments: the program is asked to end. After ten seconds it is killed."""
    ids = several(context, exps)
    reason = f"stopped by {context.api.users.me['name']}" + (" at once" if now else "")
    query = {"id": ids, "only_fields": ["id", "status"], "search_hidden": True}
    found = {doc["id"]: doc["status"] for doc in context.api.tasks.find(query)}
    done = [task for task in ids if _stop(context, task, found[task], reason)]
    if context.output.is_json:
        context.output.document({"stopped": done})
    elif done and not context.output.quiet:
        context.output.lines([f"{len(done)} asked to stop"])
    return 0 if len(done) == len(ids) else MlopsError.exit_code


def _stop(context: Context, task: str, status: str, reason: str) -> bool:
    if status not in ("in_progress", "queued"):
        context.output.warn(f"{short(task)} does not run: it is {status}")
        return False
    try:
        context.api.tasks.stop(task, reason=reason)
    except MlopsError as error:
        context.output.warn(f"{short(task)} was not stopped: {error.message}")
        return False
    return True
