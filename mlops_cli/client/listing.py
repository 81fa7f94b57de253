"""What `ls` shows: one query for what a server can decide, the rest decided here, only the needed fields fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import InvalidInput, NotFound
from . import fields
from .api import Api, Json
from .columns import SortKey, known_names, sort_tasks
from .fields import Field, View
from .filters import Filter, explain_unknown, parse
from .pushdown import NOBODY
from .series import find_single
from .suggest import suggest
from .tasks import PAGE

NEWEST = ("-created",)
ALWAYS = ("id", "name", "status")
LOOKED_AT = 200
EVERYTHING = parse("")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for. `project` includes what lies below it; None means all projects."""

    filter: Filter = EVERYTHING
    columns: Sequence[Field] = ()
    sort: Sequence[SortKey] = ()
    limit: int | None = None
    project: str | None = None
    user: str | None = None
    with_archived: bool = False
    fields: Sequence[str] = ()
    """Further `only_fields`, for output that shows whole sections."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The tasks, the names behind their ids, whether a limit cut them, and lines for the person."""

    tasks: list[Json]
    view: View
    has_more: bool = False
    notes: tuple[str, ...] = ()


def list_tasks(api: Api, request: Request, *, now: datetime | None = None) -> Listing:
    """The experiments that a request means, newest first unless it says otherwise.

    Raises NotFound for an unknown project or user, InvalidInput for a filter on a name that nothing has when a known
    name is near.
    """
    view = _gather_names(api, request, now or datetime.now(UTC))
    body = _body(api, request, view)
    order = [key.field.order for key in request.sort]
    if all(order):
        signs = ["-" if key.is_descending else "" for key in request.sort]
        body["order_by"] = [sign + str(path) for sign, path in zip(signs, order, strict=True)] or list(NEWEST)
        tasks, has_more = _first_matches(api, request, body, view)
    else:
        sorted_there = _sorted_there(api, request, body, view)
        tasks, has_more = sorted_there or _sorted_here(api, request, body, view)
    _refuse_unknown_sort(tasks, request, view)
    notes = () if tasks else _look_for_mistakes(api, request, view)
    return Listing(tasks, view, has_more, notes)


def _first_matches(api: Api, request: Request, body: Json, view: View) -> tuple[list[Json], bool]:
    sorting = [key.field for key in request.sort]
    body["only_fields"] = _needs(request, [*request.columns, *request.filter.fields, *sorting])
    wanted = None if request.limit is None else request.limit + 1
    page = PAGE if wanted is None or not request.filter.is_empty else wanted
    found: list[Json] = []
    for task in api.tasks.iterate(body, page_size=page):
        if request.filter.test(task, view):
            found.append(task)
            if len(found) == wanted:
                return found[: request.limit], True
    return found, False


def _sorted_there(api: Api, request: Request, body: Json, view: View) -> tuple[list[Json], bool] | None:
    """By one metric on the server, which keeps a row for each; None when the name may mean something else."""
    if len(request.sort) != 1 or request.limit is None:
        return None
    [key] = request.sort
    name, statistic = fields.split_statistic(key.field.name)
    series = find_single(api, name)
    if series is None:
        return None
    path = series.path(statistic or "last")
    ordered = {**body, "order_by": ["-" + path if key.is_descending else path, *NEWEST]}
    tasks, has_more = _first_matches(api, request, ordered, view)
    # A parameter of that name comes before the metric.
    if any(fields.read_parameter(task, key.field.name) is not None for task in tasks):
        return None
    return tasks, has_more


def _sorted_here(api: Api, request: Request, body: Json, view: View) -> tuple[list[Json], bool]:
    """Every match with as little as sorting needs; then the columns of those that are shown."""
    sorting = [key.field for key in request.sort]
    body["only_fields"] = fields.gather_needs([*sorting, *request.filter.fields]) or ["id"]
    body["order_by"] = list(NEWEST)
    matching = [task for task in api.tasks.iterate(body) if request.filter.test(task, view)]
    ordered = sort_tasks(matching, request.sort, view)[: request.limit]
    needs = _needs(request, [*request.columns, *request.filter.fields, *sorting])
    whole: dict[str, Json] = {}
    for start in range(0, len(ordered), PAGE):
        ids = [task["id"] for task in ordered[start : start + PAGE]]
        query = {"id": ids, "only_fields": needs, "search_hidden": True}
        whole.update((task["id"], task) for task in api.tasks.iterate(query))
    shown = [whole[task["id"]] for task in ordered if task["id"] in whole]
    return shown, len(matching) > len(ordered)


def _needs(request: Request, wanted: Sequence[Field]) -> list[str]:
    extra = Field("", fields.TEXT, (*ALWAYS, *request.fields), lambda task, view: None)
    return fields.gather_needs([*wanted, extra])


def _body(api: Api, request: Request, view: View) -> Json:
    body = request.filter.body(view)
    if not request.with_archived:
        body["system_tags"] = ["-archived"]
    if request.project is not None:
        below = request.project.rstrip("/") + "/"
        here = [key for key, name in view.projects.items() if (name + "/").startswith(below)]
        asked = body.get("project")
        body["project"] = here if asked is None else [key for key in here if key in asked] or [NOBODY]
    user = api.users.resolve(request.user)
    if user is not None:
        body["user"] = [user]
    return body


def _gather_names(api: Api, request: Request, now: datetime) -> View:
    """The names of projects and users, only when something asks for them."""
    used = [*request.columns, *request.filter.fields, *(key.field for key in request.sort)]
    asked = {item.name for item in used}
    projects = api.projects.names() if "project" in asked or request.project is not None else {}
    users = api.users.names() if "user" in asked else {}
    view = View(now, projects, users)
    if request.project is not None:
        below = request.project.rstrip("/") + "/"
        if not any((name + "/").startswith(below) for name in projects.values()):
            raise NotFound(
                f"there is no project `{request.project}`",
                hint=suggest(request.project, projects.values()) or "`mlops project ls` lists them",
            )
    return view


def _refuse_unknown_sort(tasks: list[Json], request: Request, view: View) -> None:
    """Missing values come last: when none of the first has one, nothing is sorted by that name."""
    for key in request.sort:
        item = key.field
        if not tasks or fields.is_built_in(item.name) or any(item.read(task, view) is not None for task in tasks):
            continue
        raise InvalidInput(
            f"none of these experiments has `{item.name}` to sort by",
            hint=suggest(item.name, [*fields.BUILT_IN, *known_names(tasks)]) or "`mlops show EXP` names what there is",
        )


def _look_for_mistakes(api: Api, request: Request, view: View) -> tuple[str, ...]:
    """An empty answer may be a mistyped name: ask what names there are in the newest experiments."""
    open_terms = request.filter.open_terms()
    if not open_terms:
        return ()
    query = {"order_by": list(NEWEST), "only_fields": ["hyperparams", "last_metrics"]}
    sample = api.tasks.find(query, limit=LOOKED_AT)
    known = known_names(sample)
    notes = []
    for term in open_terms:
        item = fields.find_field(term.field)
        if any(item.read(task, view) is not None for task in sample):
            continue
        error = explain_unknown(term, request.filter.text, known)
        if error is not None:
            raise error
        notes.append(f"none of the newest experiments has `{term.field}`")
    return tuple(notes)
