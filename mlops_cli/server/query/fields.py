"""What a kind of document is made of, and what a dotted path in a query means in SQL.

A collection lists its fields once; storing, reading, filtering, sorting and projecting all follow that list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...errors import InvalidInput

TEXT, INTEGER, BOOLEAN, DATE, OBJECT, LIST = "text", "integer", "boolean", "date", "object", "list"

METRIC_FIELDS = {
    "value": "value",
    "min_value": "min_value",
    "min_value_iteration": "min_iter",
    "max_value": "max_value",
    "max_value_iteration": "max_iter",
    "first_value": "first_value",
    "first_value_iteration": "first_iter",
    "mean_value": "mean_value",
    "count": "count",
    "metric": "metric",
    "variant": "variant",
    "x_axis_label": "x_axis_label",
}
"""The fields of an entry of `last_metrics`, and their columns in `series`."""


class Field(NamedTuple):
    """One top-level field. `empty` is what an answer holds when nothing is stored (None: the key is left out)."""

    name: str
    kind: str = TEXT
    empty: str | None = None
    apart: bool = False
    internal: bool = False


class Collection(NamedTuple):
    """One kind of document. `arrays` are paths through lists of objects: path > (column, list, key in each object)."""

    noun: str
    table: str
    fields: dict[str, Field]
    apart: str = ""
    regexes: frozenset[str] = frozenset()
    ranges: frozenset[str] = frozenset()
    arrays: Mapping[str, tuple[str, str, str]] = {}
    shortcuts: Mapping[str, str] = {}
    has_metrics: bool = False
    unknown_id: int = 10

    def column(self, name: str) -> str:
        """The SQL of a top-level field."""
        return f"{'s' if self.fields[name].apart else 't'}.{name}"

    def source(self, names: set[str]) -> str:
        """The FROM clause for reading these fields."""
        if self.apart and any(self.fields[name].apart for name in names if name in self.fields):
            return f"{self.table} t LEFT JOIN {self.apart} s ON s.seq = t.seq"
        return f"{self.table} t"


class Target(NamedTuple):
    """Where a path points: one value (`sql`), or the elements of a list (`sql` in each row of `each`).

    `listed` is the column of a list of texts.
    """

    sql: str
    kind: str = TEXT
    each: str = ""
    is_json: bool = False
    listed: str = ""

    def some(self, condition: Callable[[str], str]) -> str:
        """That the value, or some element, fulfils the condition."""
        if not self.each:
            return condition(self.sql)
        return f"EXISTS (SELECT 1 FROM {self.each} WHERE {condition(self.sql)})"  # noqa: S608

    @property
    def is_missing(self) -> str:
        if self.each:
            return f"NOT EXISTS (SELECT 1 FROM {self.each})"  # noqa: S608
        return f"({self.sql} IS NULL OR {self.sql} = '')"


class Scope:
    """One statement being built: its bound values, and the tables that its paths need."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.values: dict[str, Any] = {}
        self.joins: dict[str, str] = {}
        self.names: set[str] = set()

    def bind(self, value: object) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def source(self) -> str:
        return " ".join([self.collection.source(self.names), *self.joins.values()])

    def target(self, path: str) -> Target:
        """What a dotted path means here. Raises InvalidInput when it begins with no field of the collection."""
        collection = self.collection
        if path in collection.shortcuts:
            return Target(collection.shortcuts[path])
        root, *keys = split(path)
        if root == "last_metrics" and collection.has_metrics:
            return self._metric(keys, path)
        known = collection.fields.get(root)
        if known is None:
            raise InvalidInput(f"Validation error: unknown field: {path}")
        self.names.add(root)
        column = collection.column(root)
        if path in collection.arrays:
            _, items, key = collection.arrays[path]
            return Target(f"json_extract(j.value, '$.{key}')", each=f"json_each({column}, '$.{items}') j")
        if known.kind == LIST:
            return Target("j.value", each=f"json_each({column}) j", listed=column)
        if keys and known.kind == OBJECT:
            return Target(self._inside(column, keys), is_json=True)
        return Target(column, known.kind)

    def _inside(self, column: str, keys: list[str]) -> str:
        if all(map(_is_plain, keys)):
            return f"json_extract({column}, {self.bind('$' + ''.join(f'.{chr(34)}{key}{chr(34)}' for key in keys))})"
        # SQLite compares such keys by their escaped text, so they are looked up by a function of ours.
        return f"mlops_path({column}, {self.bind(json.dumps(keys))})"

    def _metric(self, keys: list[str], path: str) -> Target:
        if len(keys) != 3 or keys[2] not in METRIC_FIELDS:
            raise InvalidInput(f"Validation error: not last_metrics.<metric>.<variant>.<field>: {path}")
        join_key = f"{keys[0]}.{keys[1]}"
        alias = f"m{list(self.joins).index(join_key) if join_key in self.joins else len(self.joins)}"
        if join_key not in self.joins:
            self.joins[join_key] = (
                f"LEFT JOIN series {alias} ON {alias}.task = t.id"
                f" AND {alias}.metric_hash = {self.bind(keys[0])} AND {alias}.variant_hash = {self.bind(keys[1])}"
            )
        return Target(f"{alias}.{METRIC_FIELDS[keys[2]]}", INTEGER)


def split(path: str) -> list[str]:
    """The keys of a dotted path; a dot inside a key is written `%2E`."""
    return [key.replace("%2E", ".").replace("%2e", ".") for key in path.split(".")]


def _is_plain(key: str) -> bool:
    return key != "" and '"' not in key and "\\" not in key and key.isprintable()
