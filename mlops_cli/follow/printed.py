"""Metrics in what a program prints: `step=3 loss=0.41`, or whatever a person's own pattern names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ..errors import InvalidInput

MAX_LINE_CHARS = 4096
STEP_NAMES = ("global_step", "step", "iteration", "iter", "it", "batch", "epoch")
"""What counts as the step, the finest first; a coarser one on the same line is a value like any other."""

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)"


@cache
def _pair() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./@-])([A-Za-z_][\w./@-]*)\s?=\s?({_NUMBER})%?(?=$|[\s,;|)\]}}/])", re.IGNORECASE)


@cache
def _escapes() -> re.Pattern[str]:
    return re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Point(NamedTuple):
    name: str
    step: int
    value: float


class PrintedMetrics:
    """Finds points line by line.

    Without patterns a line counts when it has `name=value` pairs and one of them is a step or an epoch. A pattern is a
    regular expression with either the groups `name` and `value`, or one group a metric, named like it; a group named
    like a step gives the step, else lines that match are counted.

    Raises InvalidInput for a pattern that does not compile or names no group.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [_compile(pattern) for pattern in patterns]
        self._matches = 0

    def feed(self, line: str) -> list[Point]:
        """The points of one line, without its end; progress frames (`\\r`) count as lines."""
        if "\r" in line:
            return [point for frame in line.split("\r") for point in self.feed(frame)]
        if len(line) > MAX_LINE_CHARS or ("=" not in line and not self._patterns):
            return []
        text = _escapes().sub("", line) if "\x1b" in line else line
        if not self._patterns:
            return _pairs(text)
        return [point for pattern in self._patterns for point in self._matched(pattern, text)]

    def _matched(self, pattern: re.Pattern[str], text: str) -> list[Point]:
        points = []
        for match in pattern.finditer(text):
            groups = {name: value for name, value in match.groupdict().items() if value is not None}
            if "name" in groups and "value" in groups:
                groups = {key: value for key, value in groups.items() if key in STEP_NAMES} | {
                    groups["name"]: groups["value"]
                }
            numbers = {name: number for name, value in groups.items() if (number := _number(value)) is not None}
            step = _take_step(numbers)
            if numbers:
                points += [
                    Point(name, self._matches if step is None else step, value) for name, value in numbers.items()
                ]
                self._matches += 1
        return points


def _pairs(text: str) -> list[Point]:
    numbers = {name: float(value) for name, value in _pair().findall(text)}
    step = _take_step(numbers)
    if step is None:
        return []
    return [Point(name, step, value) for name, value in numbers.items()]


def _take_step(numbers: dict[str, float]) -> int | None:
    """Remove the finest step from the numbers and return it."""
    lower = {name.lower(): name for name in numbers}
    for name in STEP_NAMES:
        if name in lower and numbers[lower[name]] == numbers[lower[name]] // 1 and abs(numbers[lower[name]]) < 2**53:
            return int(numbers.pop(lower[name]))
    return None


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%"))
    except ValueError:
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise InvalidInput(
            f"--metrics {pattern!r} is no regular expression: {exc}",
            hint=r"for example --metrics 'loss (?P<loss>[\d.]+)'",
        ) from exc
    if not compiled.groupindex:
        raise InvalidInput(
            f"--metrics {pattern!r} names no metric",
            hint=r"name a group: --metrics 'loss (?P<loss>[\d.]+)', or (?P<name>\w+) (?P<value>[\d.]+)",
        )
    return compiled
