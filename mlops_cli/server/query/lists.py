"""The operators inside a list of wanted values: plain values, `-value`, `__$not`, `__$all`, `__$any`, null. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...errors import InvalidInput

Value = str | None


@dataclass(slots=True)
class ListFilter:
    """Groups that are joined by AND (or by OR). A None among the values stands for a missing or empty field."""

    any_of: list[Value] = field(default_factory=list)
    all_of: list[Value] = field(default_factory=list)
    none_of: list[Value] = field(default_factory=list)
    not_all_of: list[Value] = field(default_factory=list)
    joined_by_or: bool = False


def parse(values: object) -> ListFilter:
    """Reads the values from left to right. Raises InvalidInput (subcode 16) for an unknown operator."""
    found = ListFilter()
    group, sees_minus, is_negated, first_operator = found.any_of, True, False, True
    for value in map(plain, values if isinstance(values, list) else [values]):
        if value is None or not value.startswith("__$"):
            if is_negated:
                found.none_of.append(value)
            elif sees_minus and value is not None and len(value) > 1 and value.startswith("-"):
                found.none_of.append(value[1:])
            else:
                group.append(value)
            is_negated = False
            continue
        sees_minus, operator = False, value[3:]
        if operator == "not":
            is_negated = True
        elif operator in ("all", "and"):
            group = found.all_of
        elif operator in ("any", "or"):
            group = found.any_of
            found.joined_by_or |= first_operator
        elif operator == "nop":
            group, sees_minus, is_negated = found.any_of, True, False
        else:
            raise InvalidInput(f"Invalid value: unknown list operator: {value}", subcode=16)
        first_operator = False
    return found


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
