"""A file on its way in: written beside the store while its sha256 is taken, then published whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from ...errors import Conflict, InvalidInput, MlopsError
from .local import ATTEMPTS, LocalFiles, StoredFile

DIGEST = "user.mlops.sha256"
"""The extended attribute that keeps the digest of a named file, where the file system has such things."""

STALE_S = 86400
"""What an upload left that died is older than this, and can go."""

SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class NoRoom(MlopsError):
    """Not 503: a client that repeats a large upload for hours would not help."""

    code = "no_room"
    http_status = 507
    exit_code = 6


class Limits(NamedTuple):
    """`quota_bytes` for all files together (0: none); `reserve_bytes` always stay free on the disk."""

    quota_bytes: int = 0
    reserve_bytes: int = 256 << 20


class Incoming:
    """One file being received. Call `publish` or `keep`, and `discard` in any case."""

    def __init__(self, files: LocalFiles, room: Room) -> None:
        self._files = files
        self._room = room
        self._hasher = sha256()
        self.size = 0
        folder = files.root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        self._part = folder / f"{os.getpid()}-{os.urandom(8).hex()}"
        self._descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, block: bytes | memoryview) -> None:
        """Raises NoRoom when the disk or the quota is full."""
        self._room.take(len(block))
        self._hasher.update(block)
        self.size += len(block)
        view = memoryview(block)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as exc:
            raise explain(exc) from exc

    def publish(self, path: str) -> StoredFile:
        """Under the path that the client chose; what was there before is replaced in one step."""
        target = self._files.named(path)
        digest = self._hasher.hexdigest()
        try:
            self._settle(digest)
            replaced = self._move(target)
        except OSError as exc:
            raise explain(exc, path) from exc
        self._room.give_back(replaced)
        return StoredFile(path, digest, self.size, target)

    def keep(self, digest: str, name: str) -> StoredFile:
        """By its content, which must be the promised one."""
        found = self._hasher.hexdigest()
        if found != digest:
            raise InvalidInput(
                f"the file is not what was announced: sha256 {found}, expected {digest}", data={"sha256": found}
            )
        try:
            self._settle(found)
            return self._files.put(self._part, name, link=True)
        except OSError as exc:
            raise explain(exc, name) from exc

    def discard(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._part.unlink(missing_ok=True)

    def _move(self, target: Path) -> int:
        for _ in range(ATTEMPTS):
            make_folder(self._files.root, target.parent)
            replaced = _size(target)
            try:
                self._part.replace(target)
            except FileNotFoundError:
                # Somebody deleted the last file of that folder, and the folder with it, between our two steps.
                continue
            return replaced
        raise NoRoom("the file store is being cleared while it is written to", hint="try again")

    def _settle(self, digest: str) -> None:
        os.fchmod(self._descriptor, 0o644)
        try:
            os.setxattr(self._descriptor, DIGEST, digest.encode())
        except OSError:
            pass  # then it is not told on download
        os.fsync(self._descriptor)


class Room:
    """How much may still come in. The quota counts what lies there; it is counted anew now and then."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._used = 0
        self._counted_at = float("-inf")

    def expect(self, size: int) -> None:
        """Refuses a file at once that cannot fit. Raises NoRoom."""
        free = _free(self._root)
        if free - size < self._limits.reserve_bytes:
            raise NoRoom("the disk of the file store is full", hint="free some space on the server")
        if self._limits.quota_bytes:
            if time.monotonic() - self._counted_at > 600:
                self._used = sum(entry.stat(follow_symlinks=False).st_size for entry in walk(self._root))
                self._counted_at = time.monotonic()
            if self._used + size > self._limits.quota_bytes:
                raise NoRoom(
                    f"the quota of the file store is used up: {self._limits.quota_bytes} bytes",
                    hint="delete some experiments, or raise the quota (`mlops server up --quota`)",
                )

    def take(self, size: int) -> None:
        self.expect(size)
        self._used += size

    def give_back(self, size: int) -> None:
        self._used -= size


def sweep_stale(root: Path, now: float) -> int:
    """Removes what uploads and backups left that were killed; returns how many."""
    gone = 0
    for path in (root / "incoming").glob("*"):
        try:
            if now - path.lstat().st_mtime > STALE_S:
                rmtree(path) if path.is_dir() else path.unlink()
                gone += 1
        except OSError:
            continue
    return gone


def walk(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """All files below a folder; links are not followed, and what vanishes meanwhile is left out."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry


def make_folder(root: Path, folder: Path) -> None:
    """Raises Conflict where a file stands in the way, or a link leads out of the store."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as exc:
        raise Conflict("a file stands where a folder of that path would be", subcode=0) from exc
    check_inside(root, folder)


def check_inside(root: Path, path: Path) -> None:
    if not os.path.realpath(path).startswith(os.path.realpath(root) + os.sep):
        raise InvalidInput("this path leads out of the file store")


def explain(exc: OSError, path: str = "") -> MlopsError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom("the disk of the file store is full", hint="free some space on the server")
    if isinstance(exc, (IsADirectoryError, NotADirectoryError)):
        return Conflict(f"a folder stands where the file would be: {path[:200]!a}", subcode=0)
    return NoRoom(f"the file store cannot be written to: {exc.strerror}", hint="look at the server's disk")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free(folder: Path) -> int:
    """What is free on the disk, or a lot where it is not told."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 1 << 62
    return found.f_bavail * found.f_frsize
