"""`mlops context`: several servers under names, as in kubectl."""

from __future__ import annotations

import os
from typing import Annotated, Any

from typer import Argument

from ..config.keys import NONE
from ..errors import NotFound
from ..render.table import KEEP, Column
from .context import Context
from .define import READS, command, new_app
from .lazy import Group

app = new_app(cls=Group, help="Contexts: several servers, each with its settings, under names.", no_args_is_help=True)


@app.callback()
def context_() -> None:
    """Contexts: several servers, each with its settings, under names."""


@command(app, "ls", reads=READS, example="mlops context ls")
def ls(context: Context) -> None:
    """List contexts; `mlops auth login URL --as NAME` makes one."""
    from ..client.names import remember

    here = str(context.settings["context"])
    found = _contexts(context)
    columns = [Column("current", "", KEEP), Column("name", rank=KEEP), Column("server", flexible=True)]
    rows = [["*" if name == here else "", name, _server(table)] for name, table in found.items()]
    documents = [{"name": name, "current": name == here, "server": _server(table)} for name, table in found.items()]
    context.output.records(columns, rows, documents=documents, ids=list(found), empty="no contexts yet")
    remember(context.settings.paths.names_cache, {"context": found})


@command(app, "use", example="mlops context use lab\nmlops context use none")
def use(
    context: Context, name: Annotated[str, Argument(metavar="NAME", help="A context; `none` for none of them.")]
) -> None:
    """Use a context from now on."""
    from ..config import environ
    from ..config.sources import write_value

    if name != NONE:
        _find(context, name)
    write_value(context.settings.user_file, "context", None if name == NONE else name)
    context.output.note(f"context {name}" if name != NONE else "no context")
    for variable in (environ.CONTEXT, environ.SERVER, *environ.CLEARML_SERVERS):
        if os.environ.get(variable):
            context.output.warn(f"{variable} is set here, and wins over the context")


@command(app, "show", reads=READS, example="mlops context show\nmlops context show lab")
def show(
    context: Context, name: Annotated[str, Argument(metavar="[NAME]", help="A context; else the current one.")] = ""
) -> None:
    """Show what a context says."""
    from ..config.sources import flatten

    chosen = name or str(context.settings["context"])
    if not chosen:
        raise NotFound("no context is in use", hint="mlops context ls")
    table = flatten(_find(context, chosen))
    if context.output.is_json:
        context.output.document({"name": chosen, **table})
        return
    from ..render.blocks import Page

    page = Page(width=context.output.width, color=context.output.colored)
    page.pairs([("context", chosen), *((key, str(value)) for key, value in table.items())], indent=0)
    context.output.lines(page.lines)


def _contexts(context: Context) -> dict[str, Any]:
    from ..config.sources import read_table

    found = read_table(context.settings.user_file).get("contexts")
    return dict(sorted(found.items())) if isinstance(found, dict) else {}


def _find(context: Context, name: str) -> dict[str, Any]:
    from ..client.suggest import suggest

    known = _contexts(context)
    if not isinstance(known.get(name), dict):
        raise NotFound(f"there is no context `{name}`", hint=suggest(name, known) or "mlops context ls")
    found: dict[str, Any] = known[name]
    return found


def _server(table: Any) -> str:
    return str(table.get("server") or "") if isinstance(table, dict) else ""
