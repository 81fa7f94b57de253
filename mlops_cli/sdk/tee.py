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
        self._undo: list[tuple[Any, Any, int]] = []
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        files = {"out": os.open(os.path.join(console, "out"), flags, 0o600)}
        if not _is_same_place():
            files["err"] = os.open(os.path.join(console, "err"), flags, 0o600)
        for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
            if stream is not None:
                self._put(stream, files.get(name, files["out"]))

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
        self._undo.append((stream, write, fd))

    def stop(self) -> None:
        """Take the additions off again, where nobody has put another one on top."""
        for stream, write, _ in self._undo:
            if stream.__dict__.get("write") is write:
                del stream.write
        for fd in {fd for _, _, fd in self._undo}:
            os.close(fd)
        self._undo.clear()


def _is_same_place() -> bool:
    """Whether stdout and stderr go to the same terminal or file: then their order in one file is worth keeping."""
    try:
        out, err = os.fstat(1), os.fstat(2)
    except OSError:
        return False
    return (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)
