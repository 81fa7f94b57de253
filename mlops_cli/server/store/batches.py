"""Turns one batch of a run's stream (`events.add_columns`) into what is stored of it. Pure."""

from __future__ import annotations

import binascii
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import InvalidInput
from ...schemas.console import unfinished
from ..series.columns import Points
from .console import RAW, Entry
from .intake import Column, Owner, Share, clean, number, sort, whole

UNEQUAL = "Validation error: the columns of a series differ in length"

Json = Mapping[str, Any]


def read(owner: Owner, body: Json, *, worker: str, now_ms: int) -> tuple[Share, Counter[str]]:
    """What the batch holds for its task, and what of it cannot be stored, by reason."""
    events = [
        {**event, "task": owner.id, "allow_locked": owner.allow_locked, "model_event": False}
        if isinstance(event, dict)
        else event
        for event in body.get("events", ())
    ]
    intake = sort(events, worker=worker, now_ms=now_ms)
    share, errors = intake.shares.get(owner, Share()), intake.errors
    for item in body.get("scalars", ()):
        column = _column(item, worker, errors)
        share.size += len(column.points.steps)
        if column.points.steps:
            _add(share, (clean(item.get("metric")), clean(item.get("variant"))), column)
    pieces = _console(body.get("console", ()), worker, now_ms)
    share.size += len(pieces)
    share.logs += pieces
    return share, errors


def _add(share: Share, key: tuple[str, str], column: Column) -> None:
    known = share.scalars.get(key)
    if known is None:
        share.scalars[key] = column
        return
    known.points = Points(
        known.points.steps + column.points.steps,
        known.points.values + column.points.values,
        known.points.times + column.points.times,
    )


def _column(item: Json, worker: str, errors: Counter[str]) -> Column:
    steps, values, times = item.get("iter"), item.get("value"), item.get("timestamp")
    label = clean(item["x_axis_label"]) if item.get("x_axis_label") else None
    if not isinstance(steps, Sequence) or not isinstance(values, Sequence) or not isinstance(times, Sequence):
        raise InvalidInput("Validation error: iter, value and timestamp must be columns")
    if not len(steps) == len(values) == len(times):
        raise InvalidInput(UNEQUAL)
    if isinstance(steps, array) and isinstance(values, array) and isinstance(times, array):  # noqa: SIM102 - for mypy
        if (steps.typecode, values.typecode, times.typecode) == ("q", "d", "q"):
            return Column(Points(steps, values, times), worker, label)
    points = Points(array("q"), array("d"), array("q"))
    for step, value, moment in zip(steps, values, times, strict=True):
        try:
            row = whole(step, "iter"), number(value), whole(moment, "timestamp")
        except ValueError as exc:
            errors[str(exc)] += 1
            continue
        points.steps.append(row[0])
        points.values.append(row[1])
        points.times.append(row[2])
    return Column(points, worker, label)


def _console(items: Iterable[Json], worker: str, now_ms: int) -> list[Entry]:
    """The pieces of raw output, where a character that was cut in two goes wholly to the later piece."""
    found: list[Entry] = []
    before: dict[str, int] = {}
    for item in items:
        raw, level = _raw(item.get("raw")), clean(item.get("level"))
        at = before.get(level)
        cut = unfinished(found[at].raw) if at is not None else 0
        if at is not None and cut:
            earlier = found[at]
            found[at] = earlier._replace(raw=earlier.raw[:-cut])
            raw = earlier.raw[-cut:] + raw
        try:
            moment = whole(item.get("timestamp", now_ms), "timestamp")
        except ValueError:
            moment = now_ms
        before[level] = len(found)
        found.append(Entry(moment, level, worker, raw, RAW))
    return found


def _raw(raw: object) -> bytes:
    if isinstance(raw, str):
        try:
            return binascii.a2b_base64(raw, strict_mode=True)
        except binascii.Error as exc:
            raise InvalidInput("Validation error: raw is neither bytes nor base64 text") from exc
    if isinstance(raw, (bytes, bytearray, memoryview)):
        return bytes(raw)
    raise InvalidInput("Validation error: raw is neither bytes nor base64 text")
