"""Regular expressions of queries, with a guard, and the Python functions that our SQL calls.

A pattern is Python's, searched, case-sensitive. Python cannot interrupt a match, nor do other threads run meanwhile, so
the work is bounded before it begins. Refused (400/21) is what may take exponential time: over 4096 characters, a choice
or a repeat inside an open repeat (`+`, `*`, `{1,50}`), more than 10,000 ways through choices and bounded repeats, more
than 3 open repeats. The rest is polynomial, and of a text so much is searched as `STEPS` allow: 20,000 characters, or
about 5,000 for a pattern with one open repeat, 300 with two, 70 with three.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple

from ...errors import InvalidInput

MAX_PATTERN = 4096
MAX_TEXT = 20_000
MAX_REPEATS = 3
MAX_WAYS = 10_000
STEPS = 3e7
"""About half a second of matching at the worst."""
MANY = 8


@cache
def _literal() -> re.Pattern[str]:
    return re.compile(r"(\^?)((?:[^\\.^$*+?{}\[\]|()]|\\[^A-Za-z0-9])*)(\$?)\Z", re.DOTALL)


class Checked(NamedTuple):
    """An expression, and how much of a text it may be tried on."""

    expression: re.Pattern[str]
    limit: int

    def found_in(self, text: Any) -> bool:
        return self.expression.search(str(text)[: self.limit]) is not None


@lru_cache(maxsize=64)
def compiled(pattern: str, *, ignore_case: bool = False) -> Checked:
    """The checked expression. Raises InvalidInput (subcode 21) when it is malformed or dangerous."""
    if len(pattern) > MAX_PATTERN:
        raise InvalidInput(f"Malformed regular expression: longer than {MAX_PATTERN} characters", subcode=21)
    try:
        found = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        repeats, ways = _check(_parsed(pattern), times=1)
    except (re.error, RecursionError, OverflowError) as exc:
        raise InvalidInput(f"Malformed regular expression: {exc}: {pattern!r}", subcode=21) from exc
    if repeats > MAX_REPEATS:
        raise InvalidInput(f"Malformed regular expression: over {MAX_REPEATS} open repeats: {pattern!r}", subcode=21)
    # A search begins at every character of the text, and each open repeat may end at every one.
    return Checked(found, min(MAX_TEXT, int((STEPS / ways) ** (1 / (repeats + 1)))))


def literal(pattern: str) -> tuple[str, str] | None:
    """(`exact` or `contains`, text) for the escaped plain text that the SDK sends; None for a real expression."""
    found = _literal().match(pattern)
    if found is None or bool(found[1]) != bool(found[3]):
        return None
    return ("exact" if found[1] else "contains"), re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)


def search(pattern: str, text: Any) -> bool:
    """SQL `mlops_search`: case-sensitive."""
    return text is not None and compiled(pattern).found_in(text)


def search_any_case(pattern: str, text: Any) -> bool:
    """SQL `mlops_search_any_case`."""
    return text is not None and compiled(pattern, ignore_case=True).found_in(text)


def number(value: Any) -> float | None:
    """SQL `mlops_number`: the number that a text is, or NULL. Parameters are stored as text and sorted as numbers."""
    if isinstance(value, (int, float)):
        return float(value)
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return None if found != found else found  # NaN


def inside(document: str | None, keys: str) -> Any:
    """SQL `mlops_path`: the value at a list of keys, for keys that SQLite's own paths cannot name."""
    found: Any = json.loads(document) if document else None
    for key in json.loads(keys):
        found = found.get(key) if isinstance(found, dict) else None
    return json.dumps(found, ensure_ascii=False) if isinstance(found, (dict, list)) else found


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "mlops_search": (2, search),
    "mlops_search_any_case": (2, search_any_case),
    "mlops_number": (1, number),
    "mlops_path": (2, inside),
}


def _parsed(pattern: str) -> Any:
    from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415 - only for a real expression

    return _parser.parse(pattern)


def _check(tree: Any, *, times: int) -> tuple[int, int]:
    """Open repeats, and ways through the bounded ones and the choices, of what is itself repeated up to `times` times.

    Raises where one repeats what may match in several ways, as in `(a+)+` or `(a|aa)*`.
    """
    repeats, ways = 0, 1
    for operator, argument in tree:
        name = str(operator)
        low, high = argument[:2] if name in ("MAX_REPEAT", "MIN_REPEAT") else (1, 1)
        if times > MANY and (name == "BRANCH" or low != high):
            raise re.error("a choice or a repeat inside an open repeat may take for ever")
        below = [_check(part, times=times * high) for part in _subpatterns(argument)]
        if _is_open(low, high):
            repeats += 1 + sum(count for count, _ in below)
            continue
        # `(.*a){6}` is six open repeats, and `(a|aa){8}` as many choices as it has rounds.
        repeats += high * sum(count for count, _ in below)
        inner = sum(way for _, way in below) if name == "BRANCH" else prod(way for _, way in below)
        ways *= (high - low + 1) * max(inner, 1) ** min(high, MAX_WAYS)
        if ways > MAX_WAYS:
            raise re.error("there are too many ways through its choices")
    return repeats, ways


def _is_open(low: int, high: int) -> bool:
    return high > MANY and low != high


def _subpatterns(argument: Any) -> list[Any]:
    if hasattr(argument, "data"):
        return [argument]
    if isinstance(argument, (tuple, list)):
        return [part for item in argument for part in _subpatterns(item)]
    return []
