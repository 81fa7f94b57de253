"""Files of a run on their way into the store: artifacts handed over, models found, data read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Denied, MlopsError, Unauthorized
from ..follow import models
from . import pieces
from .collect import Collected, model_name
from .spec import RunSpec
from .texts import as_text, in_text

if TYPE_CHECKING:
    from ..client.api import Api

MAX_MODELS = 100
MAX_HASHED_INPUT_BYTES = 64 * 2**20
"""A data set of gigabytes is known by its place and size; reading it all would outlast many a run."""

_BLOCK = 1 << 20


def store_files(api: Api, task: str, files: Iterable[Mapping[str, Any]], left_out: dict[str, str]) -> None:
    """Files that the snapshot set aside (code, lock file) become artifacts."""
    artifacts = []
    for file in files:
        path = Path(str(file["path"]))
        if not path.is_file():
            continue
        stored = api.files.put(path, path.name, under=task)
        artifacts.append(
            _artifact(str(file["key"]), str(file.get("type") or "file"), stored.uri, stored.size_bytes, stored.sha256)
            | ({"display_data": _pairs(file["meta"])} if file.get("meta") else {})
        )
    _add_artifacts(api, task, artifacts, left_out)


def hand_over(api: Api, task: str, spec: RunSpec, collected: Collected) -> list[str]:
    """Everything that the run leaves; a file that is gone or cannot be read is named among what was left out.

    Returns the files that it is known to have written, models and event files included.
    """
    artifacts = _artifacts(api, task, collected) + _inputs(collected)
    _add_artifacts(api, task, artifacts, collected.left_out)
    found = _model_paths(spec, collected)
    _models(api, task, spec, collected, found)
    return [*collected.written, *collected.models, *collected.event_files, *collected.marks, *map(str, found)]


def _add_artifacts(api: Api, task: str, artifacts: list[dict[str, Any]], left_out: dict[str, str]) -> None:
    pieces.send(
        partial(api.tasks.add_artifacts, task), in_text(artifacts), lambda item: f"artifact {item['key']}", left_out
    )


def _artifacts(api: Api, task: str, collected: Collected) -> list[dict[str, Any]]:
    found = []
    for name, note in collected.artifacts.items():
        try:
            stored = api.files.put(Path(note["path"]), Path(str(note.get("file") or note["path"])).name, under=task)
            kind = str(note.get("type") or "file")
            artifact = _artifact(name, kind, stored.uri, stored.size_bytes, stored.sha256)
            if note.get("meta"):
                artifact["display_data"] = _pairs(note["meta"])
            found.append(artifact)
        except (OSError, ValueError, TypeError, AttributeError) as exc:  # a child may note anything
            collected.left_out[f"artifact {name}"] = str(exc)
        except MlopsError as exc:
            if not _is_of_the_file(exc):
                raise
            collected.left_out[f"artifact {name}"] = exc.message
    return found


def _is_of_the_file(error: MlopsError) -> bool:
    """Whether it is for ever, for this file alone; while the store is away or full, all of it comes again."""
    return pieces.is_wrong(error) or (isinstance(error, Denied) and not isinstance(error, Unauthorized))


def _inputs(collected: Collected) -> list[dict[str, Any]]:
    """Data that the run read: a link, the size, and for files of common size the sha256."""
    found = []
    for path in map(Path, collected.inputs()):
        try:
            size = path.stat().st_size
            digest = _digest(path) if size <= MAX_HASHED_INPUT_BYTES else ""
        except (OSError, ValueError):
            collected.left_out[as_text(str(path))] = "it was read, and is gone"
            continue
        found.append({**_artifact(str(path), "data", path.absolute().as_uri(), size, digest), "mode": "input"})
    return found


def _models(api: Api, task: str, spec: RunSpec, collected: Collected, paths: list[Path]) -> None:
    """Model files become output models, each once: an earlier try at the end may have made some of them."""
    if not paths:
        return
    known = {_source(model): model for model in api.models.find({"task": [task]})}
    names = {model["name"] for model in known.values()}
    project = str(api.tasks.document(task).get("project") or "")
    for path in paths:
        told = as_text(str(path))
        note = collected.models.get(str(path), {})
        try:
            if told in known:
                name, model = known[told]["name"], known[told]["id"]
            else:
                given = str(note.get("name") or "")
                free = len(given) >= 3 and given not in names
                name = given if free else model_name(told, spec.task_name, names)
                names.add(name)
                model = api.models.create(
                    in_text({"name": name, "task": task, "project": project, **_model(api, task, spec, path, note)})
                )
            api.tasks.add_model(task, name, model, "output")
        except (OSError, ValueError, TypeError) as exc:
            collected.left_out[told] = f"a model that cannot be read: {exc}"
        except MlopsError as exc:
            if not _is_of_the_file(exc):
                raise
            collected.left_out[told] = f"a model that the store refused: {exc.message}"


def _model(api: Api, task: str, spec: RunSpec, path: Path, note: Mapping[str, Any]) -> dict[str, Any]:
    size, digest = path.stat().st_size, _digest(path)
    return {
        "uri": api.files.put(path, path.name, under=task).uri if _is_kept(spec, note) else path.absolute().as_uri(),
        "framework": str(note.get("framework") or models.framework_of(path)),
        "metadata": _metadata(path, size, digest, note),
    }


def _model_paths(spec: RunSpec, collected: Collected) -> list[Path]:
    """What taps named, what was written with a model's suffix, and what a look at the folder finds; existing files."""
    told = [Path(path) for path in collected.models]
    written = [Path(path) for path in collected.written if models.is_model(Path(path))]
    found = [item.path for item in models.look(Path(spec.cwd), since=spec.started_at)]
    unique = {str(path): path for path in (*told, *written, *found) if _is_file(path)}
    paths = list(unique.values())
    if len(paths) > MAX_MODELS:
        collected.left_out["models"] = f"{len(paths)} model files; the newest {MAX_MODELS} are recorded"
        paths = sorted(paths, key=lambda path: path.stat().st_mtime)[-MAX_MODELS:]
    return paths


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _is_kept(spec: RunSpec, note: Mapping[str, Any]) -> bool:
    """Links only, unless the person asked (`--upload`) or handed the model over with the sdk."""
    return spec.upload or bool(note.get("keep")) or note.get("by") == "sdk"


def _metadata(path: Path, size: int, digest: str, note: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": as_text(str(path)), "size_bytes": size, "sha256": digest}
    facts.update({f"header/{key}": value for key, value in models.peek(path).items()})
    facts.update(dict(note.get("meta") or {}))
    return {key: {"key": key, "type": type(value).__name__, "value": str(value)[:4096]} for key, value in facts.items()}


def _source(model: Mapping[str, Any]) -> str:
    item = (model.get("metadata") or {}).get("path") or {}
    return str(item.get("value") or "")


def _artifact(key: str, kind: str, uri: str, size: int, digest: str) -> dict[str, Any]:
    return {
        "key": key,
        "type": kind,
        "mode": "output",
        "uri": uri,
        "content_size": size,
        "hash": digest,
        "timestamp": int(time.time()),
    }


def _pairs(meta: Mapping[str, Any]) -> list[list[str]]:
    return [[str(key), str(value)] for key, value in meta.items()]


def _digest(path: Path) -> str:
    from hashlib import sha256  # noqa: PLC0415 - OpenSSL is loaded only where something is hashed

    hasher = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()
