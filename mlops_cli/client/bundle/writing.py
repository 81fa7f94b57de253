"""Writes the members of a bundle one after another, each measured on the way; the file appears whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from ...errors import Conflict
from ..files import BLOCK, explain
from .layout import FORMAT, MANIFEST, VERSION

Json = dict[str, Any]


class BundleWriter:
    """Members are streamed: none is ever whole in memory."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, Json] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def add_document(self, name: str, document: Any) -> None:
        self._add(name, [_encode(document)])

    def add_lines(self, name: str, rows: Iterable[Json]) -> int:
        """One JSON object a line; nothing is written for no rows. Returns how many there were."""
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for row in rows:
                count += 1
                yield _encode(row) + b"\n"

        stream = lines()
        first = next(stream, None)
        if first is not None:
            self._add(name, _chain(first, stream))
        return count

    def add_file(self, name: str, path: Path) -> str:
        """The bytes of a file, uncompressed: models rarely shrink. Returns their sha256."""
        with path.open("rb") as reader:
            return self._add(name, iter(lambda: reader.read(BLOCK), b""), compression=zipfile.ZIP_STORED)

    def finish(self, manifest: Json) -> None:
        content = {"format": FORMAT, "version": VERSION, **manifest, "members": self._members}
        self._archive.writestr(_info(MANIFEST), _encode(content), zipfile.ZIP_DEFLATED)

    def _add(self, name: str, blocks: Iterable[bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> str:
        hasher, size = sha256(), 0
        info = _info(name)
        info.compress_type = compression
        stream: IO[bytes]
        with self._archive.open(info, "w", force_zip64=True) as stream:
            for block in blocks:
                stream.write(block)
                hasher.update(block)
                size += len(block)
        self._members[name] = {"size": size, "sha256": hasher.hexdigest()}
        return hasher.hexdigest()


@contextmanager
def new_bundle(path: Path, *, overwrite: bool = False) -> Iterator[BundleWriter]:
    """A bundle that takes its name only when everything was written. Raises Conflict when `path` exists."""
    if not overwrite and os.path.lexists(path):
        raise Conflict(f"{path} exists already", hint="choose another name, or --force")
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("xb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
                yield BundleWriter(archive)
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    except OSError as exc:
        raise explain(exc, path, path) from exc
    finally:
        part.unlink(missing_ok=True)


def _info(name: str) -> zipfile.ZipInfo:
    # A fixed date: the same experiments give the same bytes.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o100644 << 16
    return info


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "replace")
