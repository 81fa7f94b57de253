"""Lets go of the folders of runs that are wholly sent, at most once a day; what is in the store stays there."""

from __future__ import annotations

import time

from ..config.paths import Paths

PERIOD_S = 86_400.0


def is_due(paths: Paths) -> bool:
    """Whether the last time was a day ago, or never; a clock that was set back does not stop it for ever."""
    try:
        return not 0 <= time.time() - (paths.cache / "pruned").stat().st_mtime < PERIOD_S
    except OSError:
        return True


def prune(paths: Paths, *, keep_days: float, keep_bytes: int) -> int:
    """Delete what is older, and the oldest beyond the bytes; returns the bytes freed. Trouble is for tomorrow."""
    from ..spool import folder  # noqa: PLC0415 - once a day

    try:
        paths.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        (paths.cache / "pruned").touch()
        return folder.prune(paths.runs, keep_days=keep_days, keep_bytes=keep_bytes)
    except OSError:
        return 0
