"""`mlops ls`: experiments, filtered, sorted, in the columns that were asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from typer import Argument, Option

from ..render.tasks import FIELDS, Columns
from . import options
from .context import Context
from .define import PICKS, command, new_app

SCREENFUL = 20

app = new_app()


@command(
    app,
    "ls",
    reads=PICKS,
    example="mlops ls\nmlops ls 'status:failed since:1d' -q\nmlops ls 'val/acc.max>0.9' -s -val/acc.max -c +lr,+val/acc.max",
)
def ls(
    context: Context,
    expr: Annotated[
        list[str] | None, Argument(metavar="[EXPR]...", help="status:failed tag:base lr<1e-3 since:2d name~resnet ...")
    ] = None,
    project: options.Project = "",
    sort: options.Sort = "-age",
    limit: options.Limit = -1,
    all_: options.All = False,
    archived: Annotated[bool, Option("--archived", help="The archived ones too.")] = False,
) -> None:
    """List experiments, newest first: 20 on a terminal, all of them elsewhere."""
    from .listing import Listing

    output = context.output
    if output.quiet and not output.form:
        output.choose("ids")
    most = _most(limit, all_=all_, screenful=output.for_people)
    listing = Listing(context.api, now=datetime.now(UTC))
    found = listing.find(" ".join(expr or ()), project=project, sort=sort, archived=archived, most=most and most + 1)
    docs, more = (found[:most], len(found) > most) if most else (found, False)
    wishes = output.columns or list(context.settings["ls.columns"])
    columns = Columns(docs, now=listing.now, projects=listing.projects(docs))
    chosen = columns.choose(wishes)
    output.records(
        [column for column, _ in chosen],
        list(zip(*(cells for _, cells in chosen), strict=True)) if docs else [],
        documents=_documents(docs, chosen if output.columns else None),
        ids=[doc["id"] for doc in docs],
        empty="no experiments" + (" match" if expr or project else ": start one with `mlops run CMD...`"),
    )
    if more:
        output.note(f"the first {most} are shown; --all shows all, -n N so many")
    listing.remember(context.settings.paths, docs)


def _most(limit: int, *, all_: bool, screenful: bool) -> int:
    """How many to ask for; 0 for all. Only a person's screen is bounded unless they say so: no hidden caps."""
    if all_ or limit == 0:
        return 0
    if limit > 0:
        return limit
    return SCREENFUL if screenful else 0


def _documents(docs: list[dict[str, Any]], chosen: Any) -> list[dict[str, Any]]:
    """The API's own documents, or only the columns that were asked for."""
    if chosen is None:
        return [{name: doc.get(name) for name in FIELDS} for doc in docs]
    return [{column.key: cells[at] for column, cells in chosen} for at in range(len(docs))]
