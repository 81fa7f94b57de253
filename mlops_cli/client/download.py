"""Fetches one file over HTTP: ranged, in parallel when it is large, resumed after a cut, checked, whole or not at all.

Beside the destination lies `.<name>.<mark>.part` while it is fetched, and what of it is there in `.part.json`; whoever
fetches the same file to the same place goes on from that.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from ..errors import Busy, Conflict, MlopsError, TimedOut, Unreachable
from .files import explain, hash_file

Opened = Callable[[str, dict[str, str]], AbstractContextManager[tuple[Any, Iterator[bytes]]]]
"""Opens a URL with these headers: the answer, and its bytes."""

Progress = Callable[[int, int | None], None]
"""Told (bytes that are here, bytes of all or None) now and then."""

PARALLEL_BYTES = 32 << 20
CHUNK_BYTES = 8 << 20
THREADS = 4
TRIES = 5
SAVE_S = 1.0

_TOTAL = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")


def fetch(
    opened: Opened,
    uri: str,
    dest: Path,
    *,
    digest: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The file at `dest`, whole and verified. `digest` is the sha256 that it must have.

    Raises NotFound, Denied, Unreachable (what is here stays, and the next call goes on), and Conflict when `dest`
    exists or the bytes are others than recorded.
    """
    if not overwrite and os.path.lexists(dest):
        raise Conflict(f"{dest} exists already", hint="choose another name, or --force")
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        with _Part(dest, uri) as part:
            _Fetching(opened, uri, part, progress).run()
            found = hash_file(part.path)[0] if digest else ""
            if digest and found != digest:
                part.discard()
                raise Conflict(
                    f"{uri} is not what was recorded: sha256 {found}, expected {digest}",
                    hint="the file was changed on the server after the experiment",
                )
            part.settle(dest, overwrite=overwrite)
    except OSError as exc:
        raise explain(exc, Path(uri), dest) from exc
    return dest


class _Part:
    """The unfinished file, held by one process at a time."""

    def __init__(self, dest: Path, uri: str) -> None:
        mark = hashlib.sha256(uri.encode()).hexdigest()[:12]
        self.path = dest.with_name(f".{dest.name[:150]}.{mark}.part")
        self.note = self.path.with_suffix(".part.json")
        self.fd = -1

    def __enter__(self) -> _Part:
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self.fd)
            if exc.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise Busy(f"another process is fetching {self.path.parent}", hint="wait for it") from exc
            raise
        if not self.path.exists() or os.fstat(self.fd).st_ino != self.path.stat().st_ino:
            os.close(self.fd)
            raise Busy(f"another process has just fetched {self.path.parent}", hint="look again")
        return self

    def __exit__(self, *_: object) -> None:
        if self.path.exists() and not self.note.exists():
            # Nothing is known of what is in it: it is of no use to anybody.
            self.path.unlink(missing_ok=True)
        os.close(self.fd)

    def read_note(self) -> dict[str, Any]:
        try:
            found = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_note(self, note: dict[str, Any]) -> None:
        """After the bytes that it tells of are on the disk."""
        os.fdatasync(self.fd)
        fresh = self.note.with_suffix(".new")
        fresh.write_text(json.dumps(note), encoding="utf-8")
        fresh.replace(self.note)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def settle(self, dest: Path, *, overwrite: bool) -> None:
        os.fsync(self.fd)
        if overwrite:
            self.path.replace(dest)
        else:
            try:
                os.link(self.path, dest)  # unlike a rename, this never takes another's place
            except FileExistsError as exc:
                raise Conflict(f"{dest} exists already", hint="choose another name, or --force") from exc
            except OSError:
                self.path.replace(dest)  # a file system without hard links
        self.discard()


class _Fetching:
    """One fetch. `done` maps the start of each chunk to how far it is here."""

    def __init__(self, opened: Opened, uri: str, part: _Part, progress: Progress | None) -> None:
        self.opened = opened
        self.uri = uri
        self.part = part
        self.progress = progress
        self.size: int | None = None
        self.validator = ""
        self.done: dict[int, int] = {}
        self.lock = threading.Lock()
        self.saved_at = time.monotonic()
        self.is_over = False

    def run(self) -> None:
        """Fetch until all is there. Raises the last trouble when nothing more comes."""
        self._recall()
        failures = 0
        while True:
            before = self._here()
            try:
                if self._step():
                    break
            except (Unreachable, TimedOut):
                failures = 1 if self._here() > before else failures + 1
                if failures >= TRIES:
                    raise
                time.sleep(min(0.1 * 2**failures, 3.0))
            finally:
                self._save()
        self._tell()

    def _step(self) -> bool:
        """One request, or many at once; whether the file is whole."""
        if self.size is None or not self.done:
            return self._first()
        chunks = self._missing()
        if len(chunks) == 1:
            self._chunk(*chunks[0])
        elif chunks:
            with ThreadPoolExecutor(THREADS) as pool:
                for found in [pool.submit(self._chunk, *chunk) for chunk in chunks]:
                    try:
                        found.result()
                    except MlopsError:
                        pool.shutdown(wait=True, cancel_futures=True)
                        raise
        return not self._missing()

    def _first(self) -> bool:
        """Ask for the first chunk: the answer tells the size, and whether ranges are given at all."""
        headers = {"Accept-Encoding": "identity", "Range": f"bytes=0-{CHUNK_BYTES - 1}"}
        with self.opened(self.uri, headers) as (response, pieces):
            if response.status_code == 206:
                self._learn(response)
                self._write(0, pieces)
                return not self._missing()
            if response.status_code == 416:  # nothing to give a range of: the file is empty
                os.ftruncate(self.part.fd, 0)
                self.size, self.done = 0, {0: 0}
                return True
            # No ranges here: a cut means to begin again.
            length = response.headers.get("Content-Length")
            self.size = int(length) if length and length.isdigit() else None
            os.ftruncate(self.part.fd, 0)
            at = 0
            for piece in pieces:
                os.pwrite(self.part.fd, piece, at)
                at += len(piece)
                self._tell(at)
            if self.size is not None and at != self.size:
                self.size = None
                raise Unreachable(f"the connection was cut after {at} bytes of {self.uri}", hint="try again")
            self.size, self.done = at, {0: at}
            return True

    def _learn(self, response: Any) -> None:
        found = _TOTAL.match(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != 0:
            raise Unreachable(f"the file server answers a range with nonsense for {self.uri}")
        self.size = int(found[3])
        self.validator = _mark(response)
        self.done = {start: start for start in range(0, max(self.size, 1), CHUNK_BYTES)}
        if len(self.done) > 1 and self.size < PARALLEL_BYTES:
            # Not large enough to be worth several connections: the first chunk, and then the rest in one.
            self.done = {0: 0, CHUNK_BYTES: CHUNK_BYTES}
        os.ftruncate(self.part.fd, self.size)

    def _missing(self) -> list[tuple[int, int]]:
        """(from, to) of what is not here yet."""
        starts = sorted(self.done)
        ends = [*starts[1:], self.size or 0]
        return [(self.done[start], end) for start, end in zip(starts, ends, strict=True) if self.done[start] < end]

    def _chunk(self, at: int, end: int) -> None:
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={at}-{end - 1}"}
        if self.validator and not self.validator.startswith("W/"):
            headers["If-Range"] = self.validator
        with self.opened(self.uri, headers) as (response, pieces):
            found = _TOTAL.match(response.headers.get("Content-Range", ""))
            is_other = _mark(response) != self.validator
            if response.status_code != 206 or found is None or int(found[1]) != at or int(found[3]) != self.size:
                is_other = True
            if is_other:
                self._forget()
                raise Unreachable(f"{self.uri} was changed on the server while it was fetched", hint="try again")
            self._write(at, pieces, end)

    def _write(self, at: int, pieces: Iterator[bytes], end: int | None = None) -> None:
        with self.lock:
            start = max(key for key in self.done if key <= at)
            end = end or min([key for key in self.done if key > start], default=self.size or 0)
        for piece in pieces:
            data = piece[: end - at]
            os.pwrite(self.part.fd, data, at)
            at += len(data)
            with self.lock:
                if start in self.done:
                    self.done[start] = at
            self._tell()
            if time.monotonic() - self.saved_at > SAVE_S:
                self._save()
        if at < end:
            raise Unreachable(f"the connection was cut at byte {at} of {self.uri}", hint="try again: it goes on there")

    def _recall(self) -> None:
        note = self.part.read_note()
        done = note.get("done")
        size = note.get("size")
        if note.get("uri") != self.uri or not note.get("validator") or os.fstat(self.part.fd).st_size != size:
            return
        if isinstance(done, dict) and isinstance(size, int):
            self.size, self.validator = size, str(note["validator"])
            self.done = {int(start): int(at) for start, at in done.items()}

    def _save(self) -> None:
        """So that a killed fetch is gone on with; without its version nobody could tell that the file is the same."""
        with self.lock:
            self.saved_at = time.monotonic()
            if self.validator and self.done and self.size:
                done = {str(start): at for start, at in self.done.items()}
                with suppress(OSError):
                    self.part.write_note(
                        {"uri": self.uri, "size": self.size, "validator": self.validator, "done": done}
                    )

    def _forget(self) -> None:
        with self.lock:
            self.size, self.validator, self.done = None, "", {}
            self.part.note.unlink(missing_ok=True)

    def _here(self) -> int:
        return sum(at - start for start, at in self.done.items())

    def _tell(self, at: int | None = None) -> None:
        if self.progress is not None:
            self.progress(self._here() if at is None else at, self.size)


def _mark(response: Any) -> str:
    """What tells this version of a file from any other; empty where the server says nothing."""
    return str(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
