"""`mlops diff A B...`: what changed between experiments, and what it did to the metrics."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Argument, Option

from ..errors import InvalidInput
from .context import Context
from .define import READS, command, new_app
from .targets import several

app = new_app()


@command(
    app,
    "diff",
    reads=READS,
    example="mlops diff @-1 @latest\n"
    "mlops diff @base 1f3a 77c0 --best\n"
    "mlops diff @-1 @latest --only code\n"
    "mlops diff @base @latest --exit-code -q && echo same",
)
def diff(
    context: Context,
    exps: Annotated[list[str], Argument(metavar="A B...", help="Two or more experiments; the first is the base.")],
    only: Annotated[
        list[str] | None,
        Option("--only", metavar="SECTION", show_default=False, help="Only this section, whole. Repeat it."),
    ] = None,
    everything: Annotated[bool, Option("--everything", help="What is the same, too.")] = False,
    best: Annotated[bool, Option("--best", help="Compare the best value of each metric, not the last.")] = False,
    tolerance: Annotated[
        float, Option("--tolerance", metavar="R", show_default=False, help="Smaller relative changes are none.")
    ] = 0.0,
    exit_code: Annotated[bool, Option("--exit-code", help="Exit with 1 when something differs.")] = False,
) -> int:
    """Compare experiments: parameters, metrics, code, packages, data, host. Only what differs is shown."""
    from ..diff.compare import Options, compare
    from .code import patches

    ids = several(context, exps)
    if len(ids) == 1 and len(exps) > 1:
        ids *= 2  # two names of one experiment (`@base @latest`): a script wants to hear that they are the same
    if len(ids) < 2:
        raise InvalidInput("a comparison needs two experiments or more", hint=f"mlops diff {exps[0]} @latest")
    tasks = [context.api.tasks.get(task) for task in ids]
    options = Options(
        sections=_sections(only or ()),
        everything=everything,
        patches=patches(context, [context.api.tasks.document(task) for task in ids]),
        directions=_directions(context),
        statistic="best" if best else "last",
        rtol=tolerance,
    )
    comparison = compare(tasks, options)
    if not (context.output.quiet and exit_code):
        _show(context, comparison, whole=bool(only))
    return 1 if exit_code and not comparison.is_same else 0


def _sections(names: Any) -> tuple[str, ...]:
    from ..diff.compare import SECTIONS

    for name in names:
        if name not in SECTIONS:
            raise InvalidInput(f"a comparison has no section {name!r}", hint=f"sections: {', '.join(SECTIONS)}")
    return tuple(names)


def _directions(context: Context) -> dict[str, str]:
    """Which way is better, where the person said so."""
    settings = context.settings
    return {
        **dict.fromkeys(settings["metrics.less"], "min"),
        **dict.fromkeys(settings["metrics.more"], "max"),
    }


def _show(context: Context, comparison: Any, *, whole: bool) -> None:
    from ..render import diffs
    from ..render.blocks import Page
    from ..render.table import KEEP, Column

    output = context.output
    if output.is_json:
        output.document(diffs.to_document(comparison))
    elif output.kind == "md":
        output.write(diffs.markdown(comparison))
    elif output.for_people or not output.form:
        # A report like `git diff`: in a pipe the same words, nothing cut; `-o tsv` and `-o csv` give rows.
        page = Page(width=output.width, color=output.colored)
        diffs.write(comparison, page, whole=whole)
        output.lines(page.lines)
    else:
        columns = [Column("section", rank=KEEP), Column("name", rank=KEEP)]
        columns += [Column(side.id, rank=KEEP) for side in comparison.sides]
        output.records(columns, diffs.flat(comparison), ids=[side.id for side in comparison.sides])
