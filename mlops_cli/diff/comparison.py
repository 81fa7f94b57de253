"""What a comparison says: sections of rows, each with one value an experiment. Plain values, nothing that decides."""

from __future__ import annotations

from dataclasses import dataclass

CHANGED, ADDED, REMOVED, SAME = "changed", "added", "removed", "same"
"""How a row differs: from the first experiment to any of the others."""

BETTER, WORSE = "better", "worse"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the experiments; the first is what the others are measured against."""

    id: str
    name: str
    status: str
    lacks: tuple[str, ...] = ()
    """What its code lacks, and why: a comparison of code cannot see it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing and its value in each experiment; None where an experiment lacks it."""

    name: str
    values: tuple[str | None, ...]
    change: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One series. `values` are compared (`last` or `best`); deltas and verdicts are against the first experiment.

    `relative` is the change as a fraction of the first value (0.05 is 5 % more), None where that has no meaning.
    `verdicts` are `better`, `worse`, `same`, or None where the direction or a value is unknown.
    """

    name: str
    metric: str
    variant: str
    direction: str | None
    values: tuple[float | None, ...]
    last: tuple[float | None, ...]
    best: tuple[float | None, ...]
    deltas: tuple[float | None, ...]
    relative: tuple[float | None, ...]
    verdicts: tuple[str | None, ...]
    change: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text (a configuration file, a script, a patch). `diffs` has one unified diff from the first to each other one.

    `present` says which experiments have the text at all.
    """

    name: str
    present: tuple[bool, ...]
    diffs: tuple[tuple[str, ...], ...]
    change: str


AnyRow = Row | MetricRow | TextRow


@dataclass(frozen=True, slots=True)
class Section:
    """`rows` are those shown; `same` counts the equal ones that were left out."""

    name: str
    rows: tuple[AnyRow, ...]
    same: int = 0

    @property
    def is_same(self) -> bool:
        return all(row.change == SAME for row in self.rows)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sections in the order of `SECTIONS`. `is_same` answers `--exit-code`; how long a run took does not count."""

    sides: tuple[Side, ...]
    sections: tuple[Section, ...]
    is_same: bool

    def section(self, name: str) -> Section | None:
        return next((section for section in self.sections if section.name == name), None)
