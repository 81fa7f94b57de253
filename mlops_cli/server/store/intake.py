"""Sorts a batch of API events by task and kind, and counts by text those that cannot be stored. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from ...schemas.events import LOG, SCALAR, TYPES, VECTOR
from ..series.columns import Points
from .console import EVENT, Entry

Event = Mapping[str, Any]

_COMMON = frozenset({
    "type", "task", "model", "iter", "metric", "variant", "timestamp", "ts", "worker",
    "allow_locked", "model_event", "method", "x_axis_label",
})  # fmt: skip
_OF_LOG = frozenset({"msg", "level"})
_TEXTS = ("task", "model", "metric", "variant", "worker", "x_axis_label")
_OF_SERIES = (*_TEXTS, "allow_locked", "model_event")
"""What decides to which series a point goes, and under whose name."""
_PLAIN = ("type", "task", "metric", "variant", "iter", "value", "timestamp")
"""All that most points have: then a task and two names tell the series, and one look gets everything."""
_plain = itemgetter(*_PLAIN)
_INT64 = 1 << 63


class Document(NamedTuple):
    """A plot, image or vector; `id` is the API's identity of it, `body` its other fields."""

    type: str
    id: str
    metric: str
    variant: str
    iter: int
    timestamp: int
    worker: str
    body: dict[str, Any]


class Column:
    """The points of one series in the order in which they came."""

    __slots__ = ("points", "worker", "x_axis_label")

    def __init__(self, points: Points, worker: str = "", x_axis_label: str | None = None) -> None:
        self.points = points
        self.worker = worker
        self.x_axis_label = x_axis_label


class Share:
    """What one batch brings for one task (or model)."""

    __slots__ = ("documents", "logs", "scalars", "size")

    def __init__(self) -> None:
        self.scalars: dict[tuple[str, str], Column] = {}
        self.documents: list[Document] = []
        self.logs: list[Entry] = []
        self.size = 0


class Owner(NamedTuple):
    """Whose events: a task's or a model's, and whether they are welcome after it was published."""

    id: str
    is_model: bool
    allow_locked: bool


class Intake:
    __slots__ = ("errors", "shares")

    def __init__(self) -> None:
        self.shares: dict[Owner, Share] = {}
        self.errors: Counter[str] = Counter()


Known = dict[tuple[Any, ...], tuple[Share, Column, str, Points]]


def sort(events: Iterable[Any], *, worker: str, now_ms: int) -> Intake:
    """The events of a batch by owner. `worker` and `now_ms` stand in where an event names none."""
    intake = Intake()
    known: Known = {}
    for event in events:
        try:
            if not _add_known(known, event):
                _take(intake, event, worker, now_ms, known)
        except ValueError as exc:
            intake.errors[str(exc)] += 1
    return intake


def clean(text: object) -> str:
    """Text that can be stored: lone surrogates, which JSON allows, become question marks."""
    found = text if isinstance(text, str) else "" if text is None else str(text)
    try:
        found.encode()
    except UnicodeEncodeError:
        return found.encode("utf-8", "replace").decode()
    return found


def whole(value: object, name: str) -> int:
    """A 64-bit integer. Raises ValueError with a text to count."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not an integer")  # noqa: TRY004 - a text to count, like the others
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"{name} does not fit 64 bits")
    return int(value)


def number(value: object) -> float:
    """A float64; the texts `NaN`, `Infinity`, `-Infinity` are numbers too. Raises ValueError with a text to count."""
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("value is not a number")  # noqa: TRY004 - a text to count, like the others
    try:
        return float(value)
    except OverflowError as exc:
        raise ValueError("value is too large for a float") from exc


def identity(task: str, event: Event) -> str:
    """The MD5 of the parts that are present: events with the same parts overwrite each other."""
    from hashlib import md5  # noqa: PLC0415 - OpenSSL is loaded only where something is hashed

    parts = (task, event.get("iter"), event.get("metric"), event.get("variant"), event.get("key"))
    text = "-".join(str(part) for part in parts if part not in (None, ""))
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _add_known(known: Known, event: Any) -> bool:
    """Most of what comes: a further point, of the plain types, of a series that this batch had before."""
    if type(event) is not dict:
        return False
    try:
        if len(event) == len(_PLAIN):
            kind, task, metric, variant, step, value, moment = _plain(event)
            found = known.get((task, metric, variant))
        else:
            kind, step, value, moment = map(event.get, ("type", "iter", "value", "timestamp"))
            found = known.get(_series(event))
    except (KeyError, TypeError):  # another set of names, or a list where a text should be
        return False
    if found is None or kind != SCALAR:
        return False
    if type(step) is not int or type(value) is not float or type(moment) is not int:
        return False
    if not (-_INT64 <= step < _INT64 and -_INT64 <= moment < _INT64):
        return False
    share, column, worker, (steps, values, times) = found
    share.size += 1
    steps.append(step)
    values.append(value)
    times.append(moment)
    column.worker = worker
    return True


def _series(event: Event) -> tuple[Any, ...]:
    return tuple(map(event.get, _OF_SERIES))


def _take(intake: Intake, event: Any, worker: str, now_ms: int, known: Known) -> None:
    if not isinstance(event, dict):
        raise ValueError("event is not an object")  # noqa: TRY004 - a text to count, like the others
    kind = str(event.get("type") or "").replace(" ", "_")
    if kind not in TYPES:
        raise ValueError(f"unknown event type: {clean(kind[:40])}" if kind else "event has no type")
    is_model = bool(event.get("model_event"))
    task = event.get("task") or (event.get("model") if is_model else None)
    if not task or not isinstance(task, str):
        raise ValueError("event has no task")
    if is_model and kind == LOG:
        raise ValueError("log events are not kept for models")
    timestamp = event.get("timestamp", event.get("ts"))
    timestamp = now_ms if timestamp is None else whole(timestamp, "timestamp")
    iteration = whole(event.get("iter") or 0, "iter")
    worker = clean(event.get("worker") or worker)
    owner = Owner(clean(task), is_model, bool(event.get("allow_locked")))
    value = number(event.get("value")) if kind == SCALAR else 0.0
    share = intake.shares.setdefault(owner, Share())
    share.size += 1
    if kind == SCALAR:
        column = _add_point(share, event, iteration, value, timestamp, worker)
        # Only texts: 1 and True are one key of a dictionary, but two names.
        if all(event.get(name) is None or type(event[name]) is str for name in _TEXTS):
            is_plain = event.keys() == frozenset(_PLAIN)
            key = (event["task"], event["metric"], event["variant"]) if is_plain else _series(event)
            known[key] = (share, column, worker, column.points)
    elif kind == LOG:
        extra = {key: item for key, item in event.items() if key not in _COMMON and key not in _OF_LOG}
        extra.update({key: event[key] for key in ("metric", "variant", "iter") if event.get(key) is not None})
        raw = clean(event.get("msg")).encode()
        share.logs.append(Entry(timestamp, clean(event.get("level")), worker, raw, EVENT, extra or None))
    else:
        share.documents.append(_document(owner.id, kind, event, iteration, timestamp, worker))


def _add_point(share: Share, event: Event, iteration: int, value: float, timestamp: int, worker: str) -> Column:
    key = (clean(event.get("metric")), clean(event.get("variant")))
    column = share.scalars.get(key)
    if column is None:
        column = share.scalars[key] = Column(Points(array("q"), array("d"), array("q")))
    column.points.steps.append(iteration)
    column.points.values.append(value)
    column.points.times.append(timestamp)
    column.worker = worker
    if event.get("x_axis_label"):
        column.x_axis_label = clean(event["x_axis_label"])
    return column


def _document(task: str, kind: str, event: Event, iteration: int, timestamp: int, worker: str) -> Document:
    body = {key: value for key, value in event.items() if key not in _COMMON}
    if kind == VECTOR and "values" in body:  # the older name
        body["value"] = body.pop("values")
    metric, variant = clean(event.get("metric")), clean(event.get("variant"))
    return Document(kind, identity(task, event), metric, variant, iteration, timestamp, worker, body)
