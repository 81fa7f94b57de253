"""`mlops ls`: experiments, filtered, sorted, in the columns that were asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import InvalidInput
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
    example="mlops ls\n"
    "mlops ls 'status:failed since:1d' -q\n"
    "mlops ls 'val/acc.max>0.9' -s -val/acc.max -c +lr,+val/acc.max",
)
def ls(
    context: Context,
    expr: Annotated[
        list[str] | None, Argument(metavar="[EXPR]...", help="status:failed tag:base lr<1e-3 since:2d name~resnet ...")
    ] = None,
    project: options.Project = "",
    since: Annotated[
        str, Option("--since", metavar="AGE", show_default=False, help="Only those of the last 2d, 3h, 1w; or a date.")
    ] = "",
    sort: options.Sort = "",
    limit: options.Limit = None,
    all_: options.All = False,
    archived: Annotated[bool, Option("--archived", help="The archived ones too.")] = False,
) -> None:
    """List experiments, newest first: 20 on a terminal, all of them elsewhere."""
    output = context.output
    if output.quiet and not output.form:
        output.choose("ids")
    most = _most(limit, all_=all_, screenful=output.for_people)
    now = datetime.now(UTC)
    words = _with_since(" ".join(expr or ()), since)
    project = project or context.project
    docs, more, notes = _list(context, words, project=project, sort=sort, archived=archived, most=most, now=now)
    shows_projects = len({doc.get("project") for doc in docs}) > 1 or "project" in "".join(output.columns)
    names = context.api.projects.names() if shows_projects else {}
    columns = Columns(docs, now=now, projects=names, more=_read_more(now, names))
    chosen = columns.choose(output.columns or list(context.settings["ls.columns"]))
    output.records(
        [column for column, _ in chosen],
        list(zip(*(cells for _, cells in chosen), strict=True)) if docs else [],
        documents=_documents(docs, chosen if output.columns else None),
        ids=[doc["id"] for doc in docs],
        empty="no experiments" + (" match" if words or project else ": start one with `mlops run CMD...`"),
    )
    for note in notes:
        output.note(note)
    if more and limit is None:
        output.note(f"the first {most} are shown: --all shows all, -n N so many")
    from .names import refresh

    refresh(context, docs)


def _with_since(expr: str, since: str) -> str:
    """The filter with one condition more, which holds for all of it."""
    if not since:
        return expr
    return f"({expr}) since:{since}" if " or " in expr else f"{expr} since:{since}".strip()


def _list(
    context: Context, expr: str, *, project: str, sort: str, archived: bool, most: int, now: datetime
) -> tuple[list[dict[str, Any]], bool, tuple[str, ...]]:
    """The documents, whether there are more, and what to say about them."""
    if not (expr or project or sort):
        # The commonest question needs none of the filter language, whose import would cost a fifth of the command.
        query: dict[str, Any] = {"only_fields": list(FIELDS), "order_by": ["-created"]}
        if not archived:
            query["system_tags"] = ["-archived"]
        docs = context.api.tasks.find(query, limit=most + 1 if most else None)
        return (docs[:most], len(docs) > most, ()) if most else (docs, False, ())
    from ..client.columns import resolve_sort
    from ..client.filters import parse
    from ..client.listing import Request, list_tasks

    request = Request(
        filter=parse(expr),
        sort=resolve_sort([sort]),
        limit=most or None,
        project=(context.settings.project if project == "." else project) or None,
        with_archived=archived,
        fields=FIELDS,
    )
    listing = list_tasks(context.api, request, now=now)
    return listing.tasks, listing.has_more, listing.notes


def _read_more(now: datetime, projects: dict[str, str]) -> Any:
    """Columns beyond those that have a shape of their own: any built-in field of the filter language."""

    def read(name: str, docs: list[dict[str, Any]]) -> list[Any] | None:
        from ..client.fields import View, find_field, is_built_in

        view = View(now, projects)
        return [find_field(name).read(doc, view) for doc in docs] if is_built_in(name) else None

    return read


def _most(limit: int | None, *, all_: bool, screenful: bool) -> int:
    """How many to ask for; 0 for all. Only a person's screen is bounded unless they say so: no hidden caps."""
    if all_:
        return 0
    if limit is not None:
        if limit < 1:
            raise InvalidInput(f"-n {limit}: at least one", hint="--all for all of them")
        return limit
    return SCREENFUL if screenful else 0


def _documents(docs: list[dict[str, Any]], chosen: Any) -> list[dict[str, Any]]:
    """The API's own documents, or only the columns that were asked for."""
    if chosen is None:
        return [{name: doc.get(name) for name in dict.fromkeys(f.partition(".")[0] for f in FIELDS)} for doc in docs]
    return [{column.key: cells[at] for column, cells in chosen} for at in range(len(docs))]
