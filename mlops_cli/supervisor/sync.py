"""Sends what earlier runs could not: the deed behind `mlops sync`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from ..config.paths import Paths
from ..errors import NotFound
from ..spool import shipper
from ..spool.folder import RunFolder
from .settle import settle

if TYPE_CHECKING:
    from ..client.api import Api


def unsent_bytes(folder: RunFolder) -> int:
    """What of a run is not in the store yet: records and console, without what was only reserved."""
    sent = (folder.read_json("recording.json") or {}).get("console") or {}
    unsent = shipper.pending(folder)
    for name in ("out", "err"):
        with contextlib.suppress(OSError):
            unsent += max((folder.console / name).stat().st_size - int(sent.get(name, 0)), 0)
    return unsent


class Synced(NamedTuple):
    """Run ids: `sent` wholly, `running` (their supervisor sends), and `left` with the reason of each."""

    sent: tuple[str, ...]
    running: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def sync(paths: Paths, connect: Callable[[], Api], run_ids: Collection[str] | None = None) -> Synced:
    """Send the runs that are not wholly in the store, all of them or those of the given ids (or prefixes of ids).

    Doing it twice changes nothing. Raises NotFound for an id that no unsent run has.
    """
    live = RunFolder.live(paths.runs)
    for asked in run_ids or ():
        if not any(folder.run_id.startswith(asked) for folder in live):
            raise NotFound(f"no unsent run {asked}", hint="mlops status")

    def is_wanted(run_id: str) -> bool:
        return run_ids is None or any(run_id.startswith(asked) for asked in run_ids)

    held = tuple(folder.run_id for folder in live if is_wanted(folder.run_id) and folder.is_locked())
    done = settle(paths, connect, wanted=is_wanted)
    return Synced(sent=done.settled, running=held + done.adopted, left=done.left)
