"""A whole store in one file, taken while it lives, and brought back.

The file is a tar: `manifest.json`, `store.db`, `files/...`. A file of the store never changes, it is only added,
replaced or deleted; so a hard link to each, made before and after the database is copied, is all that consistency
takes.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import Conflict, InvalidInput, MlopsError, NotFound, Unreachable
from .db.migrate import live_runs
from .db.snapshot import check, copy_living
from .files.incoming import walk
from .running import claimed
from .store.store import Store

FORMAT = 1
BLOCK_BYTES = 1 << 20


class Taken(NamedTuple):
    """What a backup holds."""

    path: Path
    files: int
    size_bytes: int
    uid: str
    created: str


def back_up(store: Store, target: Path) -> Taken:
    """Writes the backup to `target`, which appears whole or not at all; a server may go on meanwhile.

    Raises Conflict (it exists), Unreachable (disk).
    """
    if os.path.lexists(target):
        raise Conflict(f"{target} exists already", hint="choose another name")
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    held = store.files.root / "incoming" / f"backup-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        held.mkdir(parents=True)
        _hold(store.files.root, held)
        meta = copy_living(store.db, held / "store.db")
        # What came in since the first round, and may be named in the database by now.
        _hold(store.files.root, held)
        taken = _write(held, part, meta)
        part.replace(target)
        return taken._replace(path=target, size_bytes=target.stat().st_size)
    except OSError as exc:
        raise _explain(exc, target) from exc
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(held, ignore_errors=True)


def restore(source: Path, data: Path, *, files: Path, force: bool = False) -> Taken:
    """Puts the store of a backup in place. What was there is kept beside it when `force` allows to replace it.

    Raises Conflict (a store is there; a server or a run uses it; damaged, or made by a newer program), NotFound,
    InvalidInput.
    """
    with claimed(data):
        old = [path for path in (data / "store.db", files) if path.exists() and not _is_empty(path)]
        if old and not force:
            raise Conflict(
                f"there is a store already: {old[0]}", hint="repeat with --force: it is kept beside the new one"
            )
        live = live_runs(data / "runs")
        if live:
            raise Conflict(
                f"{len(live)} live run(s) write to this store: {', '.join(live[:3])}", hint="wait until they have ended"
            )
        staging = data / f"restore-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            staging.mkdir(parents=True)
            taken = _unpack(source, staging)
            check(staging / "store.db")
            (staging / "files").mkdir(exist_ok=True)
            suffix = time.strftime(".before-restore-%Y%m%dT%H%M%S", time.gmtime())
            for path in (data / "store.db", data / "store.db-wal", data / "store.db-shm", files):
                if path.exists():
                    path.rename(path.with_name(path.name.replace("store.db", "store.db" + suffix)) if path != files
                                else path.with_name(path.name + suffix))  # fmt: skip
            files.parent.mkdir(parents=True, exist_ok=True)
            (staging / "files").rename(files)
            # Last, and in one step: before it there is no store, after it there is a whole one.
            (staging / "store.db").rename(data / "store.db")
        except OSError as exc:
            raise _explain(exc, data) from exc
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return taken


def _hold(root: Path, held: Path) -> None:
    for entry in walk(root):
        place = Path(entry.path).relative_to(root)
        target = held / "files" / place
        if place.parts[0] == "incoming" or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(entry.path, target, follow_symlinks=False)
        except FileNotFoundError:
            continue  # deleted meanwhile
        except OSError:
            shutil.copy2(entry.path, target)  # a file system without hard links


def _write(held: Path, part: Path, meta: dict[str, str]) -> Taken:
    count = 0
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with part.open("xb") as raw:
        os.fchmod(raw.fileno(), 0o600)  # it holds the key that signs tokens
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            manifest = {
                "format": FORMAT,
                "created": created,
                "uid": meta.get("uid"),
                "sha256": _digest(held / "store.db"),
            }
            _add_text(archive, "manifest.json", json.dumps(manifest))
            archive.add(held / "store.db", "store.db", recursive=False)
            for entry in walk(held / "files"):
                name = PurePosixPath("files", Path(entry.path).relative_to(held / "files").as_posix())
                archive.add(entry.path, str(name), recursive=False)
                count += 1
        raw.flush()
        os.fsync(raw.fileno())
    return Taken(part, count, 0, meta.get("uid", ""), created)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    info.mtime = int(time.time())
    archive.addfile(info, io.BytesIO(text.encode()))


def _unpack(source: Path, staging: Path) -> Taken:
    try:
        with tarfile.open(source) as archive:
            manifest: dict[str, Any] = {}
            count = 0
            files: set[str] = set()
            for member in archive:
                first = PurePosixPath(member.name).parts[:1]
                # Two names of one content are a file and a hard link to it. To nothing but a file before it: a link
                # to the database would hand it out as a download.
                is_file = member.isreg() or (member.islnk() and first == ("files",) and member.linkname in files)
                if not is_file or first not in (("manifest.json",), ("store.db",), ("files",)):
                    raise InvalidInput(f"not a backup of mlops: it holds {member.name[:80]!a}")
                if first == ("files",):
                    files.add(member.name)
                # The filter refuses what would land outside.
                archive.extract(member, staging, filter="data")
                count += first == ("files",)
        manifest = json.loads((staging / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] > FORMAT:
            raise Conflict("the backup was made by a newer mlops", hint="pip install -U mlops_cli")
        if _digest(staging / "store.db") != manifest["sha256"]:
            raise Conflict("the backup is damaged: its database is not what was written", hint="take another backup")
    except FileNotFoundError as exc:
        raise NotFound(f"no such backup: {source}" if not source.exists() else f"not a whole backup: {source}") from exc
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as exc:
        raise InvalidInput(f"not a backup of mlops, or a damaged one: {source}: {exc}") from exc
    return Taken(source, count, source.stat().st_size, str(manifest["uid"]), str(manifest["created"]))


def _digest(path: Path) -> str:
    hasher = sha256()
    with path.open("rb") as reader:
        while block := reader.read(BLOCK_BYTES):
            hasher.update(block)
    return hasher.hexdigest()


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _explain(exc: OSError, place: Path) -> MlopsError:
    return Unreachable(f"cannot write {place}: {exc.strerror or exc}", hint="free some space, or choose another place")
