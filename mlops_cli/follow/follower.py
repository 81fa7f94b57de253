"""Follows what a run writes for others (TensorBoard files, printed metrics) and appends it to the run's spool.

How far each file has been read is noted in the same append-only stream, so that after a crash the next follower goes
on there; a record read twice overwrites itself, since a point is known by (metric, variant, step).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..hook.records import split_name
from . import models
from .printed import PrintedMetrics

if TYPE_CHECKING:
    from .tensorboard import EventFile, Histogram, Item

SCAN_S = (2.0, 30.0)
"""The first wait between two looks for event files, and the longest: a look at a big folder is not free."""

HISTOGRAM_BINS = 64
SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "eval", "evaluation"})


class Writer(Protocol):
    """The part of `hook.records.Writer` that a follower needs."""

    def scalar(self, metric: str, variant: str, step: int, value: float, time_ms: int | None = None) -> object: ...
    def note(self, note: dict[str, Any]) -> object: ...


class Follower:
    """One run's follower. `tick` reads what is new; `add` names an event file that the hook saw being opened.

    Printed points go to `printer`, where they are to be told apart.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        printer: Writer | None = None,
        folders: Sequence[Path],
        files: Path,
        since: float,
        marks: Mapping[str, int] | None = None,
        printed: PrintedMetrics | None = None,
    ) -> None:
        self._writer = writer
        self._printer = printer or writer
        self._folders = list(folders)
        self._files = files
        self._since = since
        self._marks = dict(marks or {})
        self._followed: dict[Path, EventFile] = {}
        self._told: set[Path] = set()
        self._root: Path | None = None
        self._scan_at = 0.0
        self._wait = SCAN_S[0]
        self._printed = printed
        self._tail = ""
        for name in self._marks:
            self.add(Path(name))

    @property
    def is_following(self) -> bool:
        """Whether the run writes event files: then its metrics are there, and what it prints is a copy."""
        return bool(self._followed)

    def add(self, path: Path) -> None:
        """Follow an event file from where it was left, once."""
        if path not in self._followed:
            from .tensorboard import EventFile  # noqa: PLC0415 - most runs write no such file

            self._followed[path] = EventFile(path, self._marks.get(str(path), 0))
            self._root = self._root or path.parent

    def printed(self, text: str, *, is_last: bool = False) -> int:
        """Feed console text, cut anywhere; returns how many points it held."""
        if self._printed is None:
            return 0
        lines = (self._tail + text).split("\n")
        self._tail = "" if is_last else lines.pop()[-8192:]
        now = time.time_ns() // 1_000_000
        points = [point for line in lines for point in self._printed.feed(line)]
        for point in points:
            metric, variant = split_name(point.name)
            self._printer.scalar(metric, variant, point.step, point.value, now)
        return len(points)

    def tick(self, now: float, *, is_last: bool = False) -> int:
        """Read what is new in every followed file, looking for new files now and then; returns the items read."""
        if is_last or now >= self._scan_at:
            self._scan(now)
        count = 0
        for followed in list(self._followed.values()):
            before = followed.offset
            while items := followed.read():
                for item in items:
                    self._record(followed.path, item)
                count += len(items)
            if followed.offset != before:
                self._writer.note({"k": "mark", "file": str(followed.path), "at": followed.offset})
            if followed.problem and followed.path not in self._told:
                self._told.add(followed.path)
                self._writer.note({"k": "left_out", "what": str(followed.path), "why": followed.problem})
        return count

    def _scan(self, now: float) -> None:
        known = len(self._followed)
        for folder in self._folders:
            for path in models.event_files(folder, since=self._since):
                self.add(path)
        self._wait = SCAN_S[0] if len(self._followed) > known else min(self._wait * 1.5, SCAN_S[1])
        self._scan_at = now + self._wait

    def _record(self, path: Path, item: Item) -> None:
        from .tensorboard import Histogram, Hyperparameters, Image, Scalar, Text  # noqa: PLC0415 - as above

        if isinstance(item, Hyperparameters):
            self._writer.note({"k": "params", "section": "TensorBoard", "source": "tensorboard", "items": {
                name: {"value": "" if value is None else str(value), "type": type(value).__name__}
                for name, value in item.values.items()
            }})  # fmt: skip
            return
        metric, variant = self._name(path, item.tag)
        if isinstance(item, Scalar):
            self._writer.scalar(metric, variant, item.step, item.value, item.time_ms)
            return
        note: dict[str, Any] = {"metric": metric, "variant": variant, "iter": item.step, "ts": item.time_ms}
        if isinstance(item, Histogram):
            self._writer.note({"k": "plot", **note, "plot": histogram_plot(item)})
        elif isinstance(item, Image):
            self._writer.note({"k": "image", **note, "path": self._keep(item.data)})
        elif isinstance(item, Text):
            self._writer.note({"k": "text", **note, "text": item.text})

    def _name(self, path: Path, tag: str) -> tuple[str, str]:
        """Metric and variant of a tag; writers that use a folder a split (`logs/train`) are told apart by it."""
        metric, variant = split_name(tag)
        folder = path.parent
        if folder.name.lower() in SPLITS or folder != self._root:
            return tag, folder.name if variant == tag else f"{variant}/{folder.name}"
        return metric, variant

    def _keep(self, data: bytes) -> str:
        """Lay an image into the run's `files` under the name of its content; written once, whole."""
        from hashlib import sha256  # noqa: PLC0415 - OpenSSL is loaded only where something is hashed

        kinds = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif"}
        suffix = next((name for magic, name in kinds.items() if data.startswith(magic)), ".img")
        target = self._files / (sha256(data).hexdigest() + suffix)
        if not target.exists():
            self._files.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".part")
            partial.write_bytes(data)
            partial.replace(target)
        return str(target)


def histogram_plot(item: Histogram) -> dict[str, Any]:
    """A plotly bar chart of at most `HISTOGRAM_BINS` equal bins."""
    low, high = item.edges[0], item.edges[-1]
    if len(item.counts) > HISTOGRAM_BINS and high > low:
        width = (high - low) / HISTOGRAM_BINS
        counts = [0.0] * HISTOGRAM_BINS
        for left, right, count in zip(item.edges, item.edges[1:], item.counts, strict=False):
            middle = (left + right) / 2
            counts[min(max(int((middle - low) / width), 0), HISTOGRAM_BINS - 1)] += count
        centres = [low + (index + 0.5) * width for index in range(HISTOGRAM_BINS)]
    else:
        counts = list(item.counts)
        centres = [(left + right) / 2 for left, right in zip(item.edges, item.edges[1:], strict=False)]
    return {
        "data": [{"type": "bar", "x": centres, "y": counts, "name": item.tag}],
        "layout": {"title": item.tag, "bargap": 0},
    }
