"""Which server serves this store now: a lock that it holds, and a note beside it of where it listens."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Conflict, TimedOut


class Running(NamedTuple):
    """`url` is how others reach it; `address` (a URL, too) is how this machine does, with no proxy between."""

    pid: int
    url: str
    address: str
    ports: tuple[int, ...]
    started_at: float


@contextmanager
def claimed(data: Path) -> Iterator[None]:
    """Held while a server runs on the store in `data`. Raises Conflict when another one does."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(_lock(data), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            other = find(data)
            where = f" at {other.url} (pid {other.pid})" if other else ""
            raise Conflict(f"a server of this store runs already{where}", hint="mlops server stop") from exc
        try:
            yield
        finally:
            _note(data).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def tell(data: Path, *, url: str, address: str, ports: list[int]) -> None:
    """Writes down where the server of this process listens."""
    facts = {"pid": os.getpid(), "url": url, "address": address, "ports": ports, "started_at": time.time()}
    part = _note(data).with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(facts), encoding="utf-8")
    part.replace(_note(data))


def find(data: Path) -> Running | None:
    """The server that runs now, once it is ready; None where there is none."""
    if not is_claimed(data):
        return None
    try:
        facts: Any = json.loads(_note(data).read_text(encoding="utf-8"))
        where = str(facts["url"]), str(facts["address"]), tuple(facts["ports"])
        return Running(int(facts["pid"]), *where, float(facts["started_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_claimed(data: Path) -> bool:
    try:
        descriptor = os.open(_lock(data), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def stop(data: Path, running: Running, *, wait_s: float) -> None:
    """Asks the server to end and waits for it. Raises TimedOut when it does not."""
    # The lock is held, so the pid is still that server's own.
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while is_claimed(data):
        if time.monotonic() > deadline:
            raise TimedOut(f"the server (pid {running.pid}) has not ended yet", hint=f"kill {running.pid}")
        time.sleep(0.05)


def _lock(data: Path) -> Path:
    return data / "server.lock"


def _note(data: Path) -> Path:
    return data / "server.json"
