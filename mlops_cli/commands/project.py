"""`mlops project`: where experiments are kept together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import Conflict, NotFound
from ..render import values
from ..render.table import KEEP, Column
from . import options
from .context import Context
from .define import PICKS, READS, command, new_app
from .lazy import Group
from .targets import confirm

app = new_app(cls=Group, help="Projects: experiments kept together, with / between levels.", no_args_is_help=True)

Name = Annotated[str, Argument(metavar="PROJECT", help="Its full name, such as vision/resnet.")]
FIELDS = ("id", "name", "description", "created", "last_update", "tags")


@app.callback()
def project() -> None:
    """Projects: experiments kept together, with / between levels."""


@command(app, "ls", reads=PICKS, example="mlops project ls\nmlops project ls --json")
def ls(context: Context) -> None:
    """List projects with the number of their experiments."""
    api, now = context.api, datetime.now(UTC)
    found = sorted(api.projects.find({"only_fields": list(FIELDS)}), key=lambda item: str(item["name"]))
    counts = _counts(context)
    columns = [
        Column("name", "PROJECT", KEEP, flexible=True),
        Column("experiments", numeric=True, right=True),
        Column("last_update", "UPDATED", right=True, show=lambda value: values.age(value, now)),
        Column("description", flexible=True),
    ]
    rows = [[p["name"], counts.get(p["id"], 0), p.get("last_update"), p.get("description")] for p in found]
    documents = [{**{name: p.get(name) for name in FIELDS}, "experiments": counts.get(p["id"], 0)} for p in found]
    context.output.records(columns, rows, documents=documents, ids=[p["id"] for p in found], empty="no projects yet")
    from .names import refresh

    refresh(context, projects=[str(p["name"]) for p in found])


@command(app, "show", reads=READS, example="mlops project show vision")
def show(context: Context, name: Name) -> None:
    """Show one project and the states of its experiments."""
    found = context.api.projects.get(_find(context, name))
    tasks = context.api.tasks.find({"project": [found["id"]], "only_fields": ["id", "status"], "search_hidden": True})
    states: dict[str, int] = {}
    for task in tasks:
        states[task["status"]] = states.get(task["status"], 0) + 1
    if context.output.is_json:
        context.output.document({**found, "experiments": states})
        return
    from ..render.blocks import Page
    from ..render.tasks import status_word

    page = Page(width=context.output.width, color=context.output.colored)
    page.head(found["name"])
    counted = ", ".join(f"{count} {status_word(state)}" for state, count in sorted(states.items()))
    page.pairs(
        [
            ("id", found["id"]),
            ("description", found.get("description") or ""),
            ("created", values.local_time(found.get("created"))),
            ("experiments", counted or "none"),
        ]
    )
    context.output.lines(page.lines)


@command(app, "create", reads=READS, example="mlops project create vision/resnet")
def create(
    context: Context,
    name: Name,
    description: Annotated[
        str, Option("--description", "-d", metavar="TEXT", show_default=False, help="What it is for.")
    ] = "",
) -> None:
    """Make a project; the levels above it are made too."""
    if context.api.projects.find_id(name) is not None:
        raise Conflict(f"the project {name} exists already", hint=f"mlops project show {name}")
    made = context.api.projects.ensure(name)
    if description:
        context.api.call("projects.update", {"project": made, "description": description})
    if context.output.is_json:
        context.output.document({"id": made, "name": name})
    else:
        context.output.note(f"made {name}")


@command(app, "rm", reads=READS, example="mlops project rm attic --yes")
def rm(context: Context, name: Name, yes: options.Yes = False) -> None:
    """Remove an empty project."""
    found = _find(context, name)
    inside = context.api.tasks.find(
        {"project": [found], "include_subprojects": True, "only_fields": ["id"], "search_hidden": True}, limit=1
    )
    if inside:
        raise Conflict(f"{name} still holds experiments", hint=f"mlops ls -p {name} -q | mlops mv - OTHER")
    confirm(context, f"Remove the project {name}?", yes=yes)
    context.api.call("projects.delete", {"project": found})
    if context.output.is_json:
        context.output.document({"id": found})
    from .names import forget

    forget(context, "project", [name])


def _find(context: Context, name: str) -> str:
    found = context.api.projects.find_id(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, context.api.projects.names().values(), 1)
        raise NotFound(f"there is no project {name!r}", hint=f"did you mean {near[0]}?" if near else "mlops project ls")
    return found


def _counts(context: Context) -> dict[str, int]:
    counts: dict[str, int] = {}
    query: dict[str, Any] = {"only_fields": ["project"], "system_tags": ["-archived"]}
    for task in context.api.tasks.iterate(query):
        counts[task.get("project") or ""] = counts.get(task.get("project") or "", 0) + 1
    return counts
