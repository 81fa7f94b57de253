"""The patch between the code of two tasks: tree against tree where both can be rebuilt, else what the records tell."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MlopsError
from .model import ARTIFACT_KEY
from .patch import Section, split
from .restore import open_scratch, resolve


@dataclass(frozen=True, slots=True)
class Version:
    """The code of one task: the API's `script` fields and local copies of its artifacts."""

    script: Mapping[str, Any]
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    name: str = ""


def patch_between(a: Version, b: Version, *, scratch: Path, repository: Path | None = None, context: int = 3) -> str:
    """A unified patch that turns the code of `a` into that of `b`; empty when they are the same.

    `scratch` is a folder that does not exist yet and is gone afterwards. Nothing is fetched: without the repository at
    hand the two records' patches are compared, and lines that begin with `#` say what could not be seen.
    """
    if _same(a, b):
        return ""
    if _is_alone(a) and _is_alone(b):
        return _between_texts(a, b, context)
    try:
        with open_scratch(scratch, a.script, a.artifacts, repository) as place:
            old = resolve(place, a.script, a.artifacts, may_fetch=False).tree
            new = resolve(place, b.script, b.artifacts, may_fetch=False).tree
            return place.patch(old, new, context=context).decode("utf-8", "backslashreplace")
    except MlopsError as exc:
        return _between_records(a, b, context, exc.message)


def _same(a: Version, b: Version) -> bool:
    keys = ("repository", "version_num", "diff", "entry_point")
    travelled = [
        path.read_bytes() if path else b"" for path in (a.artifacts.get(ARTIFACT_KEY), b.artifacts.get(ARTIFACT_KEY))
    ]
    return all((a.script.get(key) or "") == (b.script.get(key) or "") for key in keys) and travelled[0] == travelled[1]


def _is_alone(version: Version) -> bool:
    return not version.script.get("repository") and ARTIFACT_KEY not in version.artifacts


def _between_texts(a: Version, b: Version, context: int) -> str:
    names = [f"{side}/{version.script.get('entry_point') or 'script'}" for side, version in (("a", a), ("b", b))]
    return _unified(str(a.script.get("diff") or ""), str(b.script.get("diff") or ""), names[0], names[1], context)


def _between_records(a: Version, b: Version, context: int, why: str) -> str:
    """The difference of the two patches, file by file, and what it cannot tell."""
    head = [f"# The trees cannot be compared here: {why}."]
    old_base, new_base = (str(version.script.get("version_num") or "none") for version in (a, b))
    if old_base != new_base:
        head.append(
            f"# The base commits differ ({old_base[:12]} and {new_base[:12]}): changes between them are not shown."
        )
    for version in (a, b):
        if ARTIFACT_KEY in version.artifacts:
            head.append(f"# {version.name or 'One of them'} has files that its patch does not hold.")
    if not _has_repository(a) or not _has_repository(b):
        return "\n".join(head) + "\n" + _between_texts(a, b, context)
    head.append("# Below, lines of the two patches against their bases are compared.")
    old, new = _sections(a), _sections(b)
    parts = []
    for path in sorted(old.keys() | new.keys()):
        name = path.decode("utf-8", "backslashreplace")
        texts = [part.text.decode("utf-8", "replace") if part else "" for part in (old.get(path), new.get(path))]
        parts.append(_unified(_hunks(texts[0]), _hunks(texts[1]), f"a/{name} (patch)", f"b/{name} (patch)", context))
    return "\n".join(head) + "\n" + "".join(parts)


def _has_repository(version: Version) -> bool:
    return bool(version.script.get("repository"))


def _sections(version: Version) -> dict[bytes, Section]:
    patch = str(version.script.get("diff") or "").encode("utf-8", "surrogatepass")
    return {section.path: section for section in split(patch)}


def _hunks(section: str) -> str:
    """Without the lines that name blobs: they differ whenever anything does."""
    return "".join(line for line in section.splitlines(keepends=True) if not line.startswith(("index ", "diff --git ")))


def _unified(old: str, new: str, old_name: str, new_name: str, context: int) -> str:
    lines: list[str] = []
    for line in difflib.unified_diff(_lines(old), _lines(new), old_name, new_name, n=context):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Split at line feeds only, as git does: form feeds and the like are content."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])
