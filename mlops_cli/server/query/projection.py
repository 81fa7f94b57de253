"""`only_fields`: which fields are read, and which parts of them are answered."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...errors import InvalidInput
from .fields import Collection, split

Tree = dict[str, Any]
"""Keys of a document; the value is the tree of wanted keys below, or {} for everything."""

COMPUTED = frozenset(
    {"last_metrics", "unique_metrics", "stats", "sub_projects", "own_tasks", "own_models", "entries", "workers"}
)
"""Fields that are not stored in the document's own row."""


class Projection(NamedTuple):
    """`names`: the fields to read. `kept` and `dropped`: the parts of them that are answered (empty: whole)."""

    names: tuple[str, ...]
    kept: Tree
    dropped: Tree
    is_whole: bool

    def cut(self, document: dict[str, Any]) -> dict[str, Any]:
        for key, below in self.kept.items():
            if below and isinstance(document.get(key), dict):
                document[key] = _keep(document[key], below)
        for key, below in self.dropped.items():
            if below and isinstance(document.get(key), dict):
                _drop(document[key], below)
        return document


def project(collection: Collection, wanted: Any) -> Projection:
    """Reads `only_fields`. Raises InvalidInput (subcode 14) for a top-level field that does not exist."""
    everything = [field.name for field in collection.fields.values() if not field.internal]
    if collection.has_metrics:
        everything.append("last_metrics")
    kept: Tree = {}
    dropped: Tree = {}
    for path in _paths(wanted):
        keys = split(path.removeprefix("-"))
        if keys[0] not in collection.fields and keys[0] not in COMPUTED:
            raise InvalidInput(f"Unknown field: only_fields: field={keys[0]}, entity={collection.noun}", subcode=14)
        _add(dropped if path.startswith("-") else kept, keys)
    chosen = ["id", *(name for name in kept if name != "id")] if kept else everything
    names = tuple(name for name in chosen if name == "id" or name not in dropped or dropped[name])
    return Projection(names, kept, dropped, is_whole=not kept and not dropped)


def _paths(wanted: Any) -> list[str]:
    if wanted is None or wanted == []:
        return []
    paths = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise InvalidInput("Validation error: only_fields must be a list of names")
    return [path for path in paths if path.strip("-")]


def _add(tree: Tree, keys: list[str]) -> None:
    for depth, key in enumerate(keys):
        known = key in tree
        below = tree.setdefault(key, {})
        # {} means everything: a whole field swallows its parts, and a part does not narrow a whole.
        if depth == len(keys) - 1:
            below.clear()
        elif known and not below:
            return
        tree = below


def _keep(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _keep(value[key], below) if below else value[key] for key, below in tree.items() if key in value}


def _drop(value: Any, tree: Tree) -> None:
    if isinstance(value, list):
        for item in value:
            _drop(item, tree)
    elif isinstance(value, dict):
        for key, below in tree.items():
            if below:
                _drop(value.get(key), below)
            else:
                value.pop(key, None)
