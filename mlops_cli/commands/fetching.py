"""How a fetch is shown: progress on a terminal's stderr, the path on stdout."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .context import Context

if TYPE_CHECKING:
    from pathlib import Path

    from ..client.assets import Asset

REDRAW_S = 0.1


def fetch(context: Context, asset: Asset, to: str, *, force: bool) -> None:
    """Bring the file here and say where it lies."""
    from ..client.assets import destination

    target = destination(to, asset)
    bar = _Bar(asset.file_name, asset.size_bytes)
    is_shown = sys.stderr.isatty() and not context.output.quiet
    try:
        path = context.api.files.fetch(
            asset.uri, target, digest=asset.sha256 or None, overwrite=force, progress=bar.show if is_shown else None
        )
    finally:
        bar.clear()
    if not asset.sha256:
        context.output.detail("no sha256 was recorded: only the size was checked")
    _say(context, asset, path)


def _say(context: Context, asset: Asset, path: Path) -> None:
    if context.output.is_json:
        size = path.stat().st_size
        context.output.document(
            {"path": str(path), "uri": asset.uri, "size_bytes": size, "sha256": asset.sha256 or None}
        )
    else:
        context.output.write(f"{path}\n")


class _Bar:
    """One line that is written over: name, how much, how fast."""

    def __init__(self, name: str, size: int | None) -> None:
        self._name = name
        self._size = size
        self._begun = time.monotonic()
        self._first: int | None = None
        self._drawn_at = 0.0
        self._is_drawn = False

    def show(self, here: int, size: int | None) -> None:
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_S:
            return
        from ..render import values

        self._drawn_at = now
        self._first = here if self._first is None else self._first
        whole = size or self._size
        share = f"{100 * here / whole:3.0f}%  " if whole else ""
        speed = max(0, here - self._first) / max(now - self._begun, 0.001)
        text = f"{self._name[:40]}  {share}{values.size(here)}  {values.size(int(speed))}/s"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
        self._is_drawn = True

    def clear(self) -> None:
        if self._is_drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
