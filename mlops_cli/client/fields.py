"""What can be asked of a listed task by name: a built-in field, a parameter, a metric, or a key of `runtime`.

Filters, columns and sort keys all read tasks through this. Pure: plain task dicts in, plain values out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..schemas import times
from ..schemas.metrics import name_key
from ..schemas.status import ENDED, STATUS_WORDS
from .api import Json

STATISTICS = {
    "last": "value",
    "min": "min_value",
    "max": "max_value",
    "first": "first_value",
    "mean": "mean_value",
    "count": "count",
}
"""What may follow a metric after a dot, and the key of `last_metrics` that holds it."""

TEXT, NUMBER, DATE, SPAN, LIST = "text", "number", "date", "span", "list"


@dataclass(frozen=True, slots=True)
class View:
    """What a task's own document does not say: the time, and the names behind ids."""

    now: datetime
    projects: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """A name that people type. `needs` are the `only_fields` that `read` looks at; `order` is the server's path."""

    name: str
    kind: str
    needs: tuple[str, ...]
    read: Callable[[Json, View], Any]
    order: str | None = None
    is_loose: bool = False
    """Whether `:` means "contains", as for hardware names."""


def find_field(name: str) -> Field:
    """The field that a name means; anything that is not built in is a parameter or a metric."""
    known = BUILT_IN.get(ALIASES.get(name, name))
    if known is not None:
        return known
    if name.startswith("runtime."):
        key = name.removeprefix("runtime.")
        return Field(name, TEXT, ("runtime",), lambda task, view: (task.get("runtime") or {}).get(key))
    return _dynamic(name)


def is_built_in(name: str) -> bool:
    return ALIASES.get(name, name) in BUILT_IN or name.startswith("runtime.")


def split_statistic(name: str) -> tuple[str, str | None]:
    """`val/acc.max` as (`val/acc`, `max`); a name without a statistic has None."""
    base, dot, last = name.rpartition(".")
    return (base, last) if dot and base and last in STATISTICS else (name, None)


def metric_needs(name: str) -> tuple[str, ...]:
    """The `only_fields` that hold a metric, whichever of its slashes parts metric from variant."""
    parts = name.split("/")
    splits = [("/".join(parts[:cut]), "/".join(parts[cut:])) for cut in range(1, len(parts))]
    paths = [f"last_metrics.{name_key(metric)}.{name_key(variant)}" for metric, variant in splits]
    return (*paths, f"last_metrics.{name_key(name)}")


def read_metric(task: Json, name: str, statistic: str = "last") -> Any:
    """A metric's value, or None. `loss` alone is the metric with that variant, with none, or with a single one."""
    found = find_series(task, name)
    return None if found is None else finite_or_float(found.get(STATISTICS[statistic]))


def find_series(task: Json, name: str) -> Json | None:
    """The summary in `last_metrics` that a name means."""
    metrics: Json = task.get("last_metrics") or {}
    parts = name.split("/")
    # Our own captures split at the last slash; other clients wherever they like.
    for cut in range(len(parts) - 1, 0, -1):
        variants = metrics.get(name_key("/".join(parts[:cut])), {})
        found: Json | None = variants.get(name_key("/".join(parts[cut:])))
        if found is not None:
            return found
    variants = metrics.get(name_key(name), {})
    for variant in (name, parts[-1], ""):
        if name_key(variant) in variants:
            same: Json = variants[name_key(variant)]
            return same
    single: Json | None = next(iter(variants.values())) if len(variants) == 1 else None
    return single


def each_series(task: Json) -> Iterator[tuple[str, Json]]:
    """Every metric of a task as (name, summary); the variant is left out where it repeats the metric."""
    for variants in (task.get("last_metrics") or {}).values():
        for series in variants.values():
            yield series_name(series.get("metric") or "", series.get("variant") or ""), series


def series_name(metric: str, variant: str) -> str:
    return metric if variant in ("", metric) else f"{metric}/{variant}"


def read_parameter(task: Json, name: str) -> Any:
    """A parameter's text by `section/name` or by name alone, or None. `Args` wins where several sections have it."""
    sections: Json = task.get("hyperparams") or {}
    section, slash, rest = name.partition("/")
    while slash:
        item = (sections.get(section) or {}).get(rest)
        if item is not None:
            return item.get("value")
        more, slash, rest = rest.partition("/")
        section = f"{section}/{more}"
    for section in sorted(sections, key=lambda key: (key != "Args", key)):
        item = (sections[section] or {}).get(name)
        if item is not None:
            return item.get("value")
    return None


def each_parameter(task: Json) -> Iterator[tuple[str, str, Any]]:
    """Every parameter as (section, name, text)."""
    for section, items in (task.get("hyperparams") or {}).items():
        for name, item in (items or {}).items():
            yield section, name, item.get("value")


def finite_or_float(value: Any) -> Any:
    """The API writes NaN and infinities as words; here they are floats."""
    if isinstance(value, str):
        return to_number(value) if to_number(value) is not None else value
    return value


def to_number(value: Any) -> float | None:
    """The number that a value is, or that a text says; None for everything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parse_date(text: Any) -> datetime | None:
    """An ISO date or time, in UTC where it names no zone."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _dynamic(name: str) -> Field:
    base, statistic = split_statistic(name)

    def read(task: Json, view: View) -> Any:
        # A parameter may itself end in `.max`; what is written out in full wins.
        found = read_parameter(task, name)
        return read_metric(task, base, statistic or "last") if found is None else found

    return Field(name, TEXT, ("hyperparams", *metric_needs(base)), read)


def _plain(name: str, kind: str = TEXT, key: str | None = None) -> Field:
    path = key or name
    return Field(name, kind, (path,), lambda task, view: task.get(path), order=path)


def _runtime(name: str, key: str, kind: str = TEXT, *, is_loose: bool = False) -> Field:
    def read(task: Json, view: View) -> Any:
        return (task.get("runtime") or {}).get(key)

    return Field(name, kind, (f"runtime.{key}",), read, is_loose=is_loose)


def _script(name: str, key: str) -> Field:
    return Field(name, TEXT, (f"script.{key}",), lambda task, view: (task.get("script") or {}).get(key))


def _duration(task: Json, view: View) -> float | None:
    """Seconds from start to end, or to now while it runs."""
    started = parse_date(times.began(task))
    if started is None:
        return None
    ended = parse_date(times.finished(task))
    if ended is None:
        ended = None if task.get("status") in ENDED else view.now
    return None if ended is None else max(0.0, (ended - started).total_seconds())


def _age(task: Json, view: View) -> float | None:
    made = parse_date(task.get("created"))
    return None if made is None else max(0.0, (view.now - made).total_seconds())


def _by_name(key: str, names: Callable[[View], Mapping[str, str]]) -> Callable[[Json, View], Any]:
    def read(task: Json, view: View) -> Any:
        reference = task.get(key)
        if isinstance(reference, dict):
            return reference.get("name") or reference.get("id")
        return names(view).get(reference or "", reference)

    return read


BUILT_IN: dict[str, Field] = {
    found.name: found
    for found in (
        _plain("id"),
        _plain("name"),
        _plain("status"),
        _plain("type"),
        _plain("tags", LIST),
        _plain("system_tags", LIST),
        _plain("created", DATE),
        _plain("started", DATE),
        _plain("ended", DATE, "completed"),
        _plain("updated", DATE, "last_update"),
        _plain("parent"),
        _plain("comment"),
        _plain("reason", TEXT, "status_reason"),
        _plain("message", TEXT, "status_message"),
        _plain("iteration", NUMBER, "last_iteration"),
        _plain("worker", TEXT, "last_worker"),
        Field("project", TEXT, ("project",), _by_name("project", lambda view: view.projects)),
        Field("user", TEXT, ("user",), _by_name("user", lambda view: view.users)),
        Field("duration", SPAN, ("started", "completed", "status", *times.PATHS), _duration),
        Field("age", SPAN, ("created",), _age),
        _runtime("host", "hostname", is_loose=True),
        _runtime("gpu", "gpu_type", is_loose=True),
        _runtime("gpus", "gpu_count", NUMBER),
        _runtime("python", "python_version"),
        _runtime("run", "mlops_run"),
        _script("script", "entry_point"),
        _script("commit", "version_num"),
        _script("branch", "branch"),
        _script("repository", "repository"),
    )
}

ALIASES = {
    "tag": "tags",
    "state": "status",
    "completed": "ended",
    "finished": "ended",
    "last_update": "updated",
    "note": "comment",
    "step": "iteration",
    "last_iteration": "iteration",
    "status_reason": "reason",
    "status_message": "message",
    "entry_point": "script",
    "hostname": "host",
}


def status_of(word: str) -> str:
    """The API's status for a word that people type."""
    return STATUS_WORDS.get(word, word)


def gather_needs(fields: Iterable[Field]) -> list[str]:
    """The `only_fields` for these fields, each once; a path is left out where a shorter one covers it."""
    wanted = sorted({path for item in fields for path in item.needs})
    kept: list[str] = []
    for path in wanted:
        if not any(path.startswith(short + ".") for short in kept):
            kept.append(path)
    return kept
