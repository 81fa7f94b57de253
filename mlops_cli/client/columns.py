"""Sort keys, what `-s -val/acc` means, and the names that listed tasks have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import fields
from .api import Json
from .fields import Field, View


@dataclass(frozen=True, slots=True)
class SortKey:
    field: Field
    is_descending: bool


def resolve_sort(specs: Iterable[str]) -> list[SortKey]:
    """The sort keys in order; a leading `-` is descending."""
    words = [word.strip() for spec in specs for word in spec.split(",") if word.strip()]
    return [SortKey(fields.find_field(word.lstrip("+-")), word.startswith("-")) for word in words if word.strip("+-")]


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


def known_names(tasks: Iterable[Json]) -> set[str]:
    """Every parameter and metric that these tasks have, as people type them."""
    names: set[str] = set()
    for task in tasks:
        for section, name, _ in fields.each_parameter(task):
            names.update((name, f"{section}/{name}"))
        names.update(name for name, _ in fields.each_series(task))
    return names


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
