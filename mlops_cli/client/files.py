"""The file store as the client sees it: put with a digest, fetch whole, verified, or not at all."""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import Conflict, Denied, InvalidInput, MlopsError, NotFound, Unreachable
from .address import origin_of
from .api import FileStore, Stored, WebStore

if TYPE_CHECKING:
    from .download import Opened, Progress

BLOCK = 1 << 20


class Files:
    def __init__(self, store: FileStore) -> None:
        self._store = store

    def put(self, path: Path, name: str = "", *, under: str = "") -> Stored:
        """Store a copy of a file; `uri`, `sha256` and `size_bytes` tell where and what it is.

        `under` names the experiment it is for, where the store cannot keep one file for two.
        """
        if under and isinstance(self._store, WebStore):
            return self._store.put_under(path, name or path.name, under)
        return self._store.put(path, name or path.name)

    def owns(self, uri: object) -> bool:
        """Whether this URI is a file of the store (and not a link to somewhere else)."""
        return self._store.owns(uri)

    def locate(self, uri: str) -> Path:
        """Where the bytes of a store URI, a `file://` URI or a plain path lie on this machine.

        A server's files are fetched for it, once. Raises InvalidInput for a URI that nothing here can follow.
        """
        if self._store.owns(uri) or (isinstance(self._store, WebStore) and origin_of(uri)):
            return self._store.path_of(uri)
        parts = urlsplit(uri)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return Path(unquote(parts.path))
        if uri.startswith("/"):
            return Path(uri)
        raise InvalidInput(
            f"cannot fetch {uri}: only files of this machine and of web servers are followed",
            hint="the tool of that storage can fetch it",
        )

    def fetch(
        self,
        uri: str,
        dest: Path,
        *,
        digest: str | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Bring the file to `dest`, which appears whole and verified, or not at all.

        `digest` is the sha256 it must have. Raises NotFound (gone), Conflict (`dest` exists, or the bytes
        are others), Denied and Unreachable (disk, or the network: the next call goes on where this one was cut).
        """
        if origin_of(uri) is not None:
            from .download import fetch  # noqa: PLC0415 - the HTTP library, only for what is far

            return fetch(self._opened(), uri, dest, digest=digest, overwrite=overwrite, progress=progress)
        source = self.locate(uri)
        if not overwrite and os.path.lexists(dest):
            raise Conflict(f"{dest} exists already", hint="choose another name, or --force")
        part = dest.with_name(f".{dest.name[:200]}.{os.getpid()}.{os.urandom(4).hex()}.part")
        try:
            dest.parent.mkdir(parents=True, exist_ok=True)
            found = copy_file(source, part)
            if digest and found != digest:
                raise Conflict(
                    f"{uri} is not what was recorded: sha256 {found}, expected {digest}",
                    hint="the file was changed after the experiment",
                )
            part.replace(dest)
        except OSError as exc:
            raise explain(exc, source, dest) from exc
        finally:
            part.unlink(missing_ok=True)
        return dest

    def _opened(self) -> Opened:
        if isinstance(self._store, WebStore):
            return self._store.opened
        from .web import plain  # noqa: PLC0415 - as in fetch

        return plain().opened


def copy_file(source: Path, dest: Path) -> str:
    """Copy bytes into a file that must not exist yet, down to the disk; returns their sha256."""
    hasher = sha256()
    with source.open("rb") as reader, dest.open("xb") as writer:
        while block := reader.read(BLOCK):
            hasher.update(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    return hasher.hexdigest()


def hash_file(path: Path) -> tuple[str, int]:
    """The sha256 and the size of a file, read once."""
    hasher, size = sha256(), 0
    with path.open("rb") as reader:
        while block := reader.read(BLOCK):
            hasher.update(block)
            size += len(block)
    return hasher.hexdigest(), size


def explain(exc: OSError, source: Path, dest: Path) -> MlopsError:
    if isinstance(exc, FileNotFoundError):
        return NotFound(f"the file is gone: {source}", hint="only a link was recorded; files are kept with --upload")
    if isinstance(exc, PermissionError):
        return Denied(f"cannot copy {source} to {dest}: {exc.strerror}")
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unreachable(f"no space left for {dest}", hint="free some space, or choose another folder")
    return Unreachable(f"cannot copy {source} to {dest}: {exc.strerror or exc}")
