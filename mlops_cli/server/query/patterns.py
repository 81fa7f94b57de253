"""Regular expressions of queries, with a guard, and the Python functions that our SQL calls.

A pattern is Python's, searched, case-sensitive. Python cannot interrupt a match, so what may take exponential time is
refused before it runs: over 4096 characters, a choice or a repeat inside an open repeat (`+`, `*`, `{1,50}`), more than
6 open repeats; and only the first 20,000 characters of a text are searched. What remains is polynomial.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from ...errors import InvalidInput

MAX_PATTERN = 4096
MAX_TEXT = 20_000
MAX_REPEATS = 6
MANY = 20


@cache
def _literal() -> re.Pattern[str]:
    return re.compile(r"(\^?)((?:[^\\.^$*+?{}\[\]|()]|\\[^A-Za-z0-9])*)(\$?)\Z", re.DOTALL)


@lru_cache(maxsize=64)
def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The checked expression. Raises InvalidInput (subcode 21) when it is malformed or dangerous."""
    if len(pattern) > MAX_PATTERN:
        raise InvalidInput(f"Malformed regular expression: longer than {MAX_PATTERN} characters", subcode=21)
    try:
        found = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        repeats = _check(_parsed(pattern), inside=False)
    except (re.error, RecursionError, OverflowError) as exc:
        raise InvalidInput(f"Malformed regular expression: {exc}: {pattern!r}", subcode=21) from exc
    if repeats > MAX_REPEATS:
        raise InvalidInput(f"Malformed regular expression: over {MAX_REPEATS} open repeats: {pattern!r}", subcode=21)
    return found


def literal(pattern: str) -> tuple[str, str] | None:
    """(`exact` or `contains`, text) for the escaped plain text that the SDK sends; None for a real expression."""
    found = _literal().match(pattern)
    if found is None or bool(found[1]) != bool(found[3]):
        return None
    return ("exact" if found[1] else "contains"), re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)


def search(pattern: str, text: Any) -> bool:
    """SQL `mlops_search`: case-sensitive."""
    return text is not None and compiled(pattern).search(str(text)[:MAX_TEXT]) is not None


def search_any_case(pattern: str, text: Any) -> bool:
    """SQL `mlops_search_any_case`."""
    return text is not None and compiled(pattern, ignore_case=True).search(str(text)[:MAX_TEXT]) is not None


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


def _check(tree: Any, *, inside: bool) -> int:
    """Counts open repeats; raises when one repeats what may match in several ways, as in `(a+)+` or `(a|aa)*`."""
    count = 0
    for operator, argument in tree:
        is_repeat = str(operator) in ("MAX_REPEAT", "MIN_REPEAT")
        is_open = is_repeat and _is_open(argument[0], argument[1])
        if inside and (str(operator) == "BRANCH" or (is_repeat and argument[0] != argument[1])):
            raise re.error("a choice or a repeat inside an open repeat may take for ever")
        # `(.*a){6}` is six open repeats, and `(a|aa){30}` as many choices as an open one.
        times = argument[1] if is_repeat and not is_open else 1
        within = inside or (is_repeat and argument[1] > MANY)
        count += is_open + times * sum(_check(part, inside=within) for part in _subpatterns(argument))
    return count


def _is_open(low: int, high: int) -> bool:
    return high > MANY and low != high


def _subpatterns(argument: Any) -> list[Any]:
    if hasattr(argument, "data"):
        return [argument]
    if isinstance(argument, (tuple, list)):
        return [part for item in argument for part in _subpatterns(item)]
    return []
