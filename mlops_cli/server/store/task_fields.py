"""What a request says about a task, in the form in which it is stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import InvalidInput
from ...schemas.status import STATUSES, TYPES
from ..query import dates

Fields = dict[str, Any]

MIN_NAME = 3
PROPERTIES = "properties"
"""The section of user properties, whatever the case in which it is sent."""

_STRIPPED = ("binary", "repository", "branch", "tag", "version_num", "entry_point", "working_dir")
_PLAIN = ("name", "type", "project", "parent", "comment")


def from_request(request: Fields) -> Fields:
    """The stored form of the fields of `tasks.create` and `tasks.edit`; only what the request holds."""
    found: Fields = {key: request[key] for key in _PLAIN if key in request}
    if "name" in found:
        found["name"] = checked_name(found["name"])
    if "type" in found:
        checked_type(found["type"])
    for key in ("tags", "system_tags"):
        if key in request:
            found[key] = checked_tags(request[key])
    if "script" in request:
        found["script"] = script(request["script"])
    if "execution" in request:
        found["execution"] = execution(request["execution"])
    if "hyperparams" in request:
        found["hyperparams"] = hyperparams(request["hyperparams"])
    if "configuration" in request:
        found["configuration"] = configuration(request["configuration"])
    if "models" in request:
        lists = request["models"]
        found["models"] = {side: models(lists[side]) for side in ("input", "output") if lists.get(side) is not None}
    if "container" in request:
        found["container"] = {key: value for key, value in request["container"].items() if value is not None}
    if "runtime" in request:
        found["runtime"] = request["runtime"]
    if "output_dest" in request:
        found["output"] = {"destination": request["output_dest"]}
    return found


def checked_name(name: str, noun: str = "task") -> str:
    if len(name.strip()) < MIN_NAME:
        raise InvalidInput(f"Data validation error: the name of a {noun} needs {MIN_NAME} characters", subcode=800)
    return name.strip()


def checked_type(kind: str) -> str:
    if kind not in TYPES:
        raise InvalidInput(f"Validation error: unknown task type: {kind!r}; known: {', '.join(TYPES)}")
    return kind


def checked_status(status: str) -> str:
    if status not in STATUSES:
        raise InvalidInput(f"Validation error: unknown status: {status!r}; known: {', '.join(STATUSES)}")
    return status


def checked_tags(tags: Iterable[str]) -> list[str]:
    """Without doubles, sorted. The query operators' prefix is refused: such a tag could never be asked for."""
    for tag in tags:
        if tag.startswith("__$"):
            raise InvalidInput(f"Invalid value: a tag must not begin with '__$': {tag!r}", subcode=16)
    return sorted(set(tags))


def script(part: Fields) -> Fields:
    return {
        key: value.strip() if key in _STRIPPED and isinstance(value, str) else value
        for key, value in part.items()
        if value is not None
    }


def execution(part: Fields) -> Fields:
    found = {key: value for key, value in part.items() if value is not None}
    if "artifacts" in found:
        items = found["artifacts"]
        found["artifacts"] = merge_artifacts([], items.values() if isinstance(items, dict) else items)
    return found


def merge_artifacts(old: Iterable[Fields], new: Iterable[Fields]) -> list[Fields]:
    """An artifact is (key, mode); a newer one replaces an older one. Sorted by key."""
    found = {artifact_key(item): item for item in old}
    for item in new:
        clean = {key: value for key, value in item.items() if value is not None}
        found[artifact_key(item)] = {"type": "custom", **clean, "mode": artifact_key(item)[1]}
    return [found[key] for key in sorted(found)]


def artifact_key(item: Fields) -> tuple[str, str]:
    return str(item.get("key")), str(item.get("mode") or "output")


def hyperparams(sections: dict[str, dict[str, Fields]]) -> dict[str, dict[str, Fields]]:
    found: dict[str, dict[str, Fields]] = {}
    for section, items in sections.items():
        folded = section_name(section)
        for name, item in items.items():
            found.setdefault(folded, {})[name] = parameter(folded, name, item)
    return found


def section_name(section: str) -> str:
    return PROPERTIES if section.lower() == PROPERTIES else section


def parameter(section: str, name: str, item: Fields) -> Fields:
    clean = {key: item[key] for key in ("type", "description") if item.get(key) is not None}
    value = item.get("value")
    return {"section": section, "name": name, "value": "" if value is None else value, **clean}


def configuration(items: dict[str, Fields]) -> dict[str, Fields]:
    return {name: configuration_item(name, item) for name, item in items.items()}


def configuration_item(name: str, item: Fields) -> Fields:
    clean = {key: item[key] for key in ("type", "description") if item.get(key) is not None}
    value = item.get("value")
    return {"name": name, "value": "" if value is None else value, **clean}


def models(items: Iterable[Fields]) -> list[Fields]:
    """Entries with a unique name each; the API calls an unnamed one after its model."""
    found: dict[str, Fields] = {}
    for item in items:
        model = item.get("model") or ""
        name = item.get("name") or model
        found[name] = {"name": name, "model": model, "updated": item.get("updated") or dates.now()}
    return list(found.values())


def legacy_parameters(sections: dict[str, dict[str, Fields]], parameters: Fields) -> dict[str, dict[str, Fields]]:
    """The old `execution.parameters`, which replace the legacy-typed parameters of `Args` (or `TF_DEFINE/...`)."""
    found = {
        section: {name: item for name, item in items.items() if item.get("type") != "legacy"}
        if section in ("Args", "TF_DEFINE")
        else dict(items)
        for section, items in sections.items()
    }
    for path, value in parameters.items():
        section, slash, name = path.partition("/")
        if not slash or section != "TF_DEFINE":
            section, name = "Args", path
        text = "" if value is None else str(value)
        found.setdefault(section, {})[name] = parameter(section, name, {"value": text, "type": "legacy"})
    return {section: items for section, items in found.items() if items}


def metadata(items: list[Fields] | dict[str, Fields]) -> Fields:
    """What is noted about a model or a queue, by key as answers hold it; requests may also send a list."""
    pairs = items.items() if isinstance(items, dict) else ((item["key"], item) for item in items)
    return {key: {"key": key, "type": item.get("type"), "value": item.get("value")} for key, item in pairs}
