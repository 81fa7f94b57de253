"""What the program prints, also into the run's console file; the descriptors themselves are never touched."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # not from `typing`: see `init`
if TYPE_CHECKING:
    from typing import Any


class Tee:
    """Replaces the `write` of the stream objects, so that whoever holds one already (logging, tqdm) is heard too."""

    def __init__(self, console: str) -> None:
        self._undo: list[tuple[Any, Any]] = []
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        files = {"out": os.open(os.path.join(console, "out"), flags, 0o600)}
        if not _is_same_place():
            files["err"] = os.open(os.path.join(console, "err"), flags, 0o600)
        self._streams = [
            (stream, files.get(name, files["out"]))
            for stream, name in ((sys.stdout, "out"), (sys.stderr, "err"))
            if stream is not None
        ]
        self._files = set(files.values())
        self._put_all()
        self._shell = _shell()
        if self._shell is not None:
            # IPython does the same for each cell, and at its end puts back what it found at its beginning.
            self._shell.events.register("pre_run_cell", self._put_all)

    def _put_all(self, *_: object) -> None:
        for stream, fd in self._streams:
            if not any(getattr(stream, "__dict__", {}).get("write") is write for _, write in self._undo):
                self._put(stream, fd)

    def _put(self, stream: Any, fd: int) -> None:
        inner = stream.write

        def write(text: str) -> Any:
            written = inner(text)
            try:
                os.write(fd, text.encode("utf-8", "surrogateescape"))
            except Exception:  # a full disk must not keep a program from printing
                pass
            return written

        try:
            stream.write = write
        except AttributeError:  # a stream that takes no attributes is left alone
            return
        self._undo = [(other, its) for other, its in self._undo if other is not stream]
        self._undo.append((stream, write))

    def stop(self) -> None:
        """Take the additions off again, where nobody has put another one on top."""
        if self._shell is not None:
            self._shell.events.unregister("pre_run_cell", self._put_all)
        for stream, write in self._undo:
            if stream.__dict__.get("write") is write:
                del stream.write
        self._undo.clear()
        # Somebody may still hold one of ours: its descriptor must then not be a stranger's file.
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for fd in self._files:
            os.dup2(null, fd, inheritable=False)
        os.close(null)


def _shell() -> Any:
    """The IPython shell that we run in, if any."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None


def _is_same_place() -> bool:
    """Whether stdout and stderr go to the same terminal or file: then their order in one file is worth keeping."""
    try:
        out, err = os.fstat(1), os.fstat(2)
    except OSError:
        return False
    return (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)
