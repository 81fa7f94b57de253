"""Runs the benchmarks of the first house once, and writes their figures as the table of docs/performance.md.

python benchmarks/run_all.py [DOCUMENT]     every row names its base; each figure is a line that a script just printed
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
N = r"\s+([\d.]+)"
"""A figure of a printed table."""

SCRIPTS = ("startup", "listing", "log_call", "launch", "git", "ingest", "thinning")


class Row(NamedTuple):
    """One line of the table: the last groups of `base` and `ours` are figures, `limits` the budgets first and limit."""

    axis: str
    script: str
    base_name: str
    base: str
    ours: str
    unit: str
    limits: tuple[str, str]
    is_ratio: bool = True


PASS = rf"^python -c pass{N}"
ROWS = (
    Row("`--version`", "startup", "`python -c pass`", PASS, rf"^mlops --version{N}", "ms CPU", ("2", "1.3")),
    Row("TAB on an id", "startup", "`python -c pass`", PASS, rf"^mlops __names task.*?\){N}", "ms CPU", ("2", "1.3")),
    Row("TAB on a word", "startup", "`bash -c :`", rf"^bash -c :{N}", rf"^bash: source.*?`{N}", "ms CPU", ("2", "1.3")),
    Row("`--help`", "startup", "`python -c pass`", PASS, rf"^mlops --help{N}", "ms CPU", ("7.5", "1.5")),
    Row("`ls --help`", "startup", "`python -c pass`", PASS, rf"^mlops ls --help{N}", "ms CPU", ("7.5", "1.5")),
    Row("`ls` of 20 among 10,000", "listing", "`python -c pass`", PASS, rf"^mlops ls -n 20{N}", "ms CPU", ("9", "7")),
    Row(
        "log call, median",
        "log_call",
        "22-byte append",
        rf"^append.*?buffer{N}",
        rf"^  median.*?\){N}",
        "us",
        ("1.2 us", "0.8 us"),
        is_ratio=False,
    ),
    Row(
        "log call, p99",
        "log_call",
        "22-byte append",
        rf"^append.*?buffer{N}",
        rf"^  p99 .*?\){N}",
        "us",
        ("5 us", "2 us"),
        is_ratio=False,
    ),
    Row(
        "a point until it is stored",
        "log_call",
        "22-byte append",
        rf"^append.*?buffer{N}",
        rf"^a point.*?\){N}",
        "us CPU",
        ("2 us", "1.2 us"),
        is_ratio=False,
    ),
    Row(
        "import and init",
        "log_call",
        "`python -c pass`",
        PASS,
        rf"^import \+ init{N}",
        "ms CPU",
        ("+40 ms", "+20 ms"),
        is_ratio=False,
    ),
    Row(
        "process that logs 1000 points",
        "log_call",
        "the same without us",
        rf"^script without us{N}",
        rf"^script with us{N}",
        "ms CPU",
        ("2.5", "1.5"),
    ),
    Row(
        "`mlops run`, all processes",
        "launch",
        "`python train.py`",
        rf"^python train.py{N}",
        rf"^mlops run train.py{N}",
        "ms CPU",
        ("12", "5"),
    ),
    Row(
        "`mlops run -q` (a flag: the parser too)",
        "launch",
        "`python train.py`",
        rf"^python train.py{N}",
        rf"^mlops run -q train.py{N}",
        "ms CPU",
        ("12", "5"),
    ),
    Row(
        "until the child runs, wall",
        "launch",
        "`python train.py`",
        rf"^python train.py{N}{N}x{N}",
        rf"^mlops run train.py{N}{N}x{N}",
        "ms wall",
        ("100 ms", "40 ms"),
        is_ratio=False,
    ),
    Row(
        "code of 10,000 files, clean",
        "git",
        "`git status`",
        rf"^bare git status{N}",
        rf"^captured: clean and pushed{N}",
        "ms CPU",
        ("2.5", "2"),
    ),
    Row(
        "code, one file changed",
        "git",
        "`git status`",
        rf"^bare git status{N}",
        rf"^captured: one file changed{N}",
        "ms CPU",
        ("2.5", "2"),
    ),
    Row(
        "points from the spool into the store",
        "ingest",
        "SQLite rows",
        rf"^SQLite rows.*?batch{N}",
        rf"^spool files into the store{N}",
        "M points/s CPU",
        ("2 M/s", "2 M/s"),
        is_ratio=False,
    ),
    Row(
        "10 M points thinned to 1000",
        "thinning",
        "SQL over rows",
        rf"^SQLite rows.*?1000{N}",
        rf"^events.get_curve to 1000{N}",
        "ms CPU",
        ("50 ms", "50 ms"),
        is_ratio=False,
    ),
)


def main(document: Path) -> None:
    before = os.getloadavg()[0]
    printed = {script: run(script) for script in SCRIPTS}
    after = os.getloadavg()[0]
    text = "\n".join([BEGIN, "", *heading(before, after), "", *table(printed), "", *raw(printed), END])
    old = document.read_text(encoding="utf-8")
    head, _, rest = old.partition(BEGIN)
    document.write_text(head + text + rest.partition(END)[2], encoding="utf-8")


def run(script: str) -> str:
    print(f"{script} ...", flush=True)
    done = subprocess.run([sys.executable, str(HERE / f"{script}.py")], capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def heading(before: float, after: float) -> Iterator[str]:
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    yield f"Taken on {day}: {machine}, load average {before:.1f} at the beginning and {after:.1f} at the end."
    yield "While the load is above the number of cores, other work takes turns with ours, and wall times say little."


def table(printed: dict[str, str]) -> Iterator[str]:
    yield "| Axis | Base | Base is | Ours | Ratio | Budget: first / limit | Command |"
    yield "|---|---|---:|---:|---:|---|---|"
    for row in ROWS:
        base, ours = figure(row.base, printed[row.script]), figure(row.ours, printed[row.script])
        ratio = ours / base
        shown = f"{ratio:.2f}x" if ratio < 100 else f"{ratio:.0f}x"
        if ratio < 0.1:
            shown = f"1/{1 / ratio:.0f}"
        first, limit = (f"{one}x" if row.is_ratio else one for one in row.limits)
        where = f"`python benchmarks/{row.script}.py`"
        cells = (row.axis, row.base_name, f"{base:g}", f"{ours:g} {row.unit}", shown, f"{first} / {limit}", where)
        yield f"| {' | '.join(cells)} |"


def figure(pattern: str, text: str) -> float:
    """The last group of the pattern, on the first line that it matches."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"no line matches {pattern}:\n{text}")
    return float(found.groups()[-1])


def raw(printed: dict[str, str]) -> Iterator[str]:
    yield "## What the scripts printed"
    for script, text in printed.items():
        yield f"\n### `python benchmarks/{script}.py`\n\n```\n{text}\n```"
    yield ""


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "performance.md")
