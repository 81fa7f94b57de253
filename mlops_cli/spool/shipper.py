"""Sends what the streams of a run hold, and remembers how far: whoever comes next goes on from there.

Events go out exactly once by (run, stream, offset), which the store checks; other notes are handed over at least once.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import MlopsError
from .events import Sorted, sort_batch
from .folder import RunFolder
from .precedence import Precedence
from .reader import BATCH_BYTES, Batch, StreamReader, segments, streams

Json = dict[str, Any]

SAVE_S = 1.0
SYNC_S = 1.0
KEEP_SENT_S = 3600.0
"""What was sent stays this long, for a store that comes back from an older backup."""
SWEEP_S = 60.0
MAX_CONFLICTS = 4


class Drained(NamedTuple):
    """What one `drain` did. `is_complete`: everything that is whole was sent; otherwise the deadline came first."""

    points: int
    events: int
    notes: int
    torn: int
    is_complete: bool


class Shipper:
    """One run's sender; one process at a time, the holder of the folder's lock.

    `send` takes a body for `events.add_columns` and raises our errors; `on_note` takes each note that is no event;
    `upload` puts a file where it stays and gives its URL (without it, the URL of the file itself is sent); `clean`
    takes what is not to be stored out of a text.
    """

    def __init__(
        self,
        folder: RunFolder,
        send: Callable[[Json], Json],
        on_note: Callable[[Json], object],
        *,
        upload: Callable[[Path], str] | None = None,
        clean: Callable[[str], str] = str,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self._folder = folder
        self._send = send
        self._on_note = on_note
        self._upload = upload
        self._clean = clean
        self._batch_bytes = batch_bytes
        self._acknowledged = acknowledged(folder)
        self._precedence = Precedence(_shadowed(folder))
        self._readers: dict[str, StreamReader] = {}
        self._synced: dict[str, int] = {}
        self._saved_at = self._swept_at = self._synced_at = time.monotonic()
        self._is_dirty = False
        self._counts = [0, 0, 0, 0]

    def drain(self, deadline: float | None = None, *, final: bool = False) -> Drained:
        """Send what is there, until `deadline` (of `time.monotonic`). `final`: nobody writes any more.

        Raises what `send` raises (Unreachable, Busy, ...); what was acknowledged before is kept, the rest stays.
        """
        self._counts = [0, 0, 0, 0]
        is_complete = True
        try:
            for stream in streams(self._folder.spool):
                is_complete &= self._drain_stream(stream, deadline, final)
        finally:
            self._save()
            if not final and time.monotonic() - self._synced_at >= SYNC_S:
                self.sync()
        self._sweep()
        points, events, notes, torn = self._counts
        return Drained(points, events, notes, torn, is_complete)

    def pending(self) -> int:
        """Bytes of records that are not acknowledged."""
        return sum(_unsent(stream, self._acknowledged.get(stream.name, 0)) for stream in streams(self._folder.spool))

    def _drain_stream(self, stream: Path, deadline: float | None, final: bool) -> bool:
        name = stream.name
        reader = self._readers.setdefault(name, StreamReader(stream))
        conflicts = 0
        while deadline is None or time.monotonic() < deadline:
            at = self._acknowledged.get(name, 0)
            batch = reader.read(at, self._batch_bytes, final=final)
            if batch.is_empty:
                return True
            try:
                self._deliver(name, batch)
            except MlopsError as exc:
                expected = exc.data.get("expected")
                conflicts += 1
                if not isinstance(expected, int) or expected == at or conflicts > MAX_CONFLICTS:
                    raise
                self._move_to(name, reader, at, expected)
            if time.monotonic() - self._saved_at > SAVE_S:
                self._save()
        return False

    def _deliver(self, stream: str, batch: Batch) -> None:
        found = self._sort(stream, batch)
        body = {
            "run": self._folder.run_id,
            "stream": stream,
            "offset": batch.offset,
            "next": batch.next,
            "scalars": found.scalars,
            "events": found.events,
            "console": found.console,
        }
        self._send(body)
        # After the sending: while a store is away, the same notes would be handed over again and again.
        self._hand_over(found.others)
        if batch.torn:
            self._on_note({"k": "left_out", "what": f"{batch.torn} bytes of stream {stream}", "why": "damaged"})
        self._acknowledge(stream, batch.next)
        for n, count in enumerate((batch.points, len(found.events), len(found.others), batch.torn)):
            self._counts[n] += count

    def _sort(self, stream: str, batch: Batch) -> Sorted:
        for note in batch.notes:
            if note.get("k") in ("text", "console") and isinstance(note.get("text"), str):
                note["text"] = self._clean(note["text"])
        found = sort_batch(batch, self._folder, self._upload)
        found.scalars = self._precedence.yielding(stream, found.scalars)
        return found

    def _move_to(self, stream: str, reader: StreamReader, at: int, expected: int) -> None:
        """The store is elsewhere than we remember: ahead (we died before we saved), or back (it lost something)."""
        while at < expected:
            batch = reader.read(at, expected - at)
            if batch.is_empty:
                break
            # The store has the events; whether their neighbours were handed over, nobody knows.
            self._hand_over(self._sort(stream, batch).others)
            at = batch.next
        self._acknowledge(stream, expected)

    def _hand_over(self, notes: list[Json]) -> None:
        for note in notes:
            self._on_note(note)

    def _acknowledge(self, stream: str, offset: int) -> None:
        self._acknowledged[stream] = offset
        self._is_dirty = True

    def _save(self) -> None:
        if self._is_dirty:
            shadowed = sorted(self._precedence.shadowed)
            self._folder.write_json("state.json", {"streams": self._acknowledged, "shadowed": shadowed})
            self._is_dirty = False
        self._saved_at = time.monotonic()

    def sync(self) -> None:
        """Have what was logged so far survive a power cut; the page cache alone survives any kill.

        `drain` does so once a second while the run lives, whether or not the store can be reached.
        """
        self._synced_at = time.monotonic()
        for stream in streams(self._folder.spool):
            since = self._synced.get(stream.name, 0)
            for start, path in segments(stream):
                if start >= since:
                    _sync_file(path)
                    self._synced[stream.name] = start

    def _sweep(self) -> None:
        """Delete segments that were sent long ago."""
        if time.monotonic() - self._swept_at < SWEEP_S:
            return
        self._swept_at = time.monotonic()
        sweep(self._folder, self._acknowledged, older_than_s=KEEP_SENT_S)


def acknowledged(folder: RunFolder) -> dict[str, int]:
    """How far each stream of the folder was acknowledged."""
    known = (folder.read_json("state.json") or {}).get("streams")
    return {str(name): int(offset) for name, offset in known.items()} if isinstance(known, dict) else {}


def _shadowed(folder: RunFolder) -> list[tuple[str, str]]:
    known = (folder.read_json("state.json") or {}).get("shadowed")
    return [(str(series[0]), str(series[1])) for series in known] if isinstance(known, list) else []


def pending(folder: RunFolder) -> int:
    """Bytes of records that are not acknowledged, for whoever does not hold the run's lock."""
    offsets = acknowledged(folder)
    return sum(_unsent(stream, offsets.get(stream.name, 0)) for stream in streams(folder.spool))


def sweep(folder: RunFolder, offsets: dict[str, int], *, older_than_s: float) -> int:
    """Delete segments that are wholly acknowledged and were not touched for a while; returns their bytes."""
    freed = 0
    limit = time.time() - older_than_s
    for stream in streams(folder.spool):
        found = segments(stream)
        for (_, path), (after, _) in pairwise(found):
            if after > offsets.get(stream.name, 0):
                break
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if status.st_mtime <= limit:
                    path.unlink()
                    freed += status.st_size
    return freed


def _sync_file(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDWR)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)


def _unsent(stream: Path, offset: int) -> int:
    reader, at = StreamReader(stream), offset
    while not (batch := reader.read(at)).is_empty:
        at = batch.next
    return at - offset
