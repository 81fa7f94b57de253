"""`mlops model`: the models that experiments made, listed, shown, fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from typer import Argument, Option

from ..render import values
from ..render.table import KEEP, Column
from . import options
from .context import Context
from .define import PICKS, READS, command, new_app
from .lazy import Group

app = new_app(cls=Group, help="Models: the files that experiments learnt.", no_args_is_help=True)

FIELDS = ("id", "name", "framework", "uri", "ready", "task", "project", "created", "tags")

Model = Annotated[str, Argument(metavar="MODEL", help="Its name or id, or the experiment that made it.")]


@app.callback()
def model() -> None:
    """Models: the files that experiments learnt."""


@command(app, "ls", reads=PICKS, example="mlops model ls\nmlops model ls -p vision -n 50 --json")
def ls(
    context: Context,
    project: options.Project = "",
    limit: options.Limit = None,
    all_: options.All = False,
    archived: Annotated[bool, Option("--archived", help="The archived, too.")] = False,
) -> None:
    """List models, newest first."""
    api, now = context.api, datetime.now(UTC)
    query: dict[str, Any] = {"only_fields": list(FIELDS), "order_by": ["-created"]}
    if not archived:
        query["system_tags"] = ["-archived"]
    if project:
        query["project"] = _projects(context, project)
    most = None if all_ else limit or 50
    found = api.models.find(query, limit=None if most is None else most + 1)
    shown = found[:most]
    columns = [
        Column("id", rank=KEEP, show=lambda value: str(value)[:8]),
        Column("name", rank=KEEP, flexible=True),
        Column("framework"),
        Column("task", "EXPERIMENT", show=lambda value: str(value or "")[:8]),
        Column("created", right=True, show=lambda value: values.age(value, now)),
        Column("tags", show=lambda value: ", ".join(value or ())),
    ]
    rows = [[item.get(column.key) for column in columns] for item in shown]
    context.output.records(columns, rows, documents=shown, ids=[m["id"] for m in shown], empty="no models yet")
    if len(found) > len(shown):
        context.output.note(f"the newest {len(shown)}; --all shows all, -n N so many")
    _remember(context, shown)


@command(app, "show", reads=READS, example="mlops model show detector\nmlops model show @latest --json")
def show(context: Context, name: Model) -> None:
    """Show one model: its file, where it came from, what is known of it."""
    found = _find(context, name)
    if context.output.is_json:
        context.output.document(found)
        return
    from ..render.blocks import Page

    page = Page(width=context.output.width, color=context.output.colored)
    page.head(str(found.get("name") or found["id"]))
    page.pairs(
        [
            ("id", str(found["id"])),
            ("file", str(found.get("uri") or "")),
            ("framework", str(found.get("framework") or "")),
            ("experiment", str(found.get("task") or "")),
            ("created", str(found.get("created") or "")),
            ("published", "yes" if found.get("ready") else "no"),
            ("tags", ", ".join(found.get("tags") or ())),
        ]
    )
    facts = [(key, str(item.get("value"))) for key, item in sorted((found.get("metadata") or {}).items())]
    if facts:
        page.head("Known of it")
        page.pairs(facts)
    context.output.lines(page.lines)


@command(
    app,
    "get",
    reads=READS,
    example="mlops model get detector\nmlops model get @best:val/acc --to best.pt\nmlops model get 7c01",
)
def get(
    context: Context,
    name: Model,
    to: Annotated[str, Option("--to", metavar="PATH", show_default=False, help="A folder, or the file to make.")] = "",
    force: Annotated[bool, Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Fetch the file of a model, whole and verified; a fetch that was cut goes on where it ended."""
    from ..client.assets import asset_of
    from .fetching import fetch

    fetch(context, asset_of(_find(context, name)), to, force=force)


def _find(context: Context, name: str) -> dict[str, Any]:
    from ..client.assets import find_model

    return find_model(context.api, name, project=context.settings.project, user=context.user)


def _projects(context: Context, name: str) -> list[str]:
    """The project and those below it. Raises NotFound with the nearest name."""
    from ..client.suggest import suggest
    from ..errors import NotFound

    names = context.api.projects.names()
    below = name.rstrip("/") + "/"
    found = [key for key, full in names.items() if (full + "/").startswith(below)]
    if not found:
        raise NotFound(f"there is no project `{name}`", hint=suggest(name, names.values()) or "mlops project ls")
    return found


def _remember(context: Context, found: list[dict[str, Any]]) -> None:
    from ..client.names import remember

    words = [word for item in found for word in (str(item["id"])[:8], str(item.get("name") or ""))]
    remember(context.settings.paths.names_cache, {"model": words})
