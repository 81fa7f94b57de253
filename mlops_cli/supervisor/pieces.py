"""What the store refuses as wrong is left out and told: it must not keep the rest, and the run's end, waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import Conflict, InvalidInput, MlopsError, NotFound, Refused

T = TypeVar("T")

GONE = (100, 101)
"""The API's words for a task that does not exist: then all of the run is over, and not this piece."""


def is_wrong(error: MlopsError) -> bool:
    """Whether the same request would be refused for ever; a store that is away, busy or full is another matter."""
    if isinstance(error, NotFound):
        return error.subcode not in GONE
    return isinstance(error, (InvalidInput, Refused, Conflict))


def send(
    call: Callable[[list[T]], object], items: Sequence[T], name: Callable[[T], str], left_out: dict[str, str]
) -> None:
    """Call with all items; when that is refused, halve them until only what is wrong is left out, by its name."""
    if not items:
        return
    try:
        call(list(items))
    except MlopsError as exc:
        if not is_wrong(exc):
            raise
        if len(items) == 1:
            left_out[name(items[0])] = f"the store refused it: {exc.message}"
            return
        middle = len(items) // 2
        send(call, items[:middle], name, left_out)
        send(call, items[middle:], name, left_out)
