"""Experiments as columns: which exist, which are shown, and how each cell reads.

Works on the API's documents as plain dicts, since the list is a hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import InvalidInput
from ..schemas import times
from . import values
from .table import KEEP, METRIC, PARAMETER, USEFUL, Column

Doc = Mapping[str, Any]

STATUS_WORDS = {"created": "draft", "in_progress": "running"}
STATUS_STYLES = {
    "created": "2", "queued": "33", "in_progress": "36", "completed": "32", "published": "1;32",
    "publishing": "1;32", "failed": "31", "stopped": "35", "closed": "35", "unreachable": "31",
}  # fmt: skip

FIELDS = (
    "id", "name", "type", "status", "status_reason", "status_message", "project", "parent", "user", "tags", "comment",
    "created", "started", "completed", "last_update", "active_duration", "last_iteration", "last_worker",
    "hyperparams", "last_metrics", *times.PATHS,
)  # fmt: skip
"""What a list asks for: everything that a column may show, and nothing that can be large."""

NO_PARAMETERS = ("Environment", "properties")
"""Sections of the API's parameters that hold something else."""

MOST_PARAMETERS, MOST_METRICS, MOST_NAMED = 6, 4, 30
_STATS = {
    "last": "value", "min": "min_value", "max": "max_value", "first": "first_value", "mean": "mean_value",
    "count": "count",
}  # fmt: skip


def status_word(status: Any) -> str:
    return STATUS_WORDS.get(status, str(status or values.MISSING))


def status_style(status: Any) -> str:
    return STATUS_STYLES.get(status, "")


def duration_s(doc: Doc, now: datetime) -> float | None:
    """How long it ran: to its end, or until now while it runs."""
    begin = values.parse_time(times.began(doc))
    if begin is None:
        return None
    end = values.parse_time(times.finished(doc)) or (now if doc.get("status") == "in_progress" else None)
    if end is None:
        return doc.get("active_duration")
    return max(0.0, (end - begin).total_seconds())


class Columns:
    """The columns of a list of experiments, found from the person's words and the documents at hand."""

    def __init__(
        self,
        docs: Sequence[Doc],
        *,
        now: datetime,
        projects: Mapping[str, str] | None = None,
        more: Callable[[str, Sequence[Doc]], list[Any] | None] | None = None,
    ) -> None:
        """`more` reads further fields by name: those that the filter language knows and that need no shape here."""
        self.docs = docs
        self.more = more
        self.now = now
        self.projects = projects or {}
        self.parameters = _parameters(docs)
        self.metrics = _metrics(docs)
        self.short = _short_length(docs)

    def choose(self, wishes: Sequence[str]) -> list[tuple[Column, list[Any]]]:
        """Columns with their values: the usual ones, changed by `+more` and `-less`, or exactly those named."""
        named = [wish for wish in wishes if wish[:1] not in "+-"]
        chosen = [found for name in named for found in self.find(name)] if named else self._usual()
        for wish in wishes:
            if wish.startswith("+"):
                chosen += [found for found in self.find(wish[1:]) if found[0].key not in {c.key for c, _ in chosen}]
            elif wish.startswith("-"):
                gone = {column.key for column, _ in self.find(wish[1:])}
                chosen = [found for found in chosen if found[0].key not in gone]
        return chosen

    def find(self, name: str) -> list[tuple[Column, list[Any]]]:
        """The columns that a word means: a field, a parameter, a metric (`loss`, `loss/train`, `val/acc.max`)."""
        made = self._field(name)
        if made is not None:
            return [made]
        found = [self._parameter(key) for key in self.parameters if name in (key[1], "/".join(key))]
        if not found:
            found = self._find_metrics(name)
        if not found and self.more is not None and (column := self.more(name, self.docs)) is not None:
            return [(Column(name), column)]
        if not found and "." in name and any(_dig(doc, name) is not None for doc in self.docs):
            found = [(Column(name), [_dig(doc, name) for doc in self.docs])]
        if not found and self.docs:
            raise InvalidInput(f"nothing here is called {name!r}", hint=self._suggest(name))
        return found or [(Column(name), [])]

    def _usual(self) -> list[tuple[Column, list[Any]]]:
        names = ["id", "status", "name"]
        if len({doc.get("project") for doc in self.docs}) > 1:
            names.append("project")
        names += ["age", "duration"]
        found = [column for name in names for column in self.find(name)]
        varied = [
            key
            for key, column in self.parameters.items()
            if key[0] not in NO_PARAMETERS and len(set(map(str, column))) > 1
        ]
        found += [self._parameter(key) for key in varied[:MOST_PARAMETERS]]
        shown = sorted(self.metrics, key=lambda key: (-sum(v is not None for v in self.metrics[key]), key))
        return found + [self._metric(key, "last") for key in shown[:MOST_METRICS]]

    def _field(self, name: str) -> tuple[Column, list[Any]] | None:
        docs, now = self.docs, self.now
        plain = {"type", "user", "parent", "comment", "last_worker", "status_reason", "status_message"}
        if name == "id":
            cut = self.short
            return Column("id", rank=KEEP, show=lambda v: v[:cut]), [doc["id"] for doc in docs]
        if name in ("status", "state"):
            column = Column("status", "STATE", KEEP, show=status_word, style=status_style)
            return column, [doc.get("status") for doc in docs]
        if name == "name":
            return Column("name", rank=KEEP, flexible=True), [doc.get("name") for doc in docs]
        if name == "project":
            return Column("project", flexible=True), [self.projects.get(d.get("project") or "") for d in docs]
        if name == "age":
            column = Column("started", "AGE", right=True, show=lambda v: values.age(v, now))
            return column, [times.began(doc) or doc.get("created") for doc in docs]
        if name == "duration":
            column = Column("duration_s", "TIME", right=True, show=values.span)
            return column, [duration_s(doc, now) for doc in docs]
        if name in ("iter", "last_iteration"):
            return Column("last_iteration", "ITER", numeric=True), [doc.get("last_iteration") for doc in docs]
        if name == "tags":
            return Column("tags", show=lambda v: ",".join(v or []) or values.MISSING), [d.get("tags") for d in docs]
        if name in ("started", "completed"):
            moment = times.began if name == "started" else times.finished
            return Column(name, show=values.local_time), [moment(doc) for doc in docs]
        if name in ("created", "last_update"):
            return Column(name, show=values.local_time), [doc.get(name) for doc in docs]
        if name in plain:
            return Column(name, flexible=name == "comment"), [doc.get(name) for doc in docs]
        return None

    def _parameter(self, key: tuple[str, str]) -> tuple[Column, list[Any]]:
        column = self.parameters[key]
        unique = sum(other[1] == key[1] for other in self.parameters) == 1
        right = all(value is None or values.as_number(value) is not None for value in column)
        title = key[1] if unique else "/".join(key)
        return Column("/".join(key), title, PARAMETER, right=right), column

    def _find_metrics(self, name: str) -> list[tuple[Column, list[Any]]]:
        base, stat = name, "last"
        matching = self._matching_metrics(base)
        if not matching and "." in name:
            base, _, stat = name.rpartition(".")
            matching = self._matching_metrics(base) if stat in _STATS else []
        return [self._metric(key, stat) for key in matching]

    def _matching_metrics(self, name: str) -> list[tuple[str, str]]:
        exact = [key for key in self.metrics if metric_name(*key) == name or "/".join(key) == name]
        return exact or [key for key in self.metrics if name in key]

    def _metric(self, key: tuple[str, str], stat: str) -> tuple[Column, list[Any]]:
        name = metric_name(*key) + ("" if stat == "last" else f".{stat}")
        found = [None if summary is None else summary.get(_STATS[stat]) for summary in self.metrics[key]]
        return Column(name, name, METRIC, right=True, numeric=True), found

    def _suggest(self, name: str) -> str:
        import difflib  # noqa: PLC0415 - only on the way to an error

        known = ["id", "status", "name", "project", "age", "duration", "iter", "tags", "type", "user", "parent"]
        known += ["host", "gpu", "python", "script", "commit", "branch"]
        own = [key for key in self.parameters if key[0] not in NO_PARAMETERS]
        known += [key[1] for key in own] + [metric_name(*key) for key in self.metrics] + ["/".join(key) for key in own]
        known = list(dict.fromkeys(known))
        near = difflib.get_close_matches(name, known, 3)
        return "did you mean " + " or ".join(near) + "?" if near else "columns: " + ", ".join(known[:MOST_NAMED])


def metric_name(metric: str, variant: str) -> str:
    """One name for a series: `loss/train`, or `loss` where the variant adds nothing."""
    return metric if variant in ("", metric) else f"{metric}/{variant}"


def parameter_values(doc: Doc) -> dict[tuple[str, str], str | None]:
    return {
        (section, name): item.get("value")
        for section, items in (doc.get("hyperparams") or {}).items()
        for name, item in items.items()
    }


def metric_summaries(doc: Doc) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The summary of each series that the person's program reported; the machine's own are left out."""
    return {
        (summary.get("metric", ""), summary.get("variant", "")): summary
        for variants in (doc.get("last_metrics") or {}).values()
        for summary in variants.values()
        if not summary.get("metric", "").startswith(":monitor")
    }


def _parameters(docs: Sequence[Doc]) -> dict[tuple[str, str], list[Any]]:
    found = [parameter_values(doc) for doc in docs]
    keys = dict.fromkeys(key for item in found for key in item)
    return {key: [item.get(key) for item in found] for key in keys}


def _metrics(docs: Sequence[Doc]) -> dict[tuple[str, str], list[Any]]:
    found = [metric_summaries(doc) for doc in docs]
    keys = dict.fromkeys(key for item in found for key in item)
    return {key: [item.get(key) for item in found] for key in keys}


def _short_length(docs: Sequence[Doc]) -> int:
    """How many characters of the id are shown: 8, or as many as tell the rows apart."""
    ids = {doc["id"] for doc in docs}
    return next(size for size in (8, 10, 12, 16, 32, 1000) if len({item[:size] for item in ids}) == len(ids))


def _dig(doc: Any, path: str) -> Any:
    for name in path.split("."):
        doc = doc.get(name) if isinstance(doc, Mapping) else None
    return doc


__all__ = ["FIELDS", "USEFUL", "Columns", "duration_s", "metric_name", "status_style", "status_word"]
