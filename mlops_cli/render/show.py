"""One experiment, section by section, as lines for a person. The document comes in as the API answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..schemas import times
from . import patches, tasks, text, values
from .blocks import Page

Doc = Mapping[str, Any]

SCRIPT_LINES, PATCH_LINES, TAIL_LINES, MOST = 60, 40, 10, 12
"""How much of a thing the overview shows; its own section shows all."""


HEAD = "mlops_code_head"
"""The key of `runtime` with the commit that was checked out, also where no other place knows it."""

LACKING = "holds a secret"
"""What the note of a file says that did not travel for it."""

ENVIRONMENT = "Environment"
"""The section of the API's parameters that holds environment variables."""


class Report:
    """What `show` was given: the task and what is kept beside it. `paint` and `width` live in the page."""

    def __init__(
        self, doc: Doc, *, now: datetime, project: str, models: Sequence[Doc] = (), tail: Sequence[str] = ()
    ) -> None:
        self.doc = doc
        self.now = now
        self.project = project
        self.models = models
        self.tail = tail

    @property
    def short(self) -> str:
        return str(self.doc.get("id") or "EXP")[:8]

    def write(self, section: str, page: Page) -> None:
        """One section whole, or the overview of all."""
        if section == "overview":
            self._overview(page)
        else:
            SECTIONS[section](self, page, None)

    def _overview(self, page: Page) -> None:
        self.head(page)
        for name in ("params", "metrics", "code", "host", "data", "files", "models"):
            SECTIONS[name](self, page, MOST)
        if self.tail:
            page.head("Console (last lines)")
            for line in self.tail[-TAIL_LINES:]:
                page.text(line)
        notes(self, page, None)

    def head(self, page: Page) -> None:
        doc = self.doc
        page.lines.append(page.paint(text.clean(doc.get("name") or "(no name)"), "1"))
        word = tasks.status_word(doc.get("status"))
        state = page.paint(word, tasks.status_style(doc.get("status")))
        why = _why(doc)
        # The colour of the state must not be counted, so this line is put together here.
        page.lines.append(f"  {page.paint('state', '2')}     {state}" + (f"  {_one_line(why)}" if why else ""))
        runtime = doc.get("runtime") or {}
        page.pairs(
            [
                ("id", doc["id"]),
                ("project", self.project),
                ("command", _command(runtime)),
                ("started", _when(times.began(doc) or doc.get("created"), self.now)),
                ("took", _or_nothing(values.span, tasks.duration_s(doc, self.now))),
                ("step", str(doc.get("last_iteration") or "")),
                ("tags", ", ".join(doc.get("tags") or ())),
                ("parent", doc.get("parent") or ""),
                ("note", _one_line(doc.get("comment") or "")),
            ]
        )


def parameters(report: Report, page: Page, most: int | None) -> None:
    for section, items in (report.doc.get("hyperparams") or {}).items():
        if section == ENVIRONMENT:
            continue
        page.head(f"Parameters · {section}")
        shown = list(items.items())[:most]
        page.pairs([(name, str(item.get("value") or '""')) for name, item in shown])
        _rest(report, page, len(items) - len(shown), "params")


def metrics(report: Report, page: Page, most: int | None) -> None:
    found = sorted(tasks.metric_summaries(report.doc).items())
    if not found:
        return
    page.head("Metrics")
    rows = [["", "last", "min", "at", "max", "at"]]
    for key, summary in found[:most]:
        spots = [summary.get("min_value_iteration"), summary.get("max_value_iteration")]
        numbers = [values.number(summary.get(name)) for name in ("value", "min_value", "max_value")]
        rows.append(
            [tasks.metric_name(*key), numbers[0], numbers[1], values.step(spots[0]), numbers[2], values.step(spots[1])]
        )
    page.rows(rows, right=frozenset({1, 2, 3, 4, 5}))
    _rest(report, page, len(found) - len(rows) + 1, "metrics")


def code(report: Report, page: Page, most: int | None) -> None:
    script = report.doc.get("script") or {}
    diff = script.get("diff") or ""
    runtime = report.doc.get("runtime") or {}
    commit = script.get("version_num") or str(runtime.get(HEAD) or "")
    if not (script.get("entry_point") or commit or diff):
        return
    page.head("Code")
    page.pairs(
        [
            ("entry point", script.get("entry_point") or ""),
            ("working dir", script.get("working_dir") or ""),
            ("repository", script.get("repository") or ""),
            ("branch", script.get("branch") or str(runtime.get("mlops_code_branch") or "")),
            ("commit", commit if most is None else commit[:12]),
            ("program", script.get("binary") or ""),
            ("changes", _changes(report.doc, f"mlops show {report.short} diff")),
            *(("left out", note) for note in _as_lines(runtime.get("mlops_notes")) if LACKING in note),
        ]
    )


def diff(report: Report, page: Page, most: int | None) -> None:
    found = (report.doc.get("script") or {}).get("diff") or ""
    page.lines += patches.lines(found, color=page.color)


def packages(report: Report, page: Page, most: int | None) -> None:
    requirements = (report.doc.get("script") or {}).get("requirements") or {}
    for tool, listed in requirements.items():
        lines = listed if isinstance(listed, list) else str(listed or "").splitlines()
        if lines:
            page.head(f"Packages · {tool}")
            for line in lines:
                page.text(line)


_HOST = ("hostname", "OS", "platform", "python_version", "cpu_type", "cpu_cores", "memory_gb", "gpu_count", "gpu_type")


def host(report: Report, page: Page, most: int | None) -> None:
    runtime = report.doc.get("runtime") or {}
    names = _HOST if most else [*_HOST, *(n for n in runtime if n not in _HOST and not n.startswith("mlops_"))]
    found = [
        (name.replace("_", " "), values.number(runtime[name])) for name in names if runtime.get(name) not in (None, "")
    ]
    if found:
        page.head("Host")
        page.pairs(found)


def environment(report: Report, page: Page, most: int | None) -> None:
    items = (report.doc.get("hyperparams") or {}).get(ENVIRONMENT) or {}
    if items:
        page.head("Environment")
        page.pairs([(name, str(item.get("value") or '""')) for name, item in items.items()])


def configuration(report: Report, page: Page, most: int | None) -> None:
    for name, item in (report.doc.get("configuration") or {}).items():
        page.head(f"Configuration · {name}")
        page.block(str(item.get("value") or ""), indent=2)


def artifacts(report: Report, page: Page, most: int | None) -> None:
    found = [a for a in (report.doc.get("execution") or {}).get("artifacts") or () if a.get("mode") != "input"]
    _files(report, page, "Files", found, most, "files")


def data(report: Report, page: Page, most: int | None) -> None:
    found = [a for a in (report.doc.get("execution") or {}).get("artifacts") or () if a.get("mode") == "input"]
    _files(report, page, "Data read", found, most, "data")


def models(report: Report, page: Page, most: int | None) -> None:
    links = report.doc.get("models") or {}
    known = {model["id"]: model for model in report.models}
    for side, title in (("input", "Models read"), ("output", "Models written")):
        found = links.get(side) or []
        if not found:
            continue
        page.head(title)
        rows = []
        for link in found[:most]:
            model = known.get(link.get("model"), {})
            rows.append(
                [link.get("name") or "", model.get("framework") or "", model.get("uri") or link.get("model") or ""]
            )
        page.rows(rows)
        _rest(report, page, len(found) - len(rows), "models")


def console(report: Report, page: Page, most: int | None) -> None:
    for line in report.tail:
        page.text(line, indent=0)


def notes(report: Report, page: Page, most: int | None) -> None:
    """What capture could not see or left out, and why."""
    runtime = report.doc.get("runtime") or {}
    found = _as_lines(runtime.get("mlops_notes"))
    hook = runtime.get("mlops_hook")
    if hook and hook != "loaded":
        found.insert(0, f"hook not loaded: {str(hook).removeprefix('not loaded: ')}")
    if found:
        page.head("Notes")
        for note in found[: most or len(found)]:
            page.text(note)


SECTIONS: dict[str, Callable[[Report, Page, int | None], None]] = {
    "params": parameters,
    "metrics": metrics,
    "code": code,
    "diff": diff,
    "packages": packages,
    "host": host,
    "env": environment,
    "config": configuration,
    "files": artifacts,
    "models": models,
    "data": data,
    "console": console,
    "notes": notes,
}


def _files(report: Report, page: Page, title: str, found: Sequence[Doc], most: int | None, section: str) -> None:
    if not found:
        return
    page.head(title)
    rows = [
        [item["key"], values.size(item.get("content_size")), (item.get("hash") or "")[:12], item.get("uri") or ""]
        for item in found[:most]
    ]
    page.rows(rows, right=frozenset({1}))
    _rest(report, page, len(found) - len(rows), section)


def _rest(report: Report, page: Page, count: int, section: str) -> None:
    if count > 0:
        page.lines.append("  " + page.paint(f"... {count} more: mlops show {report.short} {section}", "2"))


def _changes(doc: Doc, see: str) -> str:
    script = doc.get("script") or {}
    found = script.get("diff") or ""
    if not found:
        return "none" if script.get("version_num") else ""
    if not script.get("repository") and not found.startswith("diff "):
        if (doc.get("runtime") or {}).get(HEAD):
            return f"kept as a file: no remote has the commit (mlops checkout {doc['id'][:8]})"
        return f"stand-alone script, {found.count(chr(10)) + 1} lines ({see})"
    files = patches.statistics(found)
    added, removed = sum(f[1] for f in files), sum(f[2] for f in files)
    return f"{len(files)} file{'s' * (len(files) != 1)}, +{added} -{removed} ({see})"


def _why(doc: Doc) -> str:
    """Why it has its state, unless that only repeats the state: the reason, or the last line of a longer message."""
    reason, message = str(doc.get("status_reason") or ""), str(doc.get("status_message") or "")
    if reason in ("", doc.get("status")):
        reason = message.strip().rpartition("\n")[2]
    return "" if reason == doc.get("status") else reason


def _command(runtime: Doc) -> str:
    """The command as typed, quoted for a shell; other clients only name their script."""
    import json  # noqa: PLC0415
    import shlex  # noqa: PLC0415

    words = runtime.get("mlops_argv")
    try:
        found = json.loads(words) if isinstance(words, str) else words
    except ValueError:
        found = None
    return shlex.join(map(str, found)) if isinstance(found, list) else str(runtime.get("CLI") or "")


def _when(text: Any, now: datetime) -> str:
    return f"{values.local_time(text)} ({values.age(text, now)} ago)" if text else ""


def _or_nothing(show: Callable[[float | None], str], value: float | None) -> str:
    return "" if value is None else show(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _as_lines(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return str(value).splitlines() if value else []
