"""What a person calls an experiment, as a task id: ids and prefixes, names, `@latest`, `@best:METRIC`, `EXP~1`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TextIO

from ..errors import Ambiguous, InvalidInput, NotFound
from ..schemas.metrics import direction
from . import fields
from .api import Api, Json
from .series import Series, find_single
from .suggest import nearest, suggest

WORDS = ("latest", "running", "failed", "best:METRIC", "base", "-1")

_HEX = re.compile(r"[0-9a-fA-F]{4,32}\Z")
_FULL = 32
_PARENT = re.compile(r"(.+)~(\d*)\Z", re.S)
_BACK = re.compile(r"-(\d+)\Z")
_SHOWN = 10
"""How many candidates an error names."""


def resolve(api: Api, text: str, *, project: str | None = None, user: str | None = "me") -> str:
    """The task id that a reference means.

    `project` is the project "here": `@` words look only in it (None: everywhere), and of several experiments with one
    name, the one in it wins. `user` bounds the `@` words too (`any`: everybody's). Raises NotFound with the nearest
    names, and Ambiguous with the candidates.
    """
    return _Resolver(api, project, user).resolve(text.strip())


def resolve_many(
    api: Api,
    texts: Iterable[str],
    *,
    project: str | None = None,
    user: str | None = "me",
    stdin: TextIO | None = None,
) -> list[str]:
    """Every reference in turn, each id once; `-` stands for the first words of the lines of `stdin`."""
    found: dict[str, None] = {}
    resolver = _Resolver(api, project, user)
    for text in texts:
        words = read_ids(stdin or sys.stdin) if text == "-" else [text]
        found.update((resolver.resolve(word), None) for word in words)
    return list(found)


def read_ids(stream: TextIO) -> list[str]:
    """The first word of each line, as `ls` prints them into a pipe; blank lines and comments are skipped."""
    words = [line.split("\t")[0].split() for line in stream]
    return [parts[0] for parts in words if parts and not parts[0].startswith("#")]


class _Resolver:
    def __init__(self, api: Api, project: str | None, user: str | None) -> None:
        self.api = api
        self.project = project
        self.user = user

    def resolve(self, text: str) -> str:
        if not text:
            raise InvalidInput("an empty reference", hint="name an experiment, or `@latest`")
        if text[0] in "@:" and len(text) > 1:
            word, steps = _split_parents(text[1:])
            return self._ancestor(self._word(word), steps)
        found = self._by_id(text) if _HEX.match(text) else None
        found = found or self._by_name(text)
        if found is None:
            base, steps = _split_parents(text)
            if not steps:
                self._not_found(text)
            return self._ancestor(self.resolve(base), steps)
        return found

    def _by_id(self, text: str) -> str | None:
        """A full id or a prefix of one, of the task or of its run."""
        wanted = text.lower()
        query = {"only_fields": ["id", "name"], "search_hidden": True}
        if len(wanted) == _FULL:
            whole = self.api.tasks.find({**query, "id": [wanted]}, limit=1)
            return str(whole[0]["id"]) if whole else self.api.tasks.find_run(wanted)
        match = {"fields": ["id", "runtime.mlops_run"], "pattern": f"^{wanted}"}
        query["only_fields"] = ["id", "name", "runtime.mlops_run"]
        found = self.api.tasks.find({**query, "_any_": match, "order_by": ["-created"]}, limit=_SHOWN + 1)
        # A server that does not know the question would answer with anything.
        return self._single(text, [task for task in found if _begins(task, wanted)])

    def _by_name(self, text: str) -> str | None:
        query = {"name": f"^{re.escape(text)}$", "only_fields": ["id", "name", "project", "status", "system_tags"]}
        named = [task for task in self._list({**query, "order_by": ["-created"]}) if task["name"] == text]
        if named:
            here = self._project_id() if len(named) > 1 else None
            near = [task for task in named if here and task.get("project") == here] or named
            return self._single(text, [task for task in near if not _is_archived(task)] or near)
        for cut in (index for index in range(len(text) - 1, 0, -1) if text[index] == "/"):
            project = self.api.projects.find_id(text[:cut])
            if project is not None:
                body = {**query, "name": f"^{re.escape(text[cut + 1 :])}$", "project": [project]}
                inside = [task for task in self._list(body) if task["name"] == text[cut + 1 :]]
                return self._single(text, [task for task in inside if not _is_archived(task)] or inside)
        return None

    def _list(self, body: Json) -> list[Json]:
        return self.api.tasks.find(body, limit=500)

    def _single(self, text: str, found: Sequence[Json]) -> str | None:
        if len(found) <= 1:
            return str(found[0]["id"]) if found else None
        shown = [f"{task['id']}  {task.get('name', '')}" for task in found[:_SHOWN]]
        more = "" if len(found) <= _SHOWN else "\n  ... and more"
        lines = "\n  ".join(shown)
        raise Ambiguous(
            f"`{text}` means more than one experiment:\n  {lines}{more}",
            hint="use more of the id",
            data={"candidates": [str(task["id"]) for task in found[:_SHOWN]]},
        )

    def _word(self, word: str) -> str:
        head, _, rest = word.partition(":")
        back = _BACK.match(head)
        if back and not rest:
            return self._newest(f"@{word}", {}, skip=int(back[1]))
        if head == "best":
            return self._best(rest)
        if not rest and head in _QUERIES:
            return self._newest(f"@{word}", _QUERIES[head])
        hint = suggest(head, [known.split(":")[0] for known in WORDS], count=1)
        known = " ".join(f"@{name}" for name in WORDS)
        raise InvalidInput(
            f"`@{word}` is not a reference", hint=(hint.replace("`", "`@", 1) if hint else f"there are: {known}")
        )

    def _newest(self, text: str, query: Json, *, skip: int = 0) -> str:
        body = {**self._scope(), "order_by": ["-started"], "only_fields": ["id", "started"], **query}
        # An experiment that never started is a draft, not a run: a lower bound leaves out what has no start.
        found = self.api.tasks.find({**body, "started": ["1970-01-01T00:00:00.000000+00:00", None]}, limit=skip + 1)
        if len(found) > skip:
            return str(found[skip]["id"])
        where = f" in project `{self.project}`" if self.project else ""
        if found:
            raise NotFound(f"`{text}`: there are only {len(found)} runs{where}", hint="`mlops ls` lists them")
        what = _KINDS.get(text, "run")
        raise NotFound(
            f"`{text}`: there is no {what} of yours{where} yet", hint="`mlops ls --all`, or widen with `--user any`"
        )

    def _best(self, rest: str) -> str:
        name, _, last = rest.rpartition(":")
        name, goal = (name, last) if name and last in ("min", "max") else (rest, None)
        if not name:
            raise InvalidInput("`@best` needs a metric", hint="@best:val/acc, or @best:METRIC:min")
        base, statistic = fields.split_statistic(name)
        series = find_single(self.api, base)
        rated = self._rated_there(series, goal, statistic) if series else self._rated_here(base, goal, statistic)
        if rated is None:
            raise InvalidInput(
                f"whether more or less of `{base}` is better does not follow from its name",
                hint=f"@best:{name}:max or @best:{name}:min",
            )
        if not rated:
            self._no_metric(base)
        return rated

    def _rated_there(self, series: Series, goal: str | None, statistic: str | None) -> str | None:
        """The best by the server's own order; "" when no run has a finite value, None when the goal is unknown."""
        goal = goal or direction(series.metric, series.variant)
        if goal is None:
            return None
        path = series.path(statistic or goal)
        order = ["-" + path if goal == "max" else path, "-created"]
        body = {**self._scope(), "order_by": order, "only_fields": ["id", path.rpartition(".")[0]]}
        # Infinities sort before every number; NaN is missing, and that comes last.
        for task in self.api.tasks.iterate(body, page_size=10):
            found = fields.find_series(task, fields.series_name(series.metric, series.variant))
            value = (found or {}).get(fields.STATISTICS[statistic or goal])
            if value is None:
                break
            if _finite(value) is not None:
                return str(task["id"])
        return ""

    def _rated_here(self, base: str, goal: str | None, statistic: str | None) -> str | None:
        """The same for a name that means different series in different experiments."""
        body = {**self._scope(), "only_fields": ["id", *fields.metric_needs(base)], "order_by": ["-created"]}
        tasks = [(task, series) for task in self.api.tasks.iterate(body) if (series := fields.find_series(task, base))]
        if not tasks:
            return ""
        first = tasks[0][1]
        goal = goal or direction(first.get("metric") or base, first.get("variant") or "")
        if goal is None:
            return None
        key = fields.STATISTICS[statistic or goal]
        rated = [(number, task["id"]) for task, series in tasks if (number := _finite(series.get(key))) is not None]
        # Equal values: the newest, as the list is newest first and max and min keep the first.
        pick: Callable[..., tuple[float, str]] = max if goal == "max" else min
        return str(pick(rated, key=lambda pair: pair[0])[1]) if rated else ""

    def _no_metric(self, base: str) -> NoReturn:
        body = {**self._scope(), "only_fields": ["last_metrics"], "order_by": ["-created"]}
        known = {name for task in self.api.tasks.find(body, limit=200) for name, _ in fields.each_series(task)}
        hint = suggest(base, sorted(known)) or "`mlops ls` shows what there is"
        where = f" in project `{self.project}`" if self.project else ""
        raise NotFound(f"no experiment of yours{where} has a finite value of `{base}`", hint=hint)

    def _scope(self) -> Json:
        """Mine, here, not archived."""
        body: Json = {"system_tags": ["-archived"]}
        user = self.api.users.resolve(self.user)
        if user is not None:
            body["user"] = [user]
        if self.project is not None:
            # A project that does not exist yet has no runs; say that, not that the project is unknown.
            body["project"] = [self._project_id() or "0" * _FULL]
        return body

    def _project_id(self) -> str | None:
        return None if self.project is None else self.api.projects.find_id(self.project)

    def _ancestor(self, task: str, steps: int) -> str:
        for _ in range(steps):
            found = self.api.tasks.find({"id": [task], "only_fields": ["id", "name", "parent"], "search_hidden": True})
            parent = found[0].get("parent") if found else None
            if not parent or parent.startswith("__DELETED__"):
                gone = "its parent was deleted" if parent else "it has no parent"
                raise NotFound(f"`{task}`: {gone}", hint=f"`mlops show {task[:8]}`")
            task = str(parent)
        return task

    def _not_found(self, text: str) -> NoReturn:
        recent = self.api.tasks.find({"only_fields": ["id", "name"], "order_by": ["-created"]}, limit=500)
        names = nearest(text, [task["name"] for task in recent])
        if _HEX.match(text):
            near_ids = nearest(text[:8], [task["id"][: max(4, min(8, len(text)))] for task in recent], cutoff=0.7)
            names = near_ids + names
        hint = f"did you mean {' or '.join(f'`{name}`' for name in names[:3])}?" if names else "`mlops ls` lists them"
        raise NotFound(f"no experiment `{text}`", hint=hint, data={"suggestions": names[:3]})


_QUERIES: dict[str, Json] = {
    "latest": {},
    "running": {"status": ["in_progress"]},
    "failed": {"status": ["failed"]},
    "base": {"tags": ["base"]},
}
_KINDS = {"@running": "running experiment", "@failed": "failed run", "@base": "run tagged `base`"}


def _split_parents(text: str) -> tuple[str, int]:
    """`EXP~2` as (`EXP`, 2); `~` alone is one step, `~~` two."""
    steps = 0
    while match := _PARENT.match(text):
        text, count = match[1], match[2]
        steps += int(count) if count else 1
        if steps > 1000:
            raise InvalidInput("more than 1000 steps back", hint="EXP~1 is the parent")
    return text, steps


def _begins(task: Json, wanted: str) -> bool:
    run = str((task.get("runtime") or {}).get("mlops_run") or "")
    return str(task["id"]).startswith(wanted) or run.startswith(wanted)


def _is_archived(task: Json) -> bool:
    return "archived" in (task.get("system_tags") or [])


def _finite(value: object) -> float | None:
    number = fields.to_number(value)
    return number if number is not None and number - number == 0 else None
