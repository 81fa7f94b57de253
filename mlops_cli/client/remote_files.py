"""The files of a server: uploads that never lie whole in memory; the token goes to its own hosts only."""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from urllib.parse import quote

from ..errors import Denied, InvalidInput, MlopsError, NotFound, Unreachable
from .files import hash_file
from .web import Web

if TYPE_CHECKING:
    from .remote import Remote

SLOWEST = 50_000
"""Bytes a second: what an upload may take before it is given up."""


class Uploaded(NamedTuple):
    uri: str
    sha256: str
    size_bytes: int


class RemoteFiles:
    """`put` and `opened` are for `client.files.Files`; nothing here knows where a file is to lie."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._web = Web(remote.transport, trusted=self._trusted, token=remote.token, renew=remote.session.renew)
        self.opened = self._web.opened
        self.owns = self._web.owns

    def put(self, source: Path, name: str) -> Uploaded:
        return self.put_under(source, name, "")

    def put_under(self, source: Path, name: str, under: str) -> Uploaded:
        """Upload a file; doing it twice leaves one.

        `under` keeps the files of two experiments apart: a server that is not ours deletes them with the first.

        Raises NotFound when it is gone, Unreachable and Denied when the server cannot or will not take it.
        """
        try:
            digest, size = hash_file(source)
        except OSError as exc:
            raise NotFound(f"cannot read {source}: {exc.strerror or exc}") from exc
        clean = _clean(name)
        base = self._remote.files_url
        if self._remote.is_ours:
            # By content: a file that two experiments have lies there once, and goes with the last of them.
            path = f"files/{digest[:2]}/{digest}/{clean}"
            self._send("PUT", f"{base}/{_quoted(path)}", source, size, {})
        else:
            path = f"mlops/{under or 'files'}/{digest[:16]}/{clean}"
            self._send_form(base, path, source, size)
        return Uploaded(f"{base}/{_quoted(path)}", digest, size)

    def _trusted(self) -> tuple[str, ...]:
        """The only places that may see the token."""
        return self._remote.files_url, self._remote.server

    def path_of(self, uri: str) -> Path:
        """A copy of the file on this machine, fetched when it is not here yet. Raises what fetching raises."""
        from .download import fetch  # noqa: PLC0415

        folder = self._remote.settings.paths.downloads / hashlib.sha256(uri.encode()).hexdigest()[:32]
        found = next(iter(folder.iterdir()), None) if folder.is_dir() else None
        if found is not None and not found.name.startswith("."):
            return found
        return fetch(self.opened, uri, folder / _clean(uri.rpartition("/")[2] or "file"))

    def _send_form(self, base: str, path: str, source: Path, size: int) -> None:
        """As the classical file server wants it: one part, whose name is the path."""
        boundary = os.urandom(16).hex()
        kind = mimetypes.guess_type(source.name)[0] or "application/octet-stream"
        field = "/" + path.replace("\\", "\\\\").replace('"', "%22")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{field}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._send("POST", base, source, size, headers, head=head, tail=f"\r\n--{boundary}--\r\n".encode())

    def _send(
        self,
        method: str,
        url: str,
        source: Path,
        size: int,
        headers: dict[str, str],
        *,
        head: bytes = b"",
        tail: bytes = b"",
    ) -> None:
        def body() -> _Body:
            return _Body(source, size, head, tail)

        token = self._remote.token()
        for attempt in (1, 2):
            sent = {"Content-Type": "application/octet-stream", "Authorization": f"Bearer {token}", **headers}
            answer = self._remote.transport.send(
                method, url, headers=sent, body=body, repeatable=True, timeout_s=max(60.0, size / SLOWEST)
            )
            if answer.status == 401 and attempt == 1:
                token = self._remote.session.renew(token)
                continue
            break
        if answer.status not in (200, 201, 204):
            raise _refused(answer.status, answer.body, source)


class _Body:
    """A file between two texts, read as it is sent; the library takes the length from `__len__`.

    No subclass of the io classes: those have a `tell`, and the library then takes the length for unknown.
    """

    def __init__(self, source: Path, size: int, head: bytes, tail: bytes) -> None:
        self._file: BinaryIO = source.open("rb")
        self._parts: list[BinaryIO] = [io.BytesIO(head), self._file, io.BytesIO(tail)]
        self._length = len(head) + size + len(tail)
        self._left = self._length

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read():
            yield data

    def read(self, size: int = -1) -> bytes:
        want = min(self._left, 1 << 20 if size is None or size < 0 else max(size, 1 << 16))
        while self._parts and want:
            data = self._parts[0].read(want)
            if data:
                self._left -= len(data)
                return data
            self._parts.pop(0).close()
        if self._left and not self._parts:
            raise OSError(f"{self._file.name} became shorter while it was sent")
        self._file.close()
        return b""


def _refused(status: int, body: bytes, source: Path) -> MlopsError:
    try:
        meta = json.loads(body).get("meta") or {}
        why = str(meta.get("result_msg") or "")
    except (ValueError, AttributeError):
        why = body[:100].decode("utf-8", "replace").strip().partition("\n")[0]
    text = f"the file server did not take {source.name} (HTTP {status}{': ' + why if why else ''})"
    if status in (401, 403):
        return Denied(text, hint="`mlops auth status` says who you are there")
    if status in (413, 507):
        return Unreachable(text, hint="it has no room for it")
    if 400 <= status < 500 and status not in (408, 429):
        return InvalidInput(text, hint="MLOPS_FILES must name the file server")
    return Unreachable(text, hint="try again in a while")


def _clean(name: str) -> str:
    """A name that is one segment of a path everywhere."""
    kept = "".join(char if char.isprintable() and char not in '/\\"' else "_" for char in name).strip()
    kept = kept.encode("utf-8", "replace").decode()
    while len(kept.encode()) > 200:
        kept = kept[1:]
    return kept if kept not in ("", ".", "..") else "file"


def _quoted(path: str) -> str:
    return quote(path, safe="/")
