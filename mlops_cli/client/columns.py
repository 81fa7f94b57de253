"""Columns and sort keys: what `-c a,b,+c,-d` and `-s -val/acc` mean, and the values of a listed task. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from . import fields
from .api import Json
from .fields import Field, View


@dataclass(frozen=True, slots=True)
class SortKey:
    field: Field
    is_descending: bool


def resolve_columns(specs: Iterable[str], default: Sequence[str]) -> list[Field]:
    """The columns that `-c` words mean: plain names replace the default, `+name` adds, `-name` takes away.

    Raises InvalidInput when a column to take away is not there, naming the ones that are.
    """
    words = [word.strip() for spec in specs for word in spec.split(",") if word.strip()]
    names = [word for word in words if word[0] not in "+-"] or list(default)
    for word in words:
        if word[0] == "+" and word[1:] not in names:
            names.append(word[1:])
        elif word[0] == "-":
            same = [name for name in names if _same(name, word[1:])]
            if not same:
                raise InvalidInput(f"there is no column `{word[1:]}` to leave out", hint="columns: " + ",".join(names))
            names = [name for name in names if name not in same]
    return [fields.find_field(name) for name in dict.fromkeys(names) if name]


def resolve_sort(specs: Iterable[str]) -> list[SortKey]:
    """The sort keys in order; a leading `-` is descending."""
    words = [word.strip() for spec in specs for word in spec.split(",") if word.strip()]
    return [SortKey(fields.find_field(word.lstrip("+-")), word.startswith("-")) for word in words if word.strip("+-")]


def read_row(task: Json, columns: Sequence[Field], view: View) -> list[Any]:
    """One task's values, in the order of the columns; None where it has none."""
    return [column.read(task, view) for column in columns]


def sort_tasks(tasks: Iterable[Json], keys: Sequence[SortKey], view: View) -> list[Json]:
    """Sorted by every key in turn; numbers before texts, missing values last in both directions."""
    ordered = list(tasks)
    for key in reversed(keys):
        rated = [(_rate(key.field.read(task, view)), task) for task in ordered]
        present = [pair for pair in rated if pair[0] is not None]
        missing = [task for rate, task in rated if rate is None]
        # Python's sort is stable in reverse too, so the keys before keep their say.
        present.sort(key=lambda pair: pair[0] or (0, 0.0, ""), reverse=key.is_descending)
        ordered = [task for _, task in present] + missing
    return ordered


def suggest_columns(tasks: Sequence[Json], *, parameters: int = 3, metrics: int = 3) -> list[str]:
    """Parameters that differ between these tasks, and their commonest metrics: what a person looks for first."""
    values: dict[str, set[Any]] = {}
    seen: Counter[str] = Counter()
    for task in tasks:
        for section, name, value in fields.each_parameter(task):
            if section != "properties":
                values.setdefault(name, set()).add(value)
                seen[name] += 1
    differing = [name for name in values if len(values[name]) > 1 or 0 < seen[name] < len(tasks)]
    differing.sort(key=lambda name: -seen[name])
    series = Counter(
        name for task in tasks for name, _ in fields.each_series(task) if not name.startswith((":monitor:", "Summary/"))
    )
    # The commonest, but in the order of their names, so that the columns keep their places from day to day.
    common = sorted(name for name, _ in series.most_common(metrics))
    return differing[:parameters] + common


def known_names(tasks: Iterable[Json]) -> set[str]:
    """Every parameter and metric that these tasks have, as people type them."""
    names: set[str] = set()
    for task in tasks:
        for section, name, _ in fields.each_parameter(task):
            names.update((name, f"{section}/{name}"))
        names.update(name for name, _ in fields.each_series(task))
    return names


def _same(name: str, other: str) -> bool:
    return fields.ALIASES.get(name, name) == fields.ALIASES.get(other, other)


def _rate(value: Any) -> tuple[int, float, str] | None:
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, bool):
        return 0, float(value), ""
    number = fields.to_number(value)
    if number is None:
        return 1, 0.0, " ".join(value) if isinstance(value, list) else str(value)
    # NaN compares with nothing; as a missing value it stays out of the way.
    return None if number != number else (0, number, "")
