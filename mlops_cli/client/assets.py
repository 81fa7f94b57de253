"""Which file a person means: an artifact, or a model by its name, its id, or the experiment that made it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from ..errors import Ambiguous, MlopsError, NotFound
from .api import Api, Json
from .references import resolve
from .suggest import suggest

_HEX = re.compile(r"[0-9a-f]{4,32}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SHOWN = 10


class Asset(NamedTuple):
    """One file that can be fetched. `sha256` is empty where nobody recorded it."""

    name: str
    uri: str
    sha256: str
    size_bytes: int | None

    @property
    def file_name(self) -> str:
        """What the file is called, as one segment of a path."""
        return file_name(self.uri, self.name)


def artifact_of(task: Mapping[str, Any], key: str) -> Asset:
    """The artifact of that key, outputs before inputs. Raises NotFound with the nearest."""
    found = artifacts_of(task)
    matching = [item for item in found if item.get("key") == key]
    matching.sort(key=lambda item: item.get("mode") == "input")
    if not matching:
        keys = [str(item.get("key")) for item in found]
        hint = suggest(key, keys) or f"`mlops artifact ls {str(task['id'])[:8]}` lists them"
        raise NotFound(f"the experiment has no artifact `{key}`", hint=hint, data={"artifacts": keys[:_SHOWN]})
    item = matching[0]
    uri = str(item.get("uri") or "")
    if not uri:
        raise NotFound(f"the artifact `{key}` has no file: its upload never ended", hint="`mlops artifact ls`")
    size = item.get("content_size")
    return Asset(key, uri, _digest(item.get("hash")), size if isinstance(size, int) else None)


def artifacts_of(task: Mapping[str, Any]) -> list[Json]:
    return list((task.get("execution") or {}).get("artifacts") or ())


def asset_of(model: Mapping[str, Any]) -> Asset:
    """The file of a model. Raises NotFound when it has none."""
    uri = str(model.get("uri") or "")
    if not uri or uri.endswith("/uploading_file"):
        raise NotFound(f"the model `{model.get('name')}` has no file: its upload never ended", hint="`mlops model ls`")
    size = _fact(model, "size_bytes")
    return Asset(
        str(model.get("name") or ""), uri, _digest(_fact(model, "sha256")), int(size) if size.isdigit() else None
    )


def find_model(api: Api, text: str, *, project: str | None = None, user: str | None = "me") -> Json:
    """The one model that an id, a prefix of one, a name, or an experiment with one model means.

    Of several models with one name the newest wins only when the others are archived. Raises NotFound and Ambiguous.
    """
    found = _by_id(api, text) or _by_name(api, text) or _of_experiment(api, text, project, user)
    if len(found) > 1:
        lines = "\n  ".join(f"{model['id']}  {model.get('name', '')}" for model in found[:_SHOWN])
        raise Ambiguous(
            f"`{text}` means more than one model:\n  {lines}" + ("\n  ... and more" if len(found) > _SHOWN else ""),
            hint="use the id",
            data={"candidates": [str(model["id"]) for model in found[:_SHOWN]]},
        )
    return api.models.document(str(found[0]["id"]))


def file_name(uri: str, fallback: str) -> str:
    last = unquote(urlsplit(uri).path).rpartition("/")[2]
    name = last if last not in ("", ".", "..") else fallback
    clean = "".join(char if char.isprintable() and char not in "/\\\0" else "_" for char in name).strip()
    return clean.encode("utf-8", "replace")[:200].decode("utf-8", "ignore") if clean not in ("", ".", "..") else "file"


def destination(given: str, asset: Asset) -> Path:
    """Where a fetched file goes: into the folder that was named, or under the name that was; else here."""
    path = Path(given or ".")
    return path / asset.file_name if not given or given.endswith(os.sep) or path.is_dir() else path


def _by_id(api: Api, text: str) -> list[Json]:
    if not _HEX.match(text.lower()):
        return []
    fields = {"only_fields": ["id", "name"], "search_hidden": True}
    wanted = text.lower()
    if len(wanted) == 32:
        return api.models.find({**fields, "id": [wanted]})
    found = api.models.find({**fields, "_any_": {"fields": ["id"], "pattern": f"^{wanted}"}})
    return [model for model in found if str(model["id"]).startswith(wanted)]


def _by_name(api: Api, text: str) -> list[Json]:
    query = {"name": f"^{re.escape(text)}$", "only_fields": ["id", "name", "system_tags"], "order_by": ["-created"]}
    named = [model for model in api.models.find(query) if model.get("name") == text]
    return [model for model in named if "archived" not in (model.get("system_tags") or [])] or named[:1]


def _of_experiment(api: Api, text: str, project: str | None, user: str | None) -> Sequence[Json]:
    try:
        task = api.tasks.document(resolve(api, text, project=project, user=user))
    except NotFound as exc:
        if isinstance(exc, Ambiguous) or text[:1] in "@:":
            raise
        _no_model(api, text, exc)
    items = (task.get("models") or {}).get("output") or []
    ids = list(dict.fromkeys(str(item["model"]) for item in items if item.get("model")))
    if not ids:
        raise NotFound(f"the experiment {task['id'][:8]} made no model", hint=f"mlops show {task['id'][:8]}")
    return api.models.find({"id": ids, "only_fields": ["id", "name"], "search_hidden": True})


def _no_model(api: Api, text: str, error: MlopsError) -> NoReturn:
    names = [str(m.get("name")) for m in api.models.find({"only_fields": ["name"], "order_by": ["-created"]})]
    hint = suggest(text, names) or "`mlops model ls` lists them"
    raise NotFound(f"no model and no experiment `{text}`", hint=hint) from error


def _fact(model: Mapping[str, Any], key: str) -> str:
    item = (model.get("metadata") or {}).get(key) or {}
    return str(item.get("value") or "") if isinstance(item, dict) else ""


def _digest(value: Any) -> str:
    text = str(value or "").lower()
    return text if _SHA256.match(text) else ""
