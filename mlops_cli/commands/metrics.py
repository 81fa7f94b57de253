"""`mlops metrics`: the values that an experiment reported, summed up, at one step, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import NotFound
from ..render.table import KEEP, Column
from ..render.tasks import metric_name
from ..render.values import step
from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import one

app = new_app()

Key = tuple[str, str]


@command(
    app,
    "metrics",
    reads=READS,
    example="mlops metrics @latest\nmlops metrics @latest val/acc --at 100\nmlops metrics 1f3a --csv > curves.csv\n"
    "mlops metrics @latest loss --points -o tsv",
)
def metrics(
    context: Context,
    exp: options.Exp = "@latest",
    names: Annotated[
        list[str] | None, Argument(metavar="[NAME]...", help="Metrics, as `loss` or `loss/train`; else all.")
    ] = None,
    last: Annotated[bool, Option("--last", help="Only the last value of each.")] = False,
    at: Annotated[
        int | None,
        Option("--at", metavar="STEP", show_default=False, help="The value at this step, or the last before."),
    ] = None,
    points: Annotated[bool, Option("--points", help="Every point: one row a step, one column a metric.")] = False,
    csv: Annotated[bool, Option("--csv", help="Every point as CSV.")] = False,
    machine: Annotated[bool, Option("--machine", help="The machine's own series, too.")] = False,
) -> None:
    """Show the metrics of an experiment: last, least and greatest value of each."""
    task = one(context, exp)
    keys = choose(context, task, names or [], machine=machine)
    if csv and not context.output.form:
        context.output.choose("csv")
    if csv or points:
        _points(context, task, keys)
    elif at is not None:
        _at(context, task, keys, at)
    else:
        _summaries(context, task, keys, only_last=last)


def choose(context: Context, task: str, names: Sequence[str], *, machine: bool = False) -> list[Key]:
    """The series that the names mean, in the order of the names. Raises NotFound with the nearest."""
    found = [(metric, variant) for metric, variants in context.api.events.names(task).items() for variant in variants]
    known = sorted(key for key in found if machine or not key[0].startswith(":monitor") or names)
    if not names:
        return known
    chosen: dict[Key, None] = {}
    for name in names:
        exact = [key for key in known if name in (metric_name(*key), "/".join(key))]
        matching = exact or [key for key in known if name in key]
        if not matching:
            from ..client.suggest import suggest

            hint = (
                suggest(name, [word for key in known for word in (metric_name(*key), *key) if word])
                or f"mlops metrics {task[:8]}"
            )
            raise NotFound(f"the experiment has no metric {name!r}", hint=hint)
        chosen.update(dict.fromkeys(matching))
    return list(chosen)


def _summaries(context: Context, task: str, keys: list[Key], *, only_last: bool) -> None:
    doc = context.api.tasks.find({"id": [task], "only_fields": ["last_metrics"], "search_hidden": True})[0]
    found = {
        (item.get("metric", ""), item.get("variant", "")): item
        for variants in (doc.get("last_metrics") or {}).values()
        for item in variants.values()
    }
    rows = [(metric_name(*key), found[key]) for key in keys if key in found]
    fields = (
        ["value"] if only_last else ["value", "min_value", "min_value_iteration", "max_value", "max_value_iteration"]
    )
    fields += [] if only_last else ["mean_value", "count"]
    titles = {"value": "LAST", "min_value_iteration": "AT", "max_value_iteration": "AT"}
    columns = [Column("name", "METRIC", KEEP, flexible=True)]
    columns += [
        Column(
            name,
            titles.get(name, name.removesuffix("_value").upper()),
            right=True,
            show=step if name.endswith("_iteration") else _number,
            rank=1,
        )
        for name in fields
    ]
    context.output.records(
        columns,
        [[name, *(item.get(field) for field in fields)] for name, item in rows],
        documents=[item for _, item in rows],
        ids=[name for name, _ in rows],
        empty="it reported no metrics",
    )


def _number(value: Any) -> str:
    from ..render.values import number

    return number(value, 6)


def _at(context: Context, task: str, keys: list[Key], limit: int) -> None:
    rows = []
    for metric, variant in keys:
        best: tuple[int, float] | None = None
        for point in context.api.events.points(task, metric, [variant]):
            if point["iter"] <= limit and (best is None or point["iter"] >= best[0]):
                best = (point["iter"], point["value"])
        rows.append([metric_name(metric, variant), *(best or (None, None))])
    columns = [
        Column("name", "METRIC", KEEP, flexible=True),
        Column("iter", "STEP", KEEP, right=True, show=step),
        Column("value", rank=KEEP, right=True, show=_number),
    ]
    context.output.records(columns, rows, ids=[row[0] for row in rows], empty="it reported no metrics")


def _points(context: Context, task: str, keys: list[Key]) -> None:
    """One row a step; where a series has no point at a step, its cell is empty."""
    table: dict[int, list[Any]] = {}
    for at, (metric, variant) in enumerate(keys):
        for point in context.api.events.points(task, metric, [variant]):
            table.setdefault(point["iter"], [None] * len(keys))[at] = point["value"]
    columns = [Column("iter", "STEP", KEEP, numeric=True, right=True)]
    columns += [Column(metric_name(*key), metric_name(*key), 2, numeric=True, right=True) for key in keys]
    rows = [[spot, *table[spot]] for spot in sorted(table)]
    context.output.records(columns, rows, ids=[str(row[0]) for row in rows], empty="it reported no metrics")
