"""The run folder: what lies where, the lock of the living supervisor, the live marker, and what is kept how long.

This is the one description of it; docs/architecture.md says who writes which entry.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from .. import __version__
from ..hook.records import encode

# A training process opens its own run folder: what only others need (pathlib, json, typing: ten milliseconds) is
# imported where it is used.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

LOCK_PATIENCE_S = 0.05
"""A probe (`is_locked`) holds the lock for microseconds; whoever wants it for real asks again for this long."""

FAR_HOLDER_S = 600.0
"""A holder on another machine that has not shown itself for so long is taken for dead."""


YOUNG_S = 600.0
"""Nothing so young is pruned."""


def new_run_id() -> str:
    """A fresh run id: 32 hex digits of a random (version 4) UUID, without the import of `uuid`."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return raw.hex()


def boot_id() -> str:
    """Tells one boot of this machine from another: a process id means nothing after a reboot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
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
        try:
            os.ftruncate(self._fd, 0)
        except OSError:
            pass
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


RESERVED = ("exit.json", "end.json")
"""How a run ended must be kept on a full disk, too: their room is taken at its start."""
RESERVED_BYTES = 1024


class RunFolder:
    """One run's folder, `<runs>/<run id>/`. Opening it reads nothing. `root` is its path as a text."""

    __slots__ = ("root",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.root = os.fspath(path)

    def __repr__(self) -> str:
        return f"RunFolder({self.root!r})"

    @property
    def path(self) -> Path:
        from pathlib import Path

        return Path(self.root)

    @property
    def run_id(self) -> str:
        return os.path.basename(self.root)

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
    def create(cls, runs: str | os.PathLike[str], run_id: str = "", spec: dict[str, Any] | None = None) -> RunFolder:
        """Make the folder of a new run and mark it live. Only its owner can look inside."""
        folder = cls(os.path.join(runs, run_id or new_run_id()))
        live = os.path.join(runs, "live")
        try:
            os.mkdir(folder.root, 0o700)
        except FileNotFoundError:
            for made in (os.path.dirname(os.path.abspath(runs)), runs):  # the mode holds for the last part only
                os.makedirs(made, 0o700, exist_ok=True)
            os.mkdir(folder.root, 0o700)
        for part in ("spool", "console", "files"):
            os.mkdir(os.path.join(folder.root, part), 0o700)
        folder.write_json("spec.json", spec or {})
        for name in RESERVED:
            folder._put(folder._reserved(name), b" " * RESERVED_BYTES)
        os.makedirs(live, 0o700, exist_ok=True)
        # Last: whoever sees the marker finds a whole folder.
        os.close(os.open(folder._marker, os.O_CREAT | os.O_WRONLY, 0o600))
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The folder of an existing run. Raises NotFound when there is none."""
        folder = cls(path)
        if not os.path.isdir(folder.root):
            from ..errors import NotFound

            raise NotFound(f"no run folder {folder.root}", hint="mlops status")
        return folder

    @classmethod
    def live(cls, runs: str | os.PathLike[str]) -> list[RunFolder]:
        """The runs that are not wholly sent, oldest first. Costs one directory listing when there are none."""
        found: list[tuple[float, RunFolder]] = []
        try:
            entries = list(os.scandir(os.path.join(runs, "live")))
        except FileNotFoundError:
            return []
        for entry in entries:
            folder = cls(os.path.join(runs, entry.name))
            try:
                marked_at = entry.stat().st_mtime
            except FileNotFoundError:
                continue
            if os.path.isdir(folder.root):
                found.append((marked_at, folder))
            else:
                folder.finish()
        found.sort(key=lambda pair: (pair[0], pair[1].run_id))
        return [folder for _, folder in found]

    def finish(self) -> None:
        """Everything is sent: nobody needs to look here again."""
        try:
            os.unlink(self._marker)
        except FileNotFoundError:
            pass

    @property
    def is_live(self) -> bool:
        return os.path.exists(self._marker)

    @property
    def _marker(self) -> str:
        return os.path.join(os.path.dirname(self.root), "live", self.run_id)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """What `name` holds, or None where it does not exist or (a full disk, a crash) is not a whole object."""
        import json

        try:
            with open(os.path.join(self.root, name), encoding="utf-8") as file:
                value = json.load(file)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write_json(self, name: str, value: dict[str, Any], *, durable: bool = False) -> None:
        """Put `value` there in one step: a reader sees the old whole file or the new one.

        `durable` also survives a power cut, for some milliseconds more.
        """
        target = os.path.join(self.root, name)
        temporary = os.path.join(self.root, f".{name}.{os.getpid()}.tmp")
        data = encode(value).encode("ascii")
        try:
            self._put(temporary, data, durable=durable)
            os.replace(temporary, target)
        except BaseException as exc:
            _remove(temporary)
            if not (isinstance(exc, OSError) and self._put_into_reserve(name, data)):
                raise
        if durable:
            _sync(self.root)

    def _reserved(self, name: str) -> str:
        return os.path.join(self.root, f".{name}.reserved")

    def _put_into_reserve(self, name: str, data: bytes) -> bool:
        """On a full disk: into the bytes that were set aside. Spaces after a JSON object mean nothing."""
        if name not in RESERVED or len(data) > RESERVED_BYTES:
            return False
        try:
            self._put(self._reserved(name), data.ljust(RESERVED_BYTES), flags=0)
            os.replace(self._reserved(name), os.path.join(self.root, name))
        except OSError:
            return False
        return True

    def _put(self, path: str, data: bytes, *, flags: int = os.O_CREAT | os.O_TRUNC, durable: bool = False) -> None:
        fd = os.open(path, flags | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            while data:
                data = data[os.write(fd, data) :]
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)

    def lock(self) -> Lock | None:
        """Take the lock, or None when another living process holds it."""
        fd = os.open(os.path.join(self.root, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
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
        me = {
            "host": os.uname().nodename,
            "boot_id": boot_id(),
            "pid": os.getpid(),
            "since": time.time(),
            "version": __version__,
        }
        os.ftruncate(fd, 0)
        os.pwrite(fd, encode(me).encode("ascii"), 0)
        return Lock(fd)

    def is_locked(self) -> bool:
        """Whether a living supervisor holds this run."""
        try:
            fd = os.open(os.path.join(self.root, "lock"), os.O_RDONLY | os.O_CLOEXEC)
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
        """Who took the lock last and did not give it back: host, boot_id, pid, since, version; empty when nobody."""
        return self.read_json("lock") or {}

    def beat(self) -> None:
        """Show other hosts that the holder of the lock lives; now and then is enough (`FAR_HOLDER_S`)."""
        try:
            os.utime(os.path.join(self.root, "lock"))
        except OSError:
            pass

    @staticmethod
    def _is_elsewhere(fd: int) -> bool:
        """Another machine holds the lock and beats: on a shared file system its flock may not be visible from here.

        The same boot id means the same kernel (a container, say), where the flock itself is the truth.
        """
        import json

        try:
            holder = json.loads(os.pread(fd, 4096, 0) or b"{}")
        except ValueError:
            return False
        if not holder.get("host") or holder["host"] == os.uname().nodename or holder.get("boot_id") == boot_id():
            return False
        return time.time() - os.fstat(fd).st_mtime < FAR_HOLDER_S


def prune(runs: str | os.PathLike[str], *, keep_days: float, keep_bytes: int) -> int:
    """Delete folders of runs that are wholly sent: those older than `keep_days`, then the oldest beyond `keep_bytes`.

    Live and locked runs stay, whatever they take, and young ones: a run that is just being made has no marker yet.
    Returns the bytes that were freed.
    """
    import shutil

    done = []
    young = time.time() - YOUNG_S
    for entry in os.scandir(runs):
        folder = RunFolder(entry.path)
        if entry.name != "live" and entry.is_dir(follow_symlinks=False) and not folder.is_live:
            done.append((entry.stat().st_mtime, _bytes_of(entry.path), folder))
    done.sort(key=lambda row: row[0], reverse=True)
    kept = freed = 0
    oldest = time.time() - keep_days * 86400
    for touched_at, size, folder in done:
        kept += size
        if (touched_at >= oldest and kept <= keep_bytes) or touched_at > young:
            continue
        lock = folder.lock()
        if lock is not None:
            with lock:
                shutil.rmtree(folder.root, ignore_errors=True)
            freed += size
    return freed


def _bytes_of(folder: str) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_blocks * 512 for place, _, names in os.walk(folder) for name in names
    )


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
