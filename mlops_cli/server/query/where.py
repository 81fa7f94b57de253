"""The conditions of a query, field by field, as SQL. All of them hold at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from ...errors import InvalidInput
from . import dates, patterns
from .fields import BOOLEAN, DATE, OBJECT, Scope, Target
from .lists import ListFilter, Value, parse, parse_filters

MANY_VALUES = 30


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:/-]*\Z")


TEXT_FIELDS = ("name", "id", "comment", "description", "basename", "uri", "report")


def conditions(scope: Scope, body: dict[str, Any]) -> list[str]:
    """Every condition of a request body; keys that are no field (paging, junk of the clients) are passed over."""
    filters = body.get("filters") or {}
    if not isinstance(filters, dict):
        raise InvalidInput("Validation error: filters must be an object")
    found = [_in_list(scope.target(name), parse_filters(spec, name), scope) for name, spec in filters.items() if spec]
    for key, value in body.items():
        if key not in filters and value is not None and _names_field(scope, key):
            found += _field(scope, key, value)
    for key, join in (("_any_", " OR "), ("_or_", " OR "), ("_all_", " AND "), ("_and_", " AND ")):
        if body.get(key):
            found.append(_several(scope, body[key], join))
    if body.get("search_text"):
        found.append(_free_text(scope, body["search_text"]))
    if not body.get("search_hidden") and not body.get("id") and "system_tags" in scope.collection.fields:
        found.append(_in_list(scope.target("system_tags"), ListFilter(none_of=["hidden"]), scope))
    return [condition for condition in found if condition]


def _names_field(scope: Scope, key: str) -> bool:
    root, _, rest = key.partition(".")
    if root == "last_metrics":
        return scope.collection.has_metrics and bool(rest)
    field = scope.collection.fields.get(root)
    # An object as a whole is no condition; what it holds is.
    return field is not None and (field.kind != OBJECT or bool(rest))


def _field(scope: Scope, path: str, value: Any) -> list[str]:
    target, collection = scope.target(path), scope.collection
    if path in collection.regexes:
        return [_pattern(scope, target, value)]
    if path.startswith("last_metrics."):
        return _range(scope, target, value)
    if path in collection.ranges:
        return _dates(scope, target, value) if target.kind == DATE else _range(scope, target, value)
    if target.kind == DATE:
        return _dates(scope, target, value)
    if target.kind == BOOLEAN:
        return [f"{target.sql} = {scope.bind(_boolean(path, value))}"]
    if path.startswith("runtime.") and not isinstance(value, list):
        return [_equal(scope, target, value)]
    return [_in_list(target, parse(value), scope)] if value != [] else []


def _pattern(scope: Scope, target: Target, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        parts = [_pattern(scope, target, item) for item in value]
        # The empty pattern is in every text: beside it the others do not matter.
        return "(" + " OR ".join(parts) + ")" if all(parts) and parts else ""
    if not isinstance(value, str):
        raise InvalidInput("Validation error: a pattern must be text")
    plain = patterns.literal(value)
    if plain is None:
        patterns.compiled(value)
        return f"mlops_search({scope.bind(value)}, {target.sql})"
    kind, text = plain
    if kind == "exact":
        return f"{target.sql} = {scope.bind(text)}"
    return f"instr({target.sql}, {scope.bind(text)}) > 0" if text else ""


def _range(scope: Scope, target: Target, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [f"{target.sql} = {scope.bind(_number(value))}"]
    if len(value) != 2:
        raise InvalidInput("Validation error: a range needs two values, [min, max]; either may be null")
    low, high = value
    if low is None and high is None:
        return []
    if low is None:
        return [f"({target.sql} IS NULL OR {target.sql} <= {scope.bind(_number(high))})"]
    found = [f"{target.sql} >= {scope.bind(_number(low))}"]
    return found if high is None else [*found, f"{target.sql} <= {scope.bind(_number(high))}"]


def _number(value: Any) -> float | int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    found = patterns.number(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidInput(f"Validation error: not a number: {value!r}")
    return found


def _dates(scope: Scope, target: Target, value: Any) -> list[str]:
    pairs = dates.comparisons(value)
    found = [f"{target.sql} {operator} {scope.bind(date)}" for operator, date in pairs]
    if isinstance(value, list) and len(value) == 2 and value[0] is None and found:
        return [f"({target.sql} IS NULL OR {found[0]})"]
    return found


def _boolean(path: str, value: Any) -> int:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value in (True, False) and isinstance(value, (bool, int)):
        return int(value)
    raise InvalidInput(f"Validation error: {path} must be true or false")


def _equal(scope: Scope, target: Target, value: Any) -> str:
    if isinstance(value, dict):
        raise InvalidInput("Validation error: a wanted value must be text, a number, true, false or null")
    return f"{target.sql} = {scope.bind(value)}"


def _in_list(target: Target, wanted: ListFilter, scope: Scope) -> str:
    groups = []
    any_of = list(_without_none(wanted.any_of))
    alternatives = [_has_one(target, any_of, scope)] if any_of else []
    if None in wanted.any_of:
        alternatives.append(target.is_missing)
    if alternatives:
        groups.append(f"({' OR '.join(alternatives)})")
    if wanted.all_of:
        groups.append("(" + " AND ".join(_has_each(target, wanted.all_of, scope)) + ")")
    if wanted.none_of:
        groups.append("(" + " AND ".join(_has_none(target, wanted.none_of, scope)) + ")")
    if wanted.not_all_of:
        groups.append("NOT (" + " AND ".join(_has_each(target, wanted.not_all_of, scope)) + ")")
    return "(" + (" OR " if wanted.joined_by_or else " AND ").join(groups) + ")" if groups else ""


def _has_each(target: Target, values: Iterable[Value], scope: Scope) -> Iterator[str]:
    for value in values:
        if value is None:
            yield target.is_missing
        else:
            # A missing value is not NULL here but "no": the result may be negated.
            yield f"coalesce({_has_one(target, [value], scope)}, 0)"


def _has_none(target: Target, values: Iterable[Value], scope: Scope) -> Iterator[str]:
    named = list(_without_none(values))
    if named:
        yield f"NOT coalesce({_has_one(target, named, scope)}, 0)"
    if None in values:
        yield f"NOT {target.is_missing}"


def _without_none(values: Iterable[Value]) -> Iterator[str]:
    return (value for value in values if value is not None)


def _has_one(target: Target, values: list[str], scope: Scope) -> str:
    if target.listed and len(values) <= MANY_VALUES and all(map(_word().match, values)):
        # A word in quotes can stand in the text of a JSON list only as one of its elements: found without decoding.
        found = (f"instr({target.listed}, {scope.bind(json.dumps(value))}) > 0" for value in values)
        return f"({' OR '.join(found)})"
    return target.some(lambda sql: _is_one_of(sql, values, scope))


def _is_one_of(sql: str, values: list[str], scope: Scope) -> str:
    if len(values) == 1:
        return f"{sql} = {scope.bind(values[0])}"
    if len(values) <= MANY_VALUES:
        return f"{sql} IN ({', '.join(scope.bind(value) for value in values)})"
    return f"{sql} IN (SELECT value FROM json_each({scope.bind(json.dumps(values))}))"  # noqa: S608


def _several(scope: Scope, spec: Any, join: str) -> str:
    if not isinstance(spec, dict) or not isinstance(spec.get("fields"), list) or not spec["fields"]:
        raise InvalidInput("Validation error: _any_ and _all_ need {fields: [...], pattern or datetime}")
    condition = _several_condition(scope, spec)
    found = []
    for path in spec["fields"]:
        if not isinstance(path, str):
            raise InvalidInput("Validation error: a field's name must be text")
        found.append(f"coalesce({condition(scope.target(path))}, 0)")
    return "(" + join.join(found) + ")"


def _several_condition(scope: Scope, spec: dict[str, Any]) -> Callable[[Target], str]:
    if spec.get("datetime") is not None:
        pairs = dates.comparisons(spec["datetime"])
        bound = [(operator, scope.bind(date)) for operator, date in pairs]
        return lambda target: target.some(lambda sql: " AND ".join(f"{sql} {op} {name}" for op, name in bound) or "1")
    pattern = spec.get("pattern")
    if not isinstance(pattern, str):
        raise InvalidInput("Validation error: the pattern of _any_ and _all_ must be text")
    patterns.compiled(pattern, ignore_case=True)
    name = scope.bind(pattern)
    return lambda target: target.some(lambda sql: f"mlops_search_any_case({name}, {sql})")


def _free_text(scope: Scope, text: Any) -> str:
    if not isinstance(text, str):
        raise InvalidInput("Validation error: search_text must be text")
    fields = [name for name in TEXT_FIELDS if name in scope.collection.fields]
    return _several(scope, {"fields": fields, "pattern": re.escape(text)}, " OR ")
