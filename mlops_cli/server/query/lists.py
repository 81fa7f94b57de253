"""The operators inside a list of wanted values: plain values, `-value`, `__$not`, `__$all`, `__$any`, null. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...errors import InvalidInput

Value = str | None


class ListFilter(NamedTuple):
    """Groups that are joined by AND (or by OR). A None among the values stands for a missing or empty field."""

    any_of: Sequence[Value] = ()
    all_of: Sequence[Value] = ()
    none_of: Sequence[Value] = ()
    not_all_of: Sequence[Value] = ()
    joined_by_or: bool = False


def parse(values: object) -> ListFilter:
    """Reads the values from left to right. Raises InvalidInput (subcode 16) for an unknown operator."""
    any_of: list[Value] = []
    all_of: list[Value] = []
    none_of: list[Value] = []
    group, sees_minus, is_negated, first_operator = any_of, True, False, ""
    for value in map(plain, values if isinstance(values, list) else [values]):
        if value is None or not value.startswith("__$"):
            if is_negated:
                none_of.append(value)
            elif sees_minus and value is not None and len(value) > 1 and value.startswith("-"):
                none_of.append(value[1:])
            else:
                group.append(value)
            is_negated = False
            continue
        sees_minus, operator = False, value[3:]
        if operator == "not":
            is_negated = True
        elif operator in ("all", "and"):
            group = all_of
        elif operator in ("any", "or"):
            group = any_of
        elif operator == "nop":
            group, sees_minus, is_negated = any_of, True, False
        else:
            raise InvalidInput(f"Invalid value: unknown list operator: {value}", subcode=16)
        first_operator = first_operator or operator
    return ListFilter(any_of, all_of, none_of, joined_by_or=first_operator in ("any", "or"))


def parse_filters(spec: object, name: str) -> ListFilter:
    """The newer form: `{any: {include, exclude}, all: {include, exclude}, op}`."""
    if not isinstance(spec, dict):
        raise InvalidInput(f"Validation error: filters.{name} must be an object")
    joined_by = spec.get("op") or "and"
    if joined_by not in ("and", "or"):
        raise InvalidInput(f"Validation error: filters.{name}.op must be 'and' or 'or'")
    return ListFilter(
        any_of=_side(spec, name, "any", "include"),
        not_all_of=_side(spec, name, "any", "exclude"),
        all_of=_side(spec, name, "all", "include"),
        none_of=_side(spec, name, "all", "exclude"),
        joined_by_or=joined_by == "or",
    )


def plain(value: Any) -> Value:
    """A wanted value as text: the list fields of the API are all text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise InvalidInput("Validation error: a list of wanted values may hold only text, numbers and null")


def _side(spec: dict[str, Any], name: str, group: str, side: str) -> list[Value]:
    part = spec.get(group) or {}
    if not isinstance(part, dict):
        raise InvalidInput(f"Validation error: filters.{name}.{group} must be an object")
    values = part.get(side) or []
    if not isinstance(values, list):
        raise InvalidInput(f"Validation error: filters.{name}.{group}.{side} must be a list")
    return [plain(value) for value in values]
