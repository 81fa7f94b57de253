"""Notes each data file that the program opens, once, by an audit hook, which every road in Python leads through.

An audit hook sees every audited event (even `id()`) and can never be removed, so the first lines of `see` are all that
most events cost. CPython itself takes another 0.1 us for each event as soon as there is any hook.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

LIMIT = 1000
"""Different paths noted a process; the rest are counted, the count noted at each doubling."""
_REMEMBERED = 8192

_SUFFIXES = (
    ".py",
    ".pyc",
    ".pyi",
    ".pyx",
    ".pth",
    ".so",
    ".dll",
    ".ttf",
    ".otf",
    ".afm",
    ".pfb",
    ".mo",
    ".lock",
    ".egg-link",
)
_PARTS = ("/site-packages/", "/dist-packages/", "/__pycache__/", "/.git/", "/.ipynb_checkpoints/", "/torchinductor_")
# Under ~/.cache only what is the machine's own business: downloaded models and data sets there are inputs.
_CACHES = "pip uv pypoetry matplotlib fontconfig mesa_shader_cache triton torch_extensions pre-commit black ruff mypy"
_HOME = (
    ".config .local .aws .azure .ssh .docker .kube .gnupg .nv .triton .ipython .jupyter .netrc .gitconfig .matplotlib"
)
_SYSTEM = (
    "/proc/",
    "/sys/",
    "/dev/",
    "/run/",
    "/etc/",
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/usr/share/",
    "/usr/local/lib/",
)
# The tempfile module's own combination: such files are moved to their place, which we see, or vanish.
_TEMPORARY = getattr(os, "O_EXCL", 0) | getattr(os, "O_NOFOLLOW", 0)


def watch(run_dir: str, note: Callable[[dict[str, Any]], None]) -> None:
    """From now on note the files that this process, and its forks, open."""
    files = _Files(_ignored_places(run_dir), note)
    read, written, busy, judge = files.read, files.written, files.busy, files.judge

    def see(event: str, args: tuple[Any, ...]) -> None:
        try:
            if event == "open":
                path, _, flags = args
                seen = written if flags & 3 else read
                if path not in seen and get_ident() not in busy:
                    judge(path, flags, seen)
            elif event == "os.rename":
                files.renamed(args[0], args[1])
            elif event == "os.chdir":
                # The same relative path is another file now.
                read.clear()
                written.clear()
        except Exception:
            # Nobody to tell: an error here would fail the person's own open().
            pass

    sys.addaudithook(see)


class _Files:
    """What was seen so far, and the judgement whether a path is worth a note."""

    def __init__(self, ignored: tuple[str, ...], note: Callable[[dict[str, Any]], None]) -> None:
        self.read: set[Any] = set()
        self.written: set[Any] = set()
        # Threads that are noting: what they open meanwhile is ours.
        self.busy: set[int] = set()
        self._ignored = ignored
        self._note = note
        self._noted: set[tuple[str, str]] = set()
        self._beyond = 0
        self._tell_at = 1

    def judge(self, path: Any, flags: int, seen: set[Any]) -> None:
        """A path that is new in this mode: remember it, and note it when it is data."""
        if isinstance(path, int):
            return
        if len(seen) >= _REMEMBERED:
            seen.clear()
        seen.add(path)
        name = self._data_file(path)
        if name is None or flags & _TEMPORARY == _TEMPORARY:
            return
        # The event comes before the open: a file to read that is not there (yet) is no input. Folders are opened for
        # writing too, on the way to a temporary file; pipes and devices are no files that last.
        size = _plain_size(path)
        if flags & 3:
            if size is not None:
                self._put(name, "w", None)
        elif size is not None and size >= 0 and (name, "w") not in self._noted:
            self._put(name, "r", size)

    def renamed(self, source: Any, target: Any) -> None:
        """A file moved into place was written, whatever its first name: the usual way to save atomically."""
        name = self._data_file(target)
        if name is None or get_ident() in self.busy:
            return
        size = _plain_size(source)
        if size is not None and size >= 0:
            self._put(name, "w", None)

    def _data_file(self, path: Any) -> str | None:
        """The absolute path, or None where it is the interpreter's, the system's or our own."""
        name = os.fsdecode(path)
        if name.endswith(_SUFFIXES):
            return None
        name = os.path.abspath(name)
        # With a slash, so that a file is as well named as a folder, and `.local` is not `.localdata`.
        if (name + "/").startswith(self._ignored) or any(part in name for part in _PARTS):
            return None
        # A name that is no UTF-8 is spelled out: records are strict UTF-8.
        return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")

    def _put(self, name: str, mode: str, size: int | None) -> None:
        if (name, mode) in self._noted:
            return
        me = get_ident()
        self.busy.add(me)
        try:
            if mode == "w" and "tfevents" in os.path.basename(name):
                self._noted.add((name, mode))
                self._note({"k": "tensorboard", "path": name})
            elif len(self._noted) < LIMIT:
                self._noted.add((name, mode))
                self._note({"k": "open", "path": name, "mode": mode, "size": size})
            else:
                self._count_one_more()
        finally:
            self.busy.discard(me)

    def _count_one_more(self) -> None:
        """At each doubling, so that a killed process has told its order of magnitude and the spool stays small."""
        self._beyond += 1
        if self._beyond == self._tell_at:
            self._tell_at *= 2
            why = "after the first %d files, at least %d more were opened" % (LIMIT, self._beyond)
            self._note({"k": "left_out", "what": "opened files", "why": why, "count": self._beyond})


def _plain_size(path: Any) -> int | None:
    """The size of a plain file, -1 where there is nothing, None for anything else."""
    try:
        status = os.stat(path)
    except OSError:
        return -1
    return status.st_size if status.st_mode & 0o170000 == 0o100000 else None


def _ignored_places(run_dir: str) -> tuple[str, ...]:
    """Folders and a few single files that say nothing about the run, each with a closing slash."""
    home = os.path.expanduser("~")
    places = {os.path.abspath(run_dir) + "/", os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/"}
    places.update(_SYSTEM)
    places.update(os.path.join(home, name) + "/" for name in _HOME.split())
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    places.update(os.path.join(cache, name) + "/" for name in _CACHES.split())
    places.add(os.path.dirname(os.__file__) + "/")
    if sys.pycache_prefix:
        places.add(os.path.abspath(sys.pycache_prefix) + "/")
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}:
        # Not the whole prefix: the person's code and data may lie below /usr/local or an environment's folder.
        places.update(
            os.path.join(prefix, part) + "/" for part in "bin lib lib64 include share etc ssl conda-meta".split()
        )
        places.add(os.path.join(prefix, "pyvenv.cfg") + "/")
    return tuple(places)
