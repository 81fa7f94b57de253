"""The file store on the local disk, by content: the same bytes are stored once, whoever hands them over.

A file lies at `<root>/<first two of sha256>/<sha256>/<name>`, or, when a client of the API chose its path, at
`<root>/named/<path>`; its URI is that path after `files/`, so moving the store breaks no link. The API's edge turns it
into an absolute URI and back: `file://` in process, below the address that the client used over HTTP.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from ...errors import Denied, InvalidInput, MlopsError, NotFound, Unreachable

FICLONE = 0x40049409
BLOCK_BYTES = 1 << 20
ATTEMPTS = 1000
NAME_BYTES = 200
"""Leaves room below the 255 bytes that file systems allow."""
SEGMENT_BYTES = 255
PATH_BYTES = 2000
DELETED_KEPT = 10_000


@cache
def _content() -> re.Pattern[str]:
    return re.compile(r"files/([0-9a-f]{2})/(\1[0-9a-f]{62})/([^/?#]+)\Z")


_NAMED = "files/named/"


@cache
def _unsafe() -> re.Pattern[str]:
    return re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class StoredFile(NamedTuple):
    """`uri` is relative to the store; `path` is where the bytes lie now."""

    uri: str
    sha256: str
    size_bytes: int
    path: Path


class LocalFiles:
    """Files below one folder. Several processes may use it at once: every file appears whole or not at all."""

    def __init__(self, root: Path, urls: tuple[str, ...] = ()) -> None:
        self.root = root
        self._urls = urls
        self._deleted: dict[Path, None] = {}

    def at(self, urls: tuple[str, ...]) -> LocalFiles:
        """The same store, its files named below the first of these addresses; URIs below the others are ours, too."""
        same = LocalFiles(self.root, urls)
        same._deleted = self._deleted
        return same

    def put(self, source: Path, name: str = "", *, link: bool = False) -> StoredFile:
        """Stores a copy of `source`: a reflink where the file system can, else a copy; with `link`, a hard link first.

        `link` is for a source that will not be written to again: a hard link shares its bytes with it.
        Raises NotFound (no such file), Denied (unreadable, unwritable), Unreachable (disk full).
        """
        name = safe_name(name or source.name)
        incoming = self.root / "incoming"
        part = incoming / f"{os.getpid()}-{os.urandom(8).hex()}"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            digest, size = _take(source, part, link=link)
            return self._settle(part, digest, size, name)
        except OSError as exc:
            raise _explain(exc, source, self.root) from exc
        finally:
            _discard(part)

    def path_of(self, uri: str) -> Path:
        """Where the bytes of a stored URI (relative or absolute) lie. Raises InvalidInput for any other URI."""
        stored = self.relative(uri)
        found = _content().match(stored)
        if found is not None:
            return self.root / found[1] / found[2] / _decode(found[3])
        if stored.startswith(_NAMED):
            from urllib.parse import unquote  # noqa: PLC0415 - as in _quoted

            return self.named(unquote(stored[len(_NAMED) :]))
        raise InvalidInput(f"not a file of this store: {uri!r}")

    def named(self, path: str) -> Path:
        """Where the file lies whose path a client chose. Raises InvalidInput for a path that leaves the store."""
        segments = path.split("/")
        sizes = [len(segment.encode("utf-8", "surrogatepass")) for segment in segments]
        if any(segment in ("", ".", "..") for segment in segments) or _unsafe().search(path):
            raise InvalidInput(f"not a path of the file store: {path[:200]!a}")
        if max(sizes) > SEGMENT_BYTES or sum(sizes) + len(sizes) > PATH_BYTES:
            raise InvalidInput(f"too long for a path of the file store: {path[:80]!a}...")
        return self.root.joinpath("named", *segments)

    def owns(self, uri: object) -> bool:
        if not isinstance(uri, str):
            return False
        stored = self.relative(uri)
        return stored.startswith(_NAMED) or _content().match(stored) is not None

    def delete(self, uri: str) -> bool:
        """Removes one name of a stored content; False when it was gone already. Asks nobody who refers to it."""
        path = self.path_of(uri)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise _explain(exc, path, self.root) from exc
        self.prune(path.parent)
        self._deleted[path] = None
        if len(self._deleted) > DELETED_KEPT:
            self._deleted.pop(next(iter(self._deleted), path), None)
        return True

    def take_deleted(self, path: Path) -> bool:
        """True, once, for a file that this process deleted together with the document that named it."""
        return self._deleted.pop(path, self) is None

    def prune(self, folder: Path) -> None:
        """Removes the folders of ours that are empty now, from this one up."""
        while folder != self.root and folder.is_relative_to(self.root):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def relative(self, uri: str) -> str:
        """The stored form of a URI of ours; any other URI unchanged."""
        if not self._urls:
            return "files/" + uri[len(self._prefix) :] if uri.startswith(self._prefix) else uri
        for url in self._urls:
            if uri.startswith(url + "/"):
                path = uri[len(url) + 1 :]
                return path if _content().match(path) else _NAMED + _requoted(path)
        return uri

    def absolute(self, uri: str) -> str:
        """The form for the outside of a stored URI; any other URI unchanged."""
        is_named = uri.startswith(_NAMED)
        if not is_named and not _content().match(uri):
            return uri
        if not self._urls:
            return self._prefix + uri[len("files/") :]
        return f"{self._urls[0]}/{uri[len(_NAMED) :] if is_named else uri}"

    @cached_property
    def _prefix(self) -> str:
        """As text: it is compared with every URI on the way in and out."""
        return "file://" + _quoted(str(self.root.absolute())) + "/"

    def _settle(self, part: Path, digest: str, size: int, name: str) -> StoredFile:
        folder = self.root / digest[:2] / digest
        target = folder / name
        stored = StoredFile(f"files/{digest[:2]}/{digest}/{_quoted(name)}", digest, size, target)
        for _ in range(ATTEMPTS):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                twin = next((entry for entry in folder.iterdir() if _size(entry) == size), None)
                if twin == target:
                    return stored
                if twin is None or not _link(twin, target):
                    part.replace(target)
            except (FileNotFoundError, FileExistsError):
                # Somebody deleted the last name of this content between our two steps (or between two of mkdir's own).
                continue
            _sync(folder)
            return stored
        raise Unreachable(f"the file store is being cleared while it is written to ({self.root})", hint="try again")


def safe_name(name: str) -> str:
    """A name that is one path segment on every file system, as close to the given one as possible."""
    name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", name).encode("utf-8", "replace").decode()
    if name in ("", ".", ".."):
        return "file"
    stem, dot, suffix = name.rpartition(".")
    while len(name.encode()) > NAME_BYTES:
        stem = (stem if dot else name)[:-1]
        name = stem + dot + suffix if dot and len(suffix.encode()) < 32 else name[:-1]
    return name


def _take(source: Path, part: Path, *, link: bool) -> tuple[str, int]:
    """Brings the bytes to `part`; returns their sha256 and how many. What is hashed is what was stored."""
    with source.open("rb") as reader:
        if link and _link(source, part):
            with part.open("rb") as linked:
                return _digest(linked.fileno())
        with part.open("xb") as writer:
            if _clone(reader.fileno(), writer.fileno()):
                digest = _digest(os.open(part, os.O_RDONLY), close=True)
            else:
                digest = _digest(reader.fileno(), copy_to=writer.fileno())
            os.fsync(writer.fileno())
    return digest


def _digest(descriptor: int, *, copy_to: int | None = None, close: bool = False) -> tuple[str, int]:
    from hashlib import sha256  # noqa: PLC0415 - OpenSSL: 2 ms that a listing does not pay

    hasher, size = sha256(), 0
    try:
        while block := os.read(descriptor, BLOCK_BYTES):
            hasher.update(block)
            size += len(block)
            if copy_to is not None:
                _write(copy_to, block)
    finally:
        if close:
            os.close(descriptor)
    return hasher.hexdigest(), size


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _clone(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True


def _link(source: Path, target: Path) -> bool:
    try:
        # A link to a symlink would store the name of the bytes, not the bytes.
        os.link(os.path.realpath(source), target)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _discard(part: Path) -> None:
    """Removes what was not needed; where that fails, the first error is the one to tell."""
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sync(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        # Deleted as soon as it was stored: there is nothing to make last.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - 2 ms that a listing without links does not pay

    return quote(path)


def _requoted(path: str) -> str:
    """However the client quoted it, one path has one form (in ASCII, too: it is looked for in stored texts)."""
    from urllib.parse import unquote  # noqa: PLC0415 - as above

    return _quoted(unquote(path))


def _decode(segment: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - as above

    name = unquote(segment)
    if name != safe_name(name):
        raise InvalidInput(f"not the name of a stored file: {segment!r}")
    return name


def _explain(exc: OSError, source: Path, root: Path) -> MlopsError:
    if isinstance(exc, FileNotFoundError):
        return NotFound(f"no such file: {source}")
    if isinstance(exc, IsADirectoryError):
        return InvalidInput(
            f"a folder, not a file: {source}", hint="hand over its files one by one, or an archive of it"
        )
    if exc.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR):
        return InvalidInput(f"no file can have this name: {str(source)[:200]}...")
    if isinstance(exc, PermissionError):
        return Denied(f"cannot read {source}, or cannot write to {root}: {exc.strerror}")
    return Unreachable(
        f"cannot store {source} in {root}: {exc.strerror}",
        hint="free some space, or choose another folder with MLOPS_HOME",
    )
