"""When two recorded values are the same: numbers by value, booleans by meaning, lists by their items. Pure."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any

MAX_LITERAL = 10_000
"""Longer texts are compared as they are: parsing them costs more than it tells."""

_NOTHING = ("", "None", "none", "null", "~")


def is_equal(first: str | None, second: str | None, *, types: tuple[str | None, str | None] = (None, None)) -> bool:
    """Whether two parameter texts mean the same: `0.1` and `1e-1`, `True` and `true`, `[1,2]` and `[1, 2]`.

    Two values that were both recorded as `str` are compared as text.
    """
    if first == second:
        return True
    if first is None or second is None:
        return False
    if types == ("str", "str"):
        return False
    left, right = _meaning(first), _meaning(second)
    return _is_same(left, right)


def is_close(first: float | None, second: float | None, *, rtol: float = 0.0, atol: float = 0.0) -> bool:
    """Equal within a tolerance; NaN is NaN, and a missing value is only a missing value."""
    if first is None or second is None:
        return first is second
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return math.isclose(first, second, rel_tol=rtol, abs_tol=atol)


def change_of(present: Sequence[bool], is_all_same: bool) -> str:
    """The word for a row: what the first lacks is added, what others lack is removed."""
    if all(present):
        return "same" if is_all_same else "changed"
    if not any(present):
        return "same"
    if not present[0]:
        return "added"
    return "changed" if any(present[1:]) and not is_all_same else "removed"


def _is_same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(_is_same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def _meaning(text: str) -> Any:
    word = text.strip()
    if word in _NOTHING:
        return None
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return int(word) if len(word) < 400 else word
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        pass
    if word[0] in "[({" and len(word) <= MAX_LITERAL:
        return _literal(word)
    return text


def _literal(word: str) -> Any:
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        pass
    import json  # noqa: PLC0415 - `[true, null]` is JSON and no Python literal

    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word
