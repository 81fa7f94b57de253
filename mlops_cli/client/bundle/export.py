"""Writes experiments into a bundle: documents, every point, the console's raw bytes, plots, and the stored files."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import MlopsError
from ..api import Api, Json
from ..events import IMAGE, PLOT, SCALAR
from ..files import hash_file
from .layout import LINK, file_member, task_member
from .writing import BundleWriter, new_bundle

VECTOR = "training_stats_vector"
POINTS_A_LINE = 5000


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into the bundle; `left_out` names the links that stayed links, and why."""

    path: Path
    tasks: tuple[str, ...]
    points: int
    files: int
    left_out: tuple[str, ...]


def export_tasks(api: Api, ids: Sequence[str], path: Path, *, overwrite: bool = False) -> Exported:
    """Write the tasks of these ids into a bundle at `path`, which appears whole or not at all.

    Files of the file store travel; links to other places stay links. Raises NotFound for an unknown id, Conflict when
    `path` exists, Unreachable when the disk is full.
    """
    ids = list(dict.fromkeys(ids))
    with new_bundle(path, overwrite=overwrite) as writer:
        exporting = _Exporting(api, writer)
        entries = [exporting.task(task) for task in ids]
        writer.finish({"tasks": entries, "files": exporting.files})
    return Exported(path, tuple(ids), exporting.points, len(exporting.files), tuple(exporting.left_out))


class _Exporting:
    def __init__(self, api: Api, writer: BundleWriter) -> None:
        self.api = api
        self.writer = writer
        self.files: dict[str, Json] = {}
        self.links: dict[str, str] = {}
        self.left_out: list[str] = []
        self.points = 0

    def task(self, task: str) -> Json:
        """Everything of one task; returns its entry in the manifest."""
        document = self.api.tasks.document(task)
        for artifact in (document.get("execution") or {}).get("artifacts") or []:
            artifact["uri"] = self._link(artifact.get("uri"), f"artifact {artifact.get('key')}")
        labels = {
            (series.get("metric"), series.get("variant")): series.get("x_axis_label")
            for variants in (document.get("last_metrics") or {}).values()
            for series in variants.values()
        }
        models = [self._model(model) for model in self._model_ids(document)]
        self.writer.add_document(task_member(task, "task.json"), document)
        if models:
            self.writer.add_document(task_member(task, "models.json"), [model for model in models if model])
        self.writer.add_lines(task_member(task, "scalars.jsonl"), self._scalars(task, labels))
        # Files first: a zip takes one member at a time.
        for event in self.api.events.each(task, IMAGE):
            self._link(event.get("url"), "image")
        self.writer.add_lines(task_member(task, "events.jsonl"), self._events(task))
        self.writer.add_lines(task_member(task, "console.jsonl"), self._console(task))
        project = document.get("project")
        return {
            "id": task,
            "name": document.get("name"),
            "project": self.api.projects.get(project)["name"] if project else None,
        }

    def _scalars(self, task: str, labels: dict[tuple[Any, Any], Any]) -> Iterator[Json]:
        columns: dict[tuple[str, str], Json] = {}
        held = 0
        for event in self.api.events.each(task, SCALAR):
            key = (event.get("metric") or "", event.get("variant") or "")
            column = columns.get(key)
            if column is None:
                column = columns[key] = {"iter": [], "value": [], "timestamp": []}
            column["iter"].append(event["iter"])
            column["value"].append(_as_json(event["value"]))
            column["timestamp"].append(event["timestamp"])
            held += 1
            if held >= POINTS_A_LINE:
                yield from self._flush(columns, labels)
                columns, held = {}, 0
        yield from self._flush(columns, labels)

    def _flush(self, columns: dict[tuple[str, str], Json], labels: dict[tuple[Any, Any], Any]) -> Iterator[Json]:
        for (metric, variant), column in columns.items():
            self.points += len(column["iter"])
            label = labels.get((metric, variant))
            yield {"metric": metric, "variant": variant, **({"x_axis_label": label} if label else {}), **column}

    def _events(self, task: str) -> Iterator[Json]:
        for kind in (PLOT, IMAGE, VECTOR):
            for event in self.api.events.each(task, kind, batch=200):
                if event.get("url"):
                    event["url"] = self.links.get(event["url"], event["url"])
                yield event

    def _console(self, task: str) -> Iterator[Json]:
        after: int | None = None
        while True:
            page = self.api.events.console(task, after=after)
            for chunk in page["chunks"]:
                raw = base64.b64encode(chunk["raw"]).decode()
                yield {**{key: chunk.get(key) for key in ("timestamp", "level", "worker")}, "raw": raw}
            after = page["last"]
            if not page["more"]:
                return

    def _model_ids(self, document: Json) -> list[str]:
        models = document.get("models") or {}
        return [item["model"] for side in ("input", "output") for item in models.get(side) or [] if item.get("model")]

    def _model(self, model: str) -> Json | None:
        try:
            document = self.api.models.document(model)
        except MlopsError:
            self.left_out.append(f"model {model}: it was deleted")
            return None
        document["uri"] = self._link(document.get("uri"), f"model {document.get('name')}")
        return document

    def _link(self, uri: Any, what: str) -> Any:
        """The link in the bundle of a stored file, which is added once; any other link as it is."""
        if not isinstance(uri, str) or not uri:
            return uri
        if uri in self.links:
            return self.links[uri]
        if not self.api.files.owns(uri):
            self.left_out.append(f"{what}: only a link, {uri}")
            return uri
        path = self.api.files.locate(uri)
        try:
            digest = hash_file(path)[0]
            if file_member(digest) not in self.writer:
                self.writer.add_file(file_member(digest), path)
        except FileNotFoundError:
            self.left_out.append(f"{what}: its file is gone, {uri}")
            return uri
        if digest != path.parent.name:
            self.left_out.append(f"{what}: its file was changed in the store, {uri}")
        self.files[digest] = {"name": path.name}
        self.links[uri] = LINK + digest
        return self.links[uri]


def _as_json(value: Any) -> Any:
    """JSON has no NaN and no infinities: the API's words for them."""
    if isinstance(value, float) and value - value != 0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value
