"""What the dead left: a run without its supervisor is adopted while its child lives, and settled afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..config.paths import Paths
from ..errors import MlopsError
from ..spool.folder import RunFolder
from . import processes
from .beside import start_beside

if TYPE_CHECKING:
    from ..client.api import Api

_YOUNG_S = 10.0
"""A folder so young without a child may belong to a run that is just being started."""


class Settled(NamedTuple):
    """What was done: run ids adopted and settled, and those left, each with the reason."""

    adopted: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


def settle(paths: Paths, connect: Callable[[], Api], *, wanted: Callable[[str], bool] = lambda _: True) -> Settled:
    """Look after every live run that nobody holds; one directory listing when there is none.

    Trouble with the store leaves a run for the next time; nothing is raised for it.
    """
    adopted, settled, left = [], [], []
    for folder in RunFolder.live(paths.runs):
        if not wanted(folder.run_id) or folder.is_locked():
            continue
        child = processes.from_json(folder.read_json("child.json"))
        if child is not None and not child.is_here():
            left.append((folder.run_id, f"it belongs to the host {child.host}"))
        elif child is not None and child.is_alive() and folder.read_json("exit.json") is None:
            start_beside("adopt", str(folder.path))
            adopted.append(folder.run_id)
        elif child is not None or folder.read_json("exit.json") is not None:
            why = close(folder, connect)
            if why:
                left.append((folder.run_id, why))
            else:
                settled.append(folder.run_id)
        elif _age(folder) > _YOUNG_S:
            _discard(folder)
    return Settled(tuple(adopted), tuple(settled), tuple(left))


def close(folder: RunFolder, connect: Callable[[], Api]) -> str:
    """End a run whose process is gone: send everything, then its state. Returns why not, empty when done."""
    from .adoption import deserved, late_snapshot  # noqa: PLC0415 - there is nearly never anything to settle
    from .recorder import Recorder  # noqa: PLC0415
    from .recording import Recording  # noqa: PLC0415
    from .spec import from_json  # noqa: PLC0415

    lock = folder.lock()
    if lock is None:
        return "another process is at it"
    with lock:
        if not folder.is_live:
            return ""
        asked = from_json(folder.read_json("spec.json"))
        reach = own_server(asked.server, connect)
        try:
            recorder = Recorder(lambda: Recording(folder, asked, reach), prepare=late_snapshot(folder, asked))
            recorder.close_now(deserved(folder, asked), asked.drain_s)
        except (MlopsError, OSError) as exc:
            return str(exc)
        return "" if recorder.is_sent else recorder.trouble or "not everything could be sent in time"


def own_server(server: str, connect: Callable[[], Api]) -> Callable[[], Api]:
    """How to reach the server that a run was meant for; `connect` reaches the one that the settings name now."""
    if not server:
        return connect
    from ..client.connect import connect_to  # noqa: PLC0415 - as above
    from ..config.settings import load_settings  # noqa: PLC0415

    return lambda: connect_to(server, load_settings())


def meant_for(folder: RunFolder) -> str:
    """The server that a run was meant for; empty where nobody said."""
    return str((folder.read_json("spec.json") or {}).get("server") or "")


def _age(folder: RunFolder) -> float:
    try:
        return time.time() - folder.path.stat().st_mtime
    except OSError:
        return 0.0


def _discard(folder: RunFolder) -> None:
    """Its supervisor died before it started anything: nothing was made, so nothing is recorded."""
    lock = folder.lock()
    if lock is None:
        return
    with lock:
        folder.finish()
        shutil.rmtree(folder.path, ignore_errors=True)
