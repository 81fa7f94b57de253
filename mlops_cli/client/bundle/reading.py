"""Reads a bundle as something that may be hostile: names, kinds, sizes and digests are checked before
anything is used."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...errors import InvalidInput, MlopsError, NotFound, Unreachable
from ..files import BLOCK
from .layout import FORMAT, MANIFEST, MEMBER, VERSION, Limits, file_member

Json = dict[str, Any]


class Bundle:
    """A checked bundle. Every read is bounded by what the manifest says, and that by the limits."""

    def __init__(self, archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], limits: Limits) -> None:
        self._archive = archive
        self._infos = infos
        self._limits = limits
        self.manifest = self._read_manifest()

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    @property
    def tasks(self) -> list[Json]:
        found: list[Json] = self.manifest["tasks"]
        return found

    def file_name(self, digest: str) -> str:
        entry = (self.manifest.get("files") or {}).get(digest)
        name = entry.get("name") if isinstance(entry, dict) else None
        return name if isinstance(name, str) and name else "file"

    def document(self, name: str) -> Any:
        """A JSON member. Raises InvalidInput when it is none."""
        if self._infos[name].file_size > self._limits.document_bytes:
            raise _refused(f"{name} is too large ({self._infos[name].file_size} bytes)")
        return _parse(b"".join(self._blocks(name)), name)

    def lines(self, name: str) -> Iterator[Json]:
        """The JSON objects of a member, line by line; none when the bundle lacks it."""
        if name not in self._infos:
            return
        rest = b""
        for block in self._blocks(name):
            *whole, rest = (rest + block).split(b"\n")
            if len(max(whole, key=len, default=rest)) > self._limits.line_bytes or len(rest) > self._limits.line_bytes:
                raise _refused(f"{name} has a line of more than {self._limits.line_bytes} bytes")
            for line in whole:
                yield _object(_parse(line, name), name)
        if rest:
            yield _object(_parse(rest, name), name)

    def extract(self, digest: str, path: Path) -> None:
        """Write the file of this digest to `path`, which must not exist."""
        with path.open("xb") as writer:
            for block in self._blocks(file_member(digest)):
                writer.write(block)

    def verify(self) -> None:
        """Read everything once and compare it with the manifest: after this nothing can be truncated or altered."""
        members = self.manifest["members"]
        if set(members) != set(self._infos) - {MANIFEST}:
            odd = sorted(set(members) ^ (set(self._infos) - {MANIFEST}))[0]
            raise _refused(f"its manifest does not match its contents ({odd})")
        for name, entry in members.items():
            hasher, size = sha256(), 0
            for block in self._blocks(name):
                hasher.update(block)
                size += len(block)
            expected = entry if isinstance(entry, dict) else {}
            if size != expected.get("size") or hasher.hexdigest() != expected.get("sha256"):
                raise _refused(f"{name} is damaged")
            if name.startswith("files/") and hasher.hexdigest() != name.removeprefix("files/"):
                raise _refused(f"{name} is not what its name says")

    def _read_manifest(self) -> Json:
        if MANIFEST not in self._infos:
            raise _refused("it has no manifest")
        manifest = _object(self.document(MANIFEST), MANIFEST)
        if manifest.get("format") != FORMAT:
            raise _refused("its manifest is not one of ours")
        version = manifest.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise InvalidInput(f"the bundle has version {version}; this program reads {VERSION}", hint="update mlops")
        tasks, members, files = manifest.get("tasks"), manifest.get("members"), manifest.get("files", {})
        if not isinstance(members, dict) or not isinstance(files, dict) or not isinstance(tasks, list) or not tasks:
            raise _refused("its manifest is incomplete")
        ids = [entry.get("id") if isinstance(entry, dict) else None for entry in tasks]
        if len(set(ids)) != len(ids) or any(f"tasks/{task}/task.json" not in self._infos for task in ids):
            raise _refused("its manifest names tasks that are not there, or one twice")
        return manifest

    def _blocks(self, name: str) -> Iterator[bytes]:
        info = self._infos[name]
        read = 0
        try:
            with self._archive.open(info) as stream:
                while block := stream.read(BLOCK):
                    read += len(block)
                    # The header was checked against the limits; the bytes are held to the header.
                    if read > info.file_size:
                        break
                    yield block
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as exc:
            raise _refused(f"{name} cannot be read: {exc}") from exc
        except Exception as exc:
            # zlib.error is no subclass of any of these, and zlib need not be imported for its sake.
            if type(exc).__module__ != "zlib":
                raise
            raise _refused(f"{name} cannot be read: {exc}") from exc
        if read != info.file_size:
            raise _refused(f"{name} is not as large as it says")


@contextmanager
def open_bundle(path: Path, limits: Limits) -> Iterator[Bundle]:
    """A bundle whose table of contents and manifest were checked; `verify` checks the rest."""
    try:
        raw = path.open("rb")
    except FileNotFoundError as exc:
        raise NotFound(f"no such file: {path}", hint="`mlops export EXP --to FILE` writes one") from exc
    except OSError as exc:
        raise Unreachable(f"cannot read {path}: {exc.strerror}") from exc
    with raw:
        try:
            archive = zipfile.ZipFile(raw)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, OverflowError) as exc:
            raise _refused(f"it is no zip file, or it is cut short ({exc})") from exc
        with archive:
            size = path.stat().st_size
            yield Bundle(archive, check_contents(archive.infolist(), size, limits), limits)


def check_contents(infos: list[zipfile.ZipInfo], size: int, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """The members by name. Raises InvalidInput for any that a bundle of ours cannot have."""
    if len(infos) > limits.members:
        raise _refused(f"it has {len(infos)} members")
    found: dict[str, zipfile.ZipInfo] = {}
    grown = 0
    for info in infos:
        _check_member(info, limits)
        if info.filename in found:
            raise _refused(f"it has {info.filename!r} twice")
        found[info.filename] = info
        if info.compress_type != zipfile.ZIP_STORED:
            grown += info.file_size
    if grown > limits.free_bytes and grown > limits.ratio * size:
        raise _refused(f"{size} bytes would grow to {grown}")
    if sum(info.file_size for info in infos) > limits.total_bytes:
        raise _refused(f"its contents are more than {limits.total_bytes} bytes")
    if sum(info.compress_size for info in infos) > size:
        raise _refused("its members overlap")
    return found


def _check_member(info: zipfile.ZipInfo, limits: Limits) -> None:
    name = info.filename
    # zipfile cuts a name at a NUL and turns backslashes: what was written must be what we read.
    if not MEMBER.match(name) or info.orig_filename != name:
        raise _refused(f"a bundle has no member {info.orig_filename!r}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or info.is_dir():
        raise _refused(f"{name} is not a plain file")
    if info.flag_bits & 0x1:
        raise _refused(f"{name} is encrypted")
    is_file = name.startswith("files/")
    allowed = (zipfile.ZIP_STORED,) if is_file else (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if info.compress_type not in allowed:
        raise _refused(f"{name} is compressed in a way that bundles are not")
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise _refused(f"{name} says two sizes")
    if info.file_size > (limits.file_bytes if is_file else limits.text_bytes):
        raise _refused(f"{name} is too large ({info.file_size} bytes)")


def _parse(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise _refused(f"{name} is not JSON") from exc


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise _refused(f"{name} holds something else than objects")
    return value


def _refused(why: str) -> MlopsError:
    return InvalidInput(f"this bundle is refused: {why}", hint="export it again where it came from")
