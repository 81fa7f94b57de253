"""What a run only printed yields to what it logged: a number on the screen is a rounded copy, often at another step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .decode import Series

Json = dict[str, Any]

PRINTED = "printed"
"""The stream (and `printed.2`, ...) of what was read off the console."""


class Precedence:
    """Knows the series that a run logged itself.

    `shadowed` are those that it printed, too. Whoever takes over must know them: the streams that told them may have
    ended.
    """

    def __init__(self, shadowed: Iterable[Series] = ()) -> None:
        self.shadowed: set[Series] = set(shadowed)
        self._logged: set[Series] = set(self.shadowed)

    def yielding(self, stream: str, scalars: list[Json]) -> list[Json]:
        """The columns of a stream that count."""
        if stream.partition(".")[0] != PRINTED:
            self._logged.update(map(_series, scalars))
            return scalars
        found = {_series(column) for column in scalars} & self._logged
        self.shadowed |= found
        return [column for column in scalars if _series(column) not in found]


def _series(column: Json) -> Series:
    return column["metric"], column["variant"]
