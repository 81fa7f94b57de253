"""The packages of the child's interpreter, read from folder names, and the lock file of its project.

A hundred packages take about a millisecond: `importlib.metadata` would take a hundred, `pip freeze` three hundred.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "conda-lock.yml", "requirements.lock")
"""In the order of preference; `requirements.txt` counts only when there is none of these."""

MAX_LOCK_BYTES = 8 * 2**20


@cache
def _dist() -> re.Pattern[str]:
    return re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*|[^-]+)\.(dist|egg)-info\Z")


class Package(NamedTuple):
    """`url` is where it was installed from when that was no index (PEP 610); `is_editable` and local ones cannot
    be rebuilt elsewhere from the requirement alone."""

    name: str
    version: str
    url: str = ""
    is_editable: bool = False

    @property
    def is_local(self) -> bool:
        return self.url.startswith("file:")


def installed(search_path: Iterable[str]) -> list[Package]:
    """The distributions on a search path, sorted by name; the first folder wins, as it does for imports."""
    found: dict[str, Package] = {}
    for folder in search_path:
        for entry in _dist_folders(folder):
            match = _dist().match(entry)
            if not match:
                continue
            name = canonical(match["name"])
            if name not in found:
                url, is_editable = _direct_url(os.path.join(folder, entry, "direct_url.json"))  # noqa: PTH118
                found[name] = Package(name, match["version"], url, is_editable)
    return [found[name] for name in sorted(found)]


def requirements(packages: Sequence[Package]) -> str:
    """The packages as a pip requirements text; local folders as comments, since no other machine has them."""
    return "".join(f"{_requirement(package)}\n" for package in packages)


def canonical(name: str) -> str:
    """The normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def site_folders(executable: str) -> list[str]:
    """Where an interpreter keeps its packages, from its place alone: used when the hook left no note."""
    prefix = Path(executable).absolute().parent.parent  # not resolved: a virtual environment is a link's place
    folders = sorted(prefix.glob("lib/python3*/site-packages")) + sorted(prefix.glob("lib/python3/dist-packages"))
    if not (prefix / "pyvenv.cfg").exists():
        folders += sorted(prefix.glob("local/lib/python3*/dist-packages"))
    return [str(folder) for folder in folders]


def lock_file(start: Path, top: Path | None) -> Path | None:
    """The nearest lock file from `start` up to `top` (the repository's root, else `start` alone)."""
    for folder in _upwards(start, top):
        for name in (*LOCK_FILES, "requirements.txt"):
            path = folder / name
            try:
                if path.is_file() and path.stat().st_size <= MAX_LOCK_BYTES:
                    return path
            except OSError:
                continue
    return None


def _dist_folders(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:  # a zip on the path, or a folder that is gone
        return
    yield from (name for name in names if name.endswith(("-info",)))


def _direct_url(path: str) -> tuple[str, bool]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a hundred misses; Path would double their cost
            content = json.load(file)
        url = str(content["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", False
    info = content.get("vcs_info") or {}
    if info.get("vcs"):
        url = f"{info['vcs']}+{url}" + (f"@{info['commit_id']}" if info.get("commit_id") else "")
    return url, bool((content.get("dir_info") or {}).get("editable"))


def _requirement(package: Package) -> str:
    if package.is_local:
        how = "editable from" if package.is_editable else "from"
        return f"# {package.name}=={package.version} ({how} {package.url})"
    return f"{package.name} @ {package.url}" if package.url else f"{package.name}=={package.version}"


def _upwards(start: Path, top: Path | None) -> Iterator[Path]:
    folder = start
    while True:
        yield folder
        if top is None or folder == top or folder == folder.parent or top not in folder.parents:
            return
        folder = folder.parent
