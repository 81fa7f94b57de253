"""The names cache: what completion offers, one plain line each, written by commands that list and read without us.

A line is `kind<TAB>name`, the newest first; kinds are task, project, tag, queue, model. Losing the file loses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .api import Json

MAX_EACH = 500
"""Completion with more candidates helps nobody, and the file is read at every TAB."""

_SHORT = 8
_PLAIN = "_./:@+,=%-"


def remember(path: Path, found: Mapping[str, Iterable[str]]) -> None:
    """Put these names, by kind, before those that the cache has. Never fails: a cache is no reason to."""
    known = _read(path)
    fresh = {kind: [clean for name in names if (clean := _clean(name))] for kind, names in found.items()}
    merged = {
        kind: list(dict.fromkeys([*fresh.get(kind, ()), *known.get(kind, ())]))[:MAX_EACH]
        for kind in sorted({*known, *fresh})
    }
    if merged != known:
        _write(path, "".join(f"{kind}\t{name}\n" for kind, names in merged.items() for name in names))


def forget(path: Path, kind: str, names: Iterable[str]) -> None:
    """Take names out, after what they named was deleted."""
    gone = set(names)
    known = _read(path)
    if gone.isdisjoint(known.get(kind, ())):
        return
    known[kind] = [name for name in known[kind] if name not in gone]
    _write(path, "".join(f"{each}\t{name}\n" for each, left in known.items() for name in left))


def read_names(path: Path, kind: str) -> list[str]:
    """The cached names of one kind, newest first."""
    return _read(path).get(kind, [])


def names_of(tasks: Iterable[Json], projects: Iterable[str] = ()) -> dict[str, list[str]]:
    """What a list of tasks teaches: short ids and names, tags, projects."""
    found: dict[str, list[str]] = {"task": [], "tag": [], "project": list(projects)}
    for task in tasks:
        found["task"].append(task["id"][:_SHORT])
        if task.get("name"):
            found["task"].append(task["name"])
        found["tag"] += task.get("tags") or []
    return found


def _read(path: Path) -> dict[str, list[str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return {}
    found: dict[str, list[str]] = {}
    for line in lines:
        kind, tab, name = line.partition("\t")
        if tab and name:
            found.setdefault(kind, []).append(name)
    return found


def _write(path: Path, content: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(content, encoding="utf-8", errors="replace")
        fresh.replace(path)
    except OSError:
        try:
            fresh.unlink(missing_ok=True)
        except OSError:
            return


def _clean(name: str) -> str:
    """A name that means itself to every shell; a `$(...)` that somebody else gave to an experiment is not offered."""
    is_plain = all(char.isalnum() or char in _PLAIN for char in name)
    return name if is_plain and len(name) <= 200 and not name.startswith("-") else ""
