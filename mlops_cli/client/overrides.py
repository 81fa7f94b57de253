"""`key=value` overrides for a clone: found among the recorded parameters, typed against them, and put into
argv. Pure."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Ambiguous, InvalidInput, NotFound
from ..schemas.parameters import GUESSED
from .suggest import nearest

NEW_SECTION = "Args"
"""Where a parameter goes that no section has yet."""

PROGRAM = ("Args", "Hydra")
"""Sections that come from the command line. One option may be in both, told by argv and by the program itself."""

NOT_OURS = ("Environment", "properties")
"""Sections that an unqualified name never means."""

BOOLS = {
    "true": "True",
    "yes": "True",
    "on": "True",
    "1": "True",
    "false": "False",
    "no": "False",
    "off": "False",
    "0": "False",
}
_SEQUENCE = ("list", "tuple", "dict", "set")

Hyperparams = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter and what becomes of it; `old` is None for a new one."""

    section: str
    name: str
    old: str | None
    new: str
    type: str | None


def parse_overrides(words: Iterable[str]) -> list[tuple[str, str]]:
    """`key=value` words as pairs; the last of several for one key wins. Raises InvalidInput for other words."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InvalidInput(f"`{word}` is not an override", hint="overrides are `lr=0.01`, one word each")
        found[key.lstrip("-") if key.startswith("--") else key] = value
    return list(found.items())


def plan_changes(
    hyperparams: Mapping[str, Mapping[str, Mapping[str, Any]]],
    overrides: Iterable[tuple[str, str]],
    *,
    allow_new: bool = False,
) -> list[Change]:
    """What the overrides change.

    A key is `section/name`, or a name that one section has. Raises NotFound for an unknown key (unless `allow_new`),
    Ambiguous where several sections have it, InvalidInput where the value does not fit the recorded type.
    """
    changes: dict[tuple[str, str], Change] = {}
    for key, value in overrides:
        for section, name, item in _find(hyperparams, key, allow_new):
            changes[section, name] = _change(key, value, section, name, item, allow_new)
    return list(changes.values())


def apply_changes(hyperparams: Mapping[str, Mapping[str, Mapping[str, Any]]], changes: Iterable[Change]) -> Hyperparams:
    """The whole `hyperparams` with the changes in it, as `tasks.edit` and `tasks.clone` want it."""
    edited: Hyperparams = {
        section: {name: dict(item) for name, item in items.items()} for section, items in hyperparams.items()
    }
    for change in changes:
        item = edited.setdefault(change.section, {}).setdefault(
            change.name, {"section": change.section, "name": change.name, "type": _guess(change.new)}
        )
        item["value"] = change.new
        if change.type:
            item["type"] = change.type
    return edited


def _change(key: str, value: str, section: str, name: str, item: Mapping[str, Any] | None, allow_new: bool) -> Change:
    recorded = item.get("type") if item else None
    old = item.get("value") if item else None
    if item and item.get("description") == GUESSED:
        recorded = _widened(recorded, value)
    try:
        typed = _fit(key, value, recorded or _guess(old), is_nullable=bool(item) and not recorded and not old)
    except InvalidInput:
        if not allow_new:
            raise
        # A new parameter in the old one's place, with a type of its own.
        typed, recorded = value, _guess(value)
    return Change(section, name, "" if item and old is None else old, typed, recorded)


def _find(
    hyperparams: Mapping[str, Mapping[str, Mapping[str, Any]]], key: str, allow_new: bool
) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    for cut in (index for index, char in enumerate(key) if char == "/"):
        item = hyperparams.get(key[:cut], {}).get(key[cut + 1 :])
        if item is not None:
            return [(key[:cut], key[cut + 1 :], item)]
    sections = [
        (section, name)
        for section, items in hyperparams.items()
        if section not in NOT_OURS
        for name in items
        if canonical(name) == canonical(key)
    ]
    exact = [place for place in sections if place[1] == key] or sections
    same = {hyperparams[section][name].get("value") for section, name in exact}
    if len(exact) == 1 or (len(same) == 1 and all(section in PROGRAM for section, _ in exact)):
        return [(section, name, hyperparams[section][name]) for section, name in exact]
    if exact:
        places = sorted(f"{section}/{name}" for section, name in exact)
        raise Ambiguous(
            f"several sections have `{key}`: {', '.join(places)}",
            hint=f"say which: {places[0]}=...",
            data={"candidates": places},
        )
    if allow_new:
        section, slash, name = key.partition("/")
        return [(section, name, None) if slash and section in hyperparams else (NEW_SECTION, key, None)]
    known = [name for section, items in hyperparams.items() if section not in NOT_OURS for name in items]
    full = [f"{section}/{name}" for section, items in hyperparams.items() for name in items]
    near = nearest(key, full if "/" in key else known)
    hint = (
        f"did you mean {' or '.join(f'`{name}`' for name in near)}? `--new-key` adds it"
        if near
        else "`--new-key` adds it"
    )
    raise NotFound(f"the experiment has no parameter `{key}`", hint=hint, data={"suggestions": near})


def _fit(key: str, value: str, type_: str | None, *, is_nullable: bool) -> str:
    """The value as it is stored. Raises InvalidInput when it is not of the recorded type."""
    if is_nullable:
        return value
    kind = (type_ or "str").split("/")[0].lower()
    if kind == "int":
        number = _integer(value)
        if number is None:
            raise _misfit(key, value, "a whole number")
        return number
    if kind == "float":
        try:
            float(value)
        except ValueError:
            raise _misfit(key, value, "a number") from None
        return value.strip()
    if kind == "bool":
        word = BOOLS.get(value.strip().lower())
        if word is None:
            raise _misfit(key, value, "true or false")
        return word
    if kind in _SEQUENCE:
        return _fit_sequence(key, value, kind)
    return value


def _fit_sequence(key: str, value: str, kind: str) -> str:
    parsed = parse_literal(value)
    if kind == "dict":
        if not isinstance(parsed, dict):
            raise _misfit(key, value, "a dict such as {'a': 1}")
        return value
    if value.strip()[:1] in ("[", "(", "{"):
        if isinstance(parsed, (list, tuple, set)):
            return value
        raise _misfit(key, value, "a list such as [1, 2] or 1,2")
    # `layers=64,32` is what people type.
    items = [_parse_item(item.strip()) for item in value.split(",")] if value.strip() else []
    return repr(items)


def _integer(value: str) -> str | None:
    text = value.strip()
    try:
        return str(int(text.replace("_", "")))
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    # `1e3` is a whole number to everybody who types it.
    return str(int(number)) if math.isfinite(number) and number == int(number) and abs(number) < 2**63 else None


def _misfit(key: str, value: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"`{key}={value}`: expected {expected}, as in the recorded experiment", hint="`--new-key` changes its type"
    )


def _guess(value: str | None) -> str | None:
    """The type of a value whose type was not recorded."""
    if value is None or value == "":
        return None
    if value.lower() in ("true", "false"):
        return "bool"
    if re.fullmatch(r"[+-]?\d+", value):
        # A whole number may have been a float that happened to be whole (`--lr 1`).
        return "float"
    try:
        float(value)
    except ValueError:
        return "list" if value[:1] == "[" and isinstance(parse_literal(value), list) else "str"
    return "float"


def _widened(recorded: str | None, value: str) -> str | None:
    """The type for a new value where the recorded one is only how the old value looked: `--lr 1`, `--amp true`."""
    if recorded == "int" and _integer(value) is None and _guess(value) == "float":
        return "float"
    if recorded == "bool" and value.strip().lower() not in BOOLS:
        return _guess(value) or "str"
    return recorded


def canonical(name: str) -> str:
    return name.replace("-", "_")


def parse_literal(value: str) -> Any:
    try:
        return ast.literal_eval(value.strip()) if len(value) < 100_000 else None
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _parse_item(word: str) -> Any:
    parsed = parse_literal(word)
    return word if parsed is None else parsed
