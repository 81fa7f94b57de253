"""Brings experiments back from a bundle. Each is there whole or not at all, whatever ends us in between.

While one is being filled it is hidden and marked; a later import of the same experiment clears such remains.
"""

from __future__ import annotations

import base64
import binascii
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ...errors import Conflict, InvalidInput, MlopsError
from ...schemas.status import IN_PROGRESS, QUEUED, STOPPED
from ...schemas.tasks import Task
from ..api import Api, Json
from ..files import explain
from .layout import LINK, Limits, file_member, task_member
from .reading import Bundle, open_bundle

MARK = "importing"
POINTS_A_CALL = 50_000
BYTES_A_CALL = 4 << 20
_MODEL_FIELDS = ("name", "framework", "comment", "tags", "labels", "design", "metadata", "ready")
DEFAULT = Limits()


@dataclass(frozen=True, slots=True)
class Imported:
    """One experiment that came in: the id in the bundle, and here."""

    source: str
    id: str
    name: str


def import_tasks(api: Api, path: Path, *, new_ids: bool = False, limits: Limits = DEFAULT) -> list[Imported]:
    """Bring in every experiment of a bundle, under its own id or, with `new_ids`, under a new one.

    Everything is verified before the first write. Raises InvalidInput for a bundle that is damaged or hostile, Conflict
    when an id is taken: then nothing was imported. When one cannot be stored, those before it stay, it leaves nothing.
    """
    with open_bundle(path, limits) as bundle:
        bundle.verify()
        documents = {entry["id"]: _read_document(bundle, entry) for entry in bundle.tasks}
        ids = {task: uuid.uuid4().hex if new_ids else task for task in documents}
        if not new_ids:
            _check_free(api, list(ids))
        folder = Path(tempfile.mkdtemp(prefix="mlops-import-"))
        try:
            importing = _Importing(api, bundle, folder, ids, is_new=new_ids)
            return [importing.task(entry, documents[entry["id"]]) for entry in _parents_first(bundle.tasks, documents)]
        except (msgspec.ValidationError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
            raise InvalidInput(f"this bundle is refused: {exc}", hint="export it again where it came from") from exc
        except OSError as exc:
            raise explain(exc, path, folder) from exc
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _check_free(api: Api, ids: list[str]) -> None:
    taken = api.tasks.find({"id": ids, "only_fields": ["id", "name", "system_tags"], "search_hidden": True})
    for task in taken:
        if MARK in (task.get("system_tags") or []):
            # What an import left that was killed: nobody has seen it.
            api.tasks.delete(task["id"], force=True)
    whole = [task for task in taken if MARK not in (task.get("system_tags") or [])]
    if whole:
        named = ", ".join(f"{task['id'][:8]} ({task.get('name')})" for task in whole[:5])
        more = "" if len(whole) <= 5 else f" and {len(whole) - 5} more"
        raise Conflict(
            f"already here: {named}{more}; nothing was imported",
            hint="`--new-ids` imports them once more, as experiments of their own",
            data={"ids": [task["id"] for task in whole]},
        )


def _read_document(bundle: Bundle, entry: Json) -> Json:
    """A task's document with only the fields that a task has, each of its right type."""
    raw = bundle.document(task_member(entry["id"], "task.json"))
    try:
        task = msgspec.convert(raw, Task, strict=False)
    except msgspec.ValidationError as exc:
        raise InvalidInput(f"this bundle is refused: task {entry['id']}: {exc}") from exc
    if task.id != entry["id"]:
        raise InvalidInput(f"this bundle is refused: task {entry['id']} calls itself {task.id}")
    document: Json = msgspec.to_builtins(task)
    for side in ("last_metrics", "output"):
        document.pop(side, None)
    if document.get("status") in (IN_PROGRESS, QUEUED):
        # Nothing runs it here, and nothing may be for ever running.
        document["status_message"] = f"was {document['status']} when it was exported"
        document["status"] = STOPPED
    return document


def _parents_first(entries: list[Json], documents: dict[str, Json]) -> list[Json]:
    """An order in which a parent in the bundle comes before its children; a circle is broken where it is met."""
    by_id = {entry["id"]: entry for entry in entries}
    ordered: dict[str, Json] = {}
    for entry in entries:
        chain: list[str] = []
        task: str = entry["id"]
        while task in by_id and task not in ordered and task not in chain:
            chain.append(task)
            task = documents[task].get("parent") or ""
        ordered.update((member, by_id[member]) for member in reversed(chain))
    return list(ordered.values())


@dataclass(slots=True)
class _Importing:
    api: Api
    bundle: Bundle
    folder: Path
    ids: dict[str, str]
    is_new: bool
    stored: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def task(self, entry: Json, document: Json) -> Imported:
        source, new = entry["id"], self.ids[entry["id"]]
        made: list[str] = []
        document = {**document, "id": new, **self._references(entry, document)}
        if self.is_new:
            runtime = dict(document.get("runtime") or {})
            # The run is the other experiment's: with it here, one run would have two.
            if "mlops_run" in runtime:
                runtime["mlops_run_source"] = runtime.pop("mlops_run")
            document["runtime"] = runtime
        plain = {key: value for key, value in document.items() if key != "models"}
        self.api.call("tasks.restore_begin", plain)
        try:
            self._artifacts(document)
            document["models"] = self._models(source, new, document, made)
            self._events(source, new)
            self.api.call("tasks.restore_finish", document)
        except BaseException:
            self._undo(new, made)
            raise
        return Imported(source, new, str(document.get("name") or ""))

    def _references(self, entry: Json, document: Json) -> Json:
        """Project by name, parent where it is (or comes) here, no queue: the ids of another store mean nothing."""
        project, parent = entry.get("project"), document.get("parent")
        found: Json = {"project": self.api.projects.ensure(project) if isinstance(project, str) and project else None}
        known = self.ids.get(parent) if parent else None
        if parent and known is None:
            here = self.api.tasks.find({"id": [parent], "only_fields": ["id"], "search_hidden": True}, limit=1)
            known = parent if here else None
        if known and not self.api.tasks.find({"id": [known], "only_fields": ["id"], "search_hidden": True}, limit=1):
            known = None
        found["parent"] = known
        execution = {key: value for key, value in (document.get("execution") or {}).items() if key != "queue"}
        return {**found, "execution": execution}

    def _artifacts(self, document: Json) -> None:
        for artifact in document["execution"].get("artifacts") or []:
            artifact["uri"] = self._uri(artifact.get("uri"))

    def _models(self, source: str, new: str, document: Json, made: list[str]) -> Json:
        """The models that came along, made anew; a reference to any other model is left out."""
        name = task_member(source, "models.json")
        for model in self.bundle.document(name) if name in self.bundle else []:
            if model["id"] in self.models:
                continue
            fields = {key: model[key] for key in _MODEL_FIELDS if model.get(key) is not None}
            fields["uri"] = self._uri(model.get("uri")) or "file:///not-in-the-bundle"
            if model.get("task") == source:
                fields["task"] = new
            if document.get("project"):
                fields["project"] = document["project"]
            self.models[model["id"]] = self.api.models.create(fields)
            made.append(model["id"])
        sides: Json = {}
        for side in ("input", "output"):
            items = (document.get("models") or {}).get(side) or []
            known = [item for item in items if item.get("model") in self.models]
            sides[side] = [{**item, "model": self.models[item["model"]]} for item in known]
        return sides

    def _uri(self, uri: Any) -> Any:
        """The link to a file that came along; of other links, none may point into our own store."""
        if not isinstance(uri, str) or not uri.startswith(LINK):
            return None if self.api.files.owns(uri) else uri
        digest = uri.removeprefix(LINK)
        if file_member(digest) not in self.bundle:
            raise InvalidInput(f"this bundle is refused: it lacks the file {digest}")
        if digest not in self.stored:
            part = self.folder / digest
            self.bundle.extract(digest, part)
            self.stored[digest] = self.api.files.put(part, self.bundle.file_name(digest)).uri
            part.unlink()
        return self.stored[digest]

    def _events(self, source: str, new: str) -> None:
        run = uuid.uuid4().hex
        for offset, body in enumerate(self._batches(source, new)):
            place = {"task": new, "run": run, "stream": "import", "offset": offset, "next": offset + 1}
            self.api.events.add_columns({**place, **body})

    def _batches(self, source: str, new: str) -> Iterator[Json]:
        """Bodies of `events.add_columns` of a bounded size."""
        scalars: list[Json] = []
        held = 0
        for row in self.bundle.lines(task_member(source, "scalars.jsonl")):
            column = _scalar_column(row)
            scalars.append(column)
            held += len(column["iter"])
            if held >= POINTS_A_CALL:
                yield {"scalars": scalars}
                scalars, held = [], 0
        if scalars:
            yield {"scalars": scalars}
        for row in self.bundle.lines(task_member(source, "events.jsonl")):
            event = {**row, "task": new, "model_event": False, "allow_locked": False}
            if "url" in event:
                event["url"] = self._uri(event["url"])
            yield {"events": [event]}
        chunks: list[Json] = []
        for row in self.bundle.lines(task_member(source, "console.jsonl")):
            chunk = _console_chunk(row)
            chunks.append(chunk)
            held += len(chunk["raw"])
            if held >= BYTES_A_CALL:
                yield {"console": chunks}
                chunks, held = [], 0
        if chunks:
            yield {"console": chunks}

    def _undo(self, new: str, made: list[str]) -> None:
        for model in made:
            try:
                self.api.models.delete(self.models.pop(model), force=True)
            except MlopsError:
                continue
        try:
            self.api.tasks.delete(new, force=True)
        except MlopsError:
            # It stays hidden and marked; the next import of it clears it.
            return


def _scalar_column(row: Json) -> Json:
    columns = [row.get(key) for key in ("iter", "value", "timestamp")]
    if not all(isinstance(column, list) for column in columns) or len({len(column or []) for column in columns}) != 1:
        raise InvalidInput("this bundle is refused: a curve whose columns differ in length")
    steps, values, times = columns
    return {
        "metric": str(row.get("metric") or ""),
        "variant": str(row.get("variant") or ""),
        **({"x_axis_label": str(row["x_axis_label"])} if row.get("x_axis_label") else {}),
        "iter": steps,
        "value": [float(value) for value in values or []],
        "timestamp": times,
    }


def _console_chunk(row: Json) -> Json:
    try:
        raw = base64.b64decode(str(row.get("raw") or ""), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput("this bundle is refused: console text that is not base64") from exc
    chunk: Json = {"timestamp": row.get("timestamp"), "level": str(row.get("level") or ""), "raw": raw}
    return {**chunk, **({"worker": str(row["worker"])} if row.get("worker") else {})}
