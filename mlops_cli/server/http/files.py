"""The file server: multipart and plain uploads, ranged downloads, existence checks, deletion.

The classical file server's manners (see its clients) with one addition: `PUT /<path>` takes the plain bytes.
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from ...errors import InvalidInput, MlopsError, NotFound
from ..files.incoming import DIGEST, Incoming, Room, check_inside, walk
from ..files.local import LocalFiles
from .exchange import Answer, Receive, Request, chunks
from .multipart import Parts

BLOCK_BYTES = 1 << 20
"""What is handed to a thread at once: fewer hops than packets."""

_CONTENT = re.compile(r"files/([0-9a-f]{2})/(\1[0-9a-f]{62})/([^/]+)\Z")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")

Work = Callable[..., Any]


class Missing(NotFound):
    http_status = 404
    default_subcode = 0


class Span(NamedTuple):
    start: int
    size: int
    total: int
    is_part: bool


class FileServer:
    """`work` runs a blocking function in a thread and is awaited."""

    def __init__(self, files: LocalFiles, room: Room, work: Work) -> None:
        self._files = files
        self._room = room
        self._work = work

    async def upload(self, request: Request, receive: Receive) -> Answer:
        """`multipart/form-data`: one part a file, its field name the path. Answers the stored paths."""
        parts = Parts(request.header(b"content-type"), lambda: Incoming(self._files, self._room))
        try:
            await self._work(self._room.expect, request.length or 0)
            async for block in gathered(receive):
                await self._work(parts.feed, block)
            stored = parts.finish()
        finally:
            if parts.is_open:
                await self._work(parts.discard)
        return Answer(200, json.dumps([file.uri for file in stored], ensure_ascii=False).encode())

    async def put(self, request: Request, receive: Receive, path: str) -> Answer:
        """The plain bytes of one file. Answers what was stored: `{uri, sha256, size_bytes}`."""
        content = _CONTENT.match(path)
        if content is None:
            self._files.named(path)
        await self._work(self._room.expect, request.length or 0)
        incoming: Incoming = await self._work(Incoming, self._files, self._room)
        try:
            async for block in gathered(receive):
                await self._work(incoming.write, block)
            if request.length is not None and incoming.size != request.length:
                raise InvalidInput("the file was cut off on its way", subcode=0)
            if content is not None:
                stored = await self._work(incoming.keep, content[2], content[3])
            else:
                stored = await self._work(incoming.publish, path)
        finally:
            await self._work(incoming.discard)
        told = {"uri": quote(path), "sha256": stored.sha256, "size_bytes": stored.size_bytes}
        return Answer(200, json.dumps(told).encode())

    async def get(self, request: Request, path: str) -> Answer:
        return await self._work(self._get, request, path)  # type: ignore[no-any-return]

    def exists(self, path: str) -> bool:
        try:
            return self._find(path).is_file()
        except (MlopsError, ValueError, OSError):
            return False

    async def delete(self, path: str) -> Answer:
        await self._work(self._delete, path)
        return Answer(200, json.dumps(quote(path)).encode())

    async def delete_many(self, body: dict[str, Any]) -> Answer:
        """`{"files": [quoted path or URL]}`; folders go with everything below."""
        names = body.get("files")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InvalidInput("Required field missing: files", subcode=11)
        deleted, errors = await self._work(self._delete_many, names)
        return Answer(200, json.dumps({"deleted": deleted, "errors": errors}).encode())

    def _find(self, path: str) -> Path:
        content = _CONTENT.match(path)
        found = self._files.path_of("/".join([*path.split("/")[:3], quote(content[3])])) if content else None
        target = found or self._files.named(path)
        check_inside(self._files.root, target)
        return target

    def _get(self, request: Request, path: str) -> Answer:
        try:
            # A link in the store is nothing that we put there.
            descriptor = os.open(self._find(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, MlopsError, ValueError) as exc:
            raise Missing(f"no such file: {path[:200]!a}") from exc
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Missing(f"no such file: {path[:200]!a}")  # noqa: TRY301 - like its absence
            etag = f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
            span = wanted(request.header(b"range"), request.header(b"if-range"), etag, found.st_size)
            headers = _headers(request, path, descriptor, etag, span)
        except BaseException:
            os.close(descriptor)
            raise
        if span is None:
            os.close(descriptor)
            return Answer(416, headers=((b"content-range", f"bytes */{found.st_size}".encode()),))
        status = 206 if span.is_part else 200
        if request.method == "HEAD" or not span.size:
            os.close(descriptor)
            return Answer(status, b"", _type(path), headers, _nothing())
        return Answer(status, b"", _type(path), headers, self._read(descriptor, span))

    async def _read(self, descriptor: int, span: Span) -> AsyncIterator[bytes]:
        position, end = span.start, span.start + span.size
        try:
            while position < end:
                block = await self._work(os.pread, descriptor, min(BLOCK_BYTES, end - position), position)
                if not block:
                    raise MlopsError("a file became shorter while it was sent")
                position += len(block)
                yield block
        finally:
            os.close(descriptor)

    def _delete(self, path: str) -> None:
        try:
            target = self._find(path)
        except (MlopsError, OSError, ValueError) as exc:
            raise Missing(f"no such file: {path[:200]!a}") from exc
        try:
            size = target.lstat().st_size
            target.unlink()
        except OSError as exc:
            # Clients delete a task, which takes its files along, and then the files: that is no failure of theirs.
            if self._files.take_deleted(target):
                return
            raise Missing(f"no such file: {path[:200]!a}") from exc
        self._room.give_back(size)
        self._files.prune(target.parent)

    def _delete_many(self, names: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
        deleted, missing = {}, []
        for name in names:
            path = unquote(re.sub(r"^https?://[^/]*", "", name)).strip("/")
            try:
                for entry in self._below(path):
                    self._delete(entry)
                deleted[name] = path
            except MlopsError:
                missing.append(name)
        return deleted, {"Not found": missing} if missing else {}

    def _below(self, path: str) -> list[str]:
        top = self._find(path)
        if not top.is_dir():
            return [path]
        root = str(self._files.root / "named") + "/"
        return [entry.path.removeprefix(root) for entry in walk(top)]


async def gathered(receive: Receive) -> AsyncIterator[bytes]:
    """The body in larger blocks than it comes in."""
    parts: list[bytes] = []
    size = 0
    async for part in chunks(receive):
        parts.append(part)
        size += len(part)
        if size >= BLOCK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def wanted(header: str, condition: str, etag: str, total: int) -> Span | None:
    """What a `Range` header asks for: everything where it is not understood, None where there is nothing there."""
    found = _RANGE.match(header.strip()) if header else None
    if found is None or (condition and condition != etag) or not (found[1] or found[2]):
        return Span(0, total, total, is_part=False)
    if found[1]:
        start, end = int(found[1]), min(int(found[2] or total), total - 1)
    else:
        start, end = max(0, total - int(found[2])), total - 1
    return Span(start, end - start + 1, total, is_part=True) if start <= end and start < total else None


def _headers(
    request: Request, path: str, descriptor: int, etag: str, span: Span | None
) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"accept-ranges", b"bytes"),
        (b"etag", etag.encode()),
        (b"content-length", str(span.size if span else 0).encode()),
        # What somebody uploaded must not run in a browser as a page of ours.
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"),
    ]
    if span is not None and span.is_part:
        headers.append((b"content-range", f"bytes {span.start}-{span.start + span.size - 1}/{span.total}".encode()))
    if b"download" in request.query:
        name = path.rpartition("/")[2]
        headers.append((b"content-disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()))
    try:
        headers.append((b"x-content-sha256", os.getxattr(descriptor, DIGEST)))
    except OSError:
        pass
    return tuple(headers)


def _type(path: str) -> str:
    """By its extension; what is packed stays packed: a client must not unpack it on the way."""
    kind, encoding = mimetypes.guess_type(path)
    return kind if kind and not encoding else "application/octet-stream"


async def _nothing() -> AsyncIterator[bytes]:
    for part in tuple[bytes, ...]():
        yield part
