"""Flags that mean the same everywhere, each declared once."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

Debug = Annotated[bool, Option("--debug", help="Show tracebacks.")]
Verbose = Annotated[int, Option("--verbose", "-v", count=True, show_default=False, help="Say more on stderr.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Say nothing but the result; on lists, ids one a line.")]
Color = Annotated[str, Option("--color", metavar="WHEN", show_default=False, help="auto, always or never.")]
NoPager = Annotated[bool, Option("--no-pager", help="Never start a pager.")]
NoInput = Annotated[bool, Option("--no-input", help="Never ask; fail naming the flag that answers.")]
User = Annotated[
    str,
    Option("--user", metavar="NAME", show_default=False, help="Whose experiments @latest and the like mean; any: all."),
]
ContextName = Annotated[
    str,
    Option("--context", metavar="NAME", show_default=False, help="This context for this command; none: no context."),
]

Json = Annotated[bool, Option("--json", help="One JSON document on stdout.")]
Form = Annotated[
    str,
    Option(
        "--output", "-o", metavar="FORM", show_default=False, help="table, wide, json, ndjson, csv, tsv, md or ids."
    ),
]
Columns = Annotated[
    list[str],
    Option(
        "--columns",
        "-c",
        metavar="A,+B,-C",
        show_default=False,
        help="Columns or fields: a list, or +more and -less of the usual.",
    ),
]
Sort = Annotated[
    str, Option("--sort", "-s", metavar="[-]KEY", show_default=False, help="Sort by a column; - sorts downwards.")
]
Limit = Annotated[int | None, Option("--limit", "-n", metavar="N", show_default=False, help="At most so many.")]
All = Annotated[bool, Option("--all", help="All of them, however many.")]

Project = Annotated[
    str,
    Option("--project", "-p", metavar="PROJECT", show_default=False, help="Only in this project (`a` holds `a/b`)."),
]
Yes = Annotated[bool, Option("--yes", "-y", help="Do it without asking.")]
DryRun = Annotated[bool, Option("--dry-run", help="Print the plan, change nothing.")]
Set = Annotated[
    list[str], Option("-S", "--set", metavar="KEY=VALUE", show_default=False, help="An override, safe for scripts.")
]

Exp = Annotated[
    str, Argument(metavar="EXP", help="An experiment: id, prefix, name, project/name, @latest, @-1, @best:METRIC.")
]
Exps = Annotated[list[str], Argument(metavar="EXP...", help="Experiments; - reads ids from stdin.")]
