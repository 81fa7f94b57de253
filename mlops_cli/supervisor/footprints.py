"""What earlier runs wrote into a folder, so that the next run's snapshot does not take it for code.

One small index for each repository (`<data>/outputs/<hash of its top>.json`) holds path, size and modification time of
each file as it was at its run's end. Who edits such a file afterwards gets it as code again.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..code.status import Status, locate

MAX_FILES = 10_000
"""The newest of a repository are remembered; older ones count as code, which costs space and loses nothing."""

Footprints = dict[str, tuple[int, int]]
"""Absolute path to size and modification time in ns."""


def without(status: Status, data: Path) -> tuple[Status, tuple[str, ...]]:
    """The status without untracked files that earlier runs left, and their paths in the repository.

    A file that was committed is code by its owner's word, whoever writes it.
    """
    untracked = any(change.kind == "?" for change in status.changes)
    known = read(data, status.top) if untracked else {}
    if not known:
        return status, ()
    kept, left = [], []
    for change in status.changes:
        path = f"{status.top}/{os.fsdecode(change.path)}"
        if change.kind == "?" and path in known and _is_as_left(path, known[path], status.finished_ns):
            left.append(os.fsdecode(change.path))
        else:
            kept.append(change)
    return status._replace(changes=tuple(kept)), tuple(left)


def beside(cwd: Path, data: Path, *, started_at: float) -> frozenset[Path]:
    """The same where there is no repository: the files that runs in this folder left."""
    started_ns = int(started_at * 1e9)
    return frozenset(Path(path) for path, seen in read(data, cwd).items() if _is_as_left(path, seen, started_ns))


def read(data: Path, top: Path) -> Footprints:
    """The index of a repository; empty when there is none, and when it is not as it should be."""
    if not (data / "outputs").is_dir():
        return {}
    top = Path(os.path.realpath(top))
    try:
        found = json.loads(_index(data, top).read_bytes())
        if found["top"] != str(top):
            return {}
        return {str(path): (int(seen[0]), int(seen[1])) for path, seen in found["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return {}


def remember(data: Path, cwd: Path, written: Iterable[str], *, ended_at: float) -> None:
    """Note the files under the repository of `cwd` (without one: under `cwd`) that a run wrote until `ended_at`."""
    place = locate(cwd)
    top = Path(os.path.realpath(place.top if place else cwd))
    until = int((ended_at + 1) * 1e9)
    new = {path: seen for path in map(_plain, written) if _is_below(path, top) and (seen := _look(path, until))}
    if not new:
        return
    folder = data / "outputs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # two runs that end at once both keep theirs
        _write(_index(data, top), top, {**_still_there(read(data, top)), **new})
    finally:
        os.close(fd)


def _write(index: Path, top: Path, files: Mapping[str, tuple[int, int]]) -> None:
    newest = sorted(files.items(), key=lambda item: item[1][1])[-MAX_FILES:]
    part = index.with_suffix(".part")
    part.write_text(json.dumps({"top": str(top), "files": dict(newest)}), encoding="utf-8")
    part.replace(index)


def _index(data: Path, top: Path) -> Path:
    from hashlib import sha256  # noqa: PLC0415 - OpenSSL is loaded only where a run left something

    return data / "outputs" / f"{sha256(os.fsencode(top)).hexdigest()[:32]}.json"


def _is_as_left(path: str, seen: tuple[int, int], started_ns: int) -> bool:
    """Also when the run that is just starting has already begun to write it anew."""
    now = _look(path)
    return now is None or now == seen or now[1] > started_ns


def _still_there(files: Footprints) -> Footprints:
    return {path: seen for path, seen in files.items() if _look(path) == seen}


def _look(path: str, until_ns: int | None = None) -> tuple[int, int] | None:
    """Size and time of a plain file; None where there is none, or one that was changed after `until_ns`."""
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return None
    is_meant = stat.S_ISREG(info.st_mode) and (until_ns is None or info.st_mtime_ns <= until_ns)
    return (info.st_size, info.st_mtime_ns) if is_meant else None


def _plain(path: str) -> str:
    """With the folder's links resolved, as git names it; the file itself may be no link."""
    folder, _, name = path.rpartition("/")
    return f"{os.path.realpath(folder)}/{name}"


def _is_below(path: str, top: Path) -> bool:
    return path.startswith(f"{top}/") and top != Path("/")
