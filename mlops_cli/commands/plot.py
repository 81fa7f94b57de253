"""`mlops plot`: curves of one or several experiments, in the terminal or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ..errors import NotFound
from ..render.tasks import metric_name
from . import options
from .context import Context
from .define import READS, command, new_app
from .metrics import choose
from .targets import several, short

MOST_PANELS = 4
HEIGHT = 18

app = new_app()


@command(
    app,
    "plot",
    reads=READS,
    example="mlops plot @latest\nmlops plot @-1 @latest -m loss/train\nmlops plot 1f3a 77c0 -m val/acc --to curves.svg",
)
def plot(
    context: Context,
    exps: options.Exps,
    metric: Annotated[
        list[str] | None, Option("--metric", "-m", metavar="NAME", show_default=False, help="Which metric. Repeat it.")
    ] = None,
    to: Annotated[
        str, Option("--to", metavar="FILE", show_default=False, help="Write a picture instead: .svg, .png or .pdf.")
    ] = "",
    samples: Annotated[
        int, Option("--samples", metavar="N", show_default=False, help="Points a curve; extremes are kept.")
    ] = 0,
) -> None:
    """Draw curves; every experiment in the same axes, one panel a metric."""
    from ..render import plots, terminal

    output = context.output
    width = terminal.columns() if output.is_terminal else 100
    found = _curves(
        context, several(context, exps), metric or [], samples or (2000 if to or output.is_json else 4 * width)
    )
    if output.is_json:
        output.document([curve._asdict() for curve in found])
    elif to:
        plots.save(found, Path(to))
        output.note(f"wrote {to}")
    else:
        output.lines(plots.terminal(found, width=width, height=HEIGHT, color=output.colored))


def _curves(context: Context, ids: list[str], names: list[str], samples: int) -> list[Any]:
    from ..render.plots import Curve

    titles = {
        doc["id"]: doc.get("name") or ""
        for doc in context.api.tasks.find({"id": ids, "only_fields": ["id", "name"], "search_hidden": True})
    }
    keys = {task: _keys(context, task, names) for task in ids}
    panels = list(dict.fromkeys(key for task in ids for key in keys[task]))
    if not names and len(panels) > MOST_PANELS:
        context.output.note(f"the first {MOST_PANELS} of {len(panels)} metrics; -m NAME chooses")
        panels = panels[:MOST_PANELS]
    found = []
    for panel in panels:
        for task in ids:
            if panel in keys[task]:
                steps, values = _points(context.api.events.curve(task, *panel, samples=samples))
                found.append(Curve(metric_name(*panel), f"{short(task)} {titles.get(task, '')}".strip(), steps, values))
    if not found:
        raise NotFound("there is no curve to draw", hint="mlops metrics EXP")
    return found


def _keys(context: Context, task: str, names: list[str]) -> list[tuple[str, str]]:
    """Several experiments need not all have a metric; one alone must."""
    found = []
    for name in names or [""]:
        try:
            found += choose(context, task, [name] if name else [])
        except NotFound as error:
            context.output.warn(f"{short(task)}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    return found


def _points(curve: dict[str, Any]) -> tuple[list[float], list[float]]:
    """The buckets' extremes in the order of their steps, so that no peak is lost."""
    steps: list[float] = []
    values: list[float] = []
    for at, count in enumerate(curve["count"]):
        if count == 1 or curve["min"][at] is None:
            steps.append(curve["x"][at])
            values.append(curve["last"][at])
            continue
        pair = sorted({(curve["min_iter"][at], curve["min"][at]), (curve["max_iter"][at], curve["max"][at])})
        steps += [step for step, _ in pair]
        values += [value for _, value in pair]
    return steps, values
