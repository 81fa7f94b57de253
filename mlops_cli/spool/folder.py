"""The run folder: what lies where, the lock of the living supervisor, the live marker, and what is kept how long.

This is the one description of it; docs/architecture.md says who writes which entry.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from ..errors import NotFound

LOCK_PATIENCE_S = 0.05
"""A probe (`is_locked`) holds the lock for microseconds; whoever wants it for real asks again for this long."""

FAR_HOLDER_S = 600.0
"""A holder on another machine that has not shown itself for so long is taken for dead."""


def new_run_id() -> str:
    """A fresh run id: 32 hex digits of a random (version 4) UUID, without the import of `uuid`."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return raw.hex()


def boot_id() -> str:
    """Tells one boot of this machine from another: a process id means nothing after a reboot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Lock:
    """The lock of a run folder, held until `release` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; the folder then says that nobody holds it."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class RunFolder:
    """One run's folder, `<runs>/<run id>/`. Opening it reads nothing."""

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def runs(self) -> Path:
        return self.path.parent

    @property
    def spool(self) -> Path:
        return self.path / "spool"

    @property
    def console(self) -> Path:
        return self.path / "console"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def marker(self) -> Path:
        return self.runs / "live" / self.run_id

    @classmethod
    def create(cls, runs: Path, run_id: str = "", spec: dict[str, Any] | None = None) -> RunFolder:
        """Make the folder of a new run and mark it live. Only its owner can look inside."""
        folder = cls(runs / (run_id or new_run_id()))
        live = runs / "live"
        try:
            folder.path.mkdir(0o700)
        except FileNotFoundError:
            live.mkdir(0o700, parents=True, exist_ok=True)
            folder.path.mkdir(0o700)
        for part in (folder.spool, folder.console, folder.files):
            part.mkdir(0o700)
        folder.write_json("spec.json", spec or {})
        with contextlib.suppress(FileExistsError):
            live.mkdir(0o700)
        # Last: whoever sees the marker finds a whole folder.
        os.close(os.open(folder.marker, os.O_CREAT | os.O_WRONLY, 0o600))
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The folder of an existing run. Raises NotFound when there is none."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise NotFound(f"no run folder {folder.path}", hint="mlops status")
        return folder

    @classmethod
    def live(cls, runs: Path) -> list[RunFolder]:
        """The runs that are not wholly sent, oldest first. Costs one directory listing when there are none."""
        found: list[tuple[float, RunFolder]] = []
        try:
            entries = list(os.scandir(runs / "live"))
        except FileNotFoundError:
            return []
        for entry in entries:
            folder = cls(runs / entry.name)
            try:
                marked_at = entry.stat().st_mtime
            except FileNotFoundError:
                continue
            if folder.path.is_dir():
                found.append((marked_at, folder))
            else:
                folder.finish()
        found.sort(key=lambda pair: (pair[0], pair[1].run_id))
        return [folder for _, folder in found]

    def finish(self) -> None:
        """Everything is sent: nobody needs to look here again."""
        with contextlib.suppress(FileNotFoundError):
            self.marker.unlink()

    @property
    def is_live(self) -> bool:
        return self.marker.exists()

    def read_json(self, name: str) -> dict[str, Any] | None:
        """What `name` holds, or None where it does not exist or (a full disk, a crash) is not a whole object."""
        try:
            with (self.path / name).open(encoding="utf-8") as file:
                value = json.load(file)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write_json(self, name: str, value: dict[str, Any], *, durable: bool = False) -> None:
        """Put `value` there in one step: a reader sees the old whole file or the new one.

        `durable` also survives a power cut, for some milliseconds more.
        """
        target = self.path / name
        temporary = self.path / f".{name}.{os.getpid()}.tmp"
        fd = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
                file.flush()
                if durable:
                    os.fsync(fd)
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            self._sync_folder()

    def lock(self) -> Lock | None:
        """Take the lock, or None when another living process holds it."""
        fd = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        patience = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as exc:
                if exc.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    os.close(fd)
                    raise
                if time.monotonic() > patience:
                    os.close(fd)
                    return None
                time.sleep(0.002)
        if self._is_elsewhere(fd):
            os.close(fd)
            return None
        me = {"host": os.uname().nodename, "boot_id": boot_id(), "pid": os.getpid(), "since": time.time()}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(me).encode(), 0)
        return Lock(fd)

    def is_locked(self) -> bool:
        """Whether a living supervisor holds this run."""
        try:
            fd = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look at once do not take each other for the holder.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return self._is_elsewhere(fd)
        except OSError as exc:
            if exc.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            return True
        finally:
            os.close(fd)

    def holder(self) -> dict[str, Any]:
        """Who took the lock last and did not give it back: host, boot_id, pid, since; empty when nobody."""
        return self.read_json("lock") or {}

    def beat(self) -> None:
        """Show other hosts that the holder of the lock lives; now and then is enough (`FAR_HOLDER_S`)."""
        with contextlib.suppress(OSError):
            os.utime(self.path / "lock")

    @staticmethod
    def _is_elsewhere(fd: int) -> bool:
        """Another machine holds the lock and beats: on a shared file system its flock may not be visible from here.

        The same boot id means the same kernel (a container, say), where the flock itself is the truth.
        """
        try:
            holder = json.loads(os.pread(fd, 4096, 0) or b"{}")
        except ValueError:
            return False
        if not holder.get("host") or holder["host"] == os.uname().nodename or holder.get("boot_id") == boot_id():
            return False
        return time.time() - os.fstat(fd).st_mtime < FAR_HOLDER_S

    def _sync_folder(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
