"""Compares N tasks: what changed in code, parameters, packages, data, hardware, and what it did to the
metrics. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from ..schemas import times
from ..schemas.tasks import Task
from .comparison import SAME, AnyRow, Comparison, Row, Section, Side
from .metrics import metric_rows
from .packages import read_requirements
from .texts import code_rows, configuration_rows
from .values import change_of, is_equal

ENVIRONMENT = "Environment"
PROPERTIES = "properties"
"""Sections of parameters that are no parameters of the experiment."""

HOST = (
    "hostname", "OS", "platform", "processor", "cpu_type", "cpu_cores", "memory_gb", "gpu_count", "gpu_type",
    "gpu_memory", "gpu_driver_version", "gpu_driver_cuda_version", "python_version", "python_executable", "timezone",
)  # fmt: skip
"""The keys of `runtime` that say where a run ran."""


CODE = "code"
"""The artifact that carries code which no patch can: the section on code compares what is in it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare.

    `patches` holds the code patch from the first task to each other one (None: not made). `directions` maps a metric's
    name (`val/acc`, or one part of it) to `min` or `max`. `digests` maps the id of a model to its sha256.
    `statistic` is `last` or `best`; differences within `rtol` or `atol` are none.
    """

    sections: Sequence[str] = ()
    everything: bool = False
    patches: Sequence[str | None] = ()
    directions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "last"
    rtol: float = 0.0
    atol: float = 0.0


PLAIN = Options()

K = TypeVar("K")


def compare(tasks: Sequence[Task], options: Options = PLAIN) -> Comparison:
    """Compare every task with the first. Raises ValueError for an unknown section; a single task has no differences."""
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        raise ValueError(f"unknown sections: {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    sections = []
    for name, make in SECTIONS.items():
        if options.sections and name not in options.sections:
            continue
        rows = tuple(make(tasks, options))
        shown = rows if options.everything else tuple(row for row in rows if row.change != SAME)
        sections.append(Section(name, shown, len(rows) - len(shown)))
    sides = tuple(Side(task.id, task.name, task.status, _lacks(task)) for task in tasks)
    is_same = all(section.is_same for section in sections if section.name not in UNCOUNTED)
    return Comparison(sides, tuple(sections), is_same)


def _parameters(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _parameter_rows(tasks, lambda section: section not in (ENVIRONMENT, PROPERTIES))


def _environment(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _parameter_rows(tasks, lambda section: section == ENVIRONMENT, is_short=True)


def _properties(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _parameter_rows(tasks, lambda section: section == PROPERTIES, is_short=True)


def _parameter_rows(tasks: Sequence[Task], wanted: Callable[[str], bool], *, is_short: bool = False) -> list[AnyRow]:
    tables = [
        {
            (section, name): (item.value or "", item.type)
            for section, items in (task.hyperparams or {}).items()
            if wanted(section)
            for name, item in items.items()
        }
        for task in tasks
    ]
    rows: list[AnyRow] = []
    for key in _keys(tables):
        found = [table.get(key) for table in tables]
        first = found[0]
        same = all(
            first is not None and other is not None and is_equal(first[0], other[0], types=(first[1], other[1]))
            for other in found[1:]
        )
        change = change_of([item is not None for item in found], same)
        values = tuple(None if item is None else item[0] for item in found)
        rows.append(Row(key[1] if is_short else "/".join(key), values, change))
    return rows


def _packages(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _text_rows([read_requirements(task.script.requirements if task.script else None) for task in tasks])


def _data(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _text_rows([_artifacts(task, "input") for task in tasks])


def _files(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    return _text_rows([_artifacts(task, "output") for task in tasks])


def _artifacts(task: Task, mode: str) -> dict[str, str]:
    """Key to content: the digest where one is known, else the size and the link."""
    found = {}
    for item in (task.execution.artifacts if task.execution else None) or []:
        if item.mode == mode and item.key != CODE:
            size = "" if item.content_size is None else f"{item.content_size} bytes"
            found[item.key] = f"sha256:{item.hash}" if item.hash else f"{size} {item.uri or ''}".strip()
    return found


def _host(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    tables = []
    for task in tasks:
        runtime = task.runtime or {}
        tables.append({key: str(runtime[key]) for key in HOST if runtime.get(key) not in (None, "")})
    return _text_rows(tables, order=HOST)


def _models(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    tables = []
    for task in tasks:
        table = {}
        for kind, models in (("input", task.models.input), ("output", task.models.output)) if task.models else ():
            for model in models:
                digest = options.digests.get(model.model)
                # Each run registers models of its own: without a digest an output's id says nothing about its content.
                content = f"sha256:{digest}" if digest else model.model if kind == "input" else "present"
                table[f"{kind}/{model.name}"] = content
        tables.append(table)
    return _text_rows(tables)


def _lacks(task: Task) -> tuple[str, ...]:
    notes = str((task.runtime or {}).get("mlops_notes") or "").splitlines()
    return tuple(note for note in notes if "holds a secret" in note)


def _outcome(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    tables = []
    for task in tasks:
        table = {"status": task.status}
        if task.status == "failed" and task.status_reason:
            table["reason"] = task.status_reason
        if task.last_iteration is not None:
            table["last_iteration"] = str(task.last_iteration)
        tables.append(table)
    return _text_rows(tables)


def _time(tasks: Sequence[Task], options: Options) -> list[AnyRow]:
    tables = []
    for task in tasks:
        seconds = duration_s(task)
        started = times.began(_dates(task))
        table = {"started": started} if started else {}
        tables.append({**table, **({} if seconds is None else {"duration_s": f"{seconds:.3f}"})})
    return _text_rows(tables)


def duration_s(task: Task) -> float | None:
    """Seconds from start to end; None while it runs."""
    try:
        found = _dates(task)
        started, ended = (datetime.fromisoformat(text or "") for text in (times.began(found), times.finished(found)))
    except ValueError:
        return None
    return max(0.0, (_utc(ended) - _utc(started)).total_seconds())


def _dates(task: Task) -> dict[str, Any]:
    return {"started": task.started, "completed": task.completed, "runtime": task.runtime}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _text_rows(tables: Sequence[Mapping[str, str]], *, order: Iterable[str] | None = None) -> list[AnyRow]:
    rows: list[AnyRow] = []
    names = [key for key in order if any(key in table for table in tables)] if order else _keys(tables)
    for key in names:
        values = tuple(table.get(key) for table in tables)
        change = change_of([value is not None for value in values], len(set(values)) == 1)
        rows.append(Row(key, values, change))
    return rows


def _keys(tables: Sequence[Mapping[K, object]]) -> list[K]:
    return sorted({key: None for table in tables for key in table}, key=str)


SECTIONS: dict[str, Callable[[Sequence[Task], Options], list[AnyRow]]] = {
    "parameters": _parameters,
    "metrics": lambda tasks, options: list(
        metric_rows(
            tasks,
            directions=options.directions,
            statistic=options.statistic,
            rtol=options.rtol,
            atol=options.atol,
            with_monitor=options.everything,
        )
    ),
    "code": lambda tasks, options: code_rows(tasks, options.patches),
    "configuration": lambda tasks, options: configuration_rows(tasks),
    "packages": _packages,
    "data": _data,
    "models": _models,
    "files": _files,
    "environment": _environment,
    "properties": _properties,
    "host": _host,
    "outcome": _outcome,
    "time": _time,
}
"""Every section, in the order in which a person reads them."""

UNCOUNTED = ("time",)
"""Two runs of the same thing take different times; that alone makes them no different."""
