"""Notes HDF5 files: the HDF5 library opens them in C, where no audit event is raised."""

from __future__ import annotations

import os

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("h5py._hl.files",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        path = wrap.path_of(args[1] if len(args) > 1 else kwargs.get("name"))
        mode = args[2] if len(args) > 2 else kwargs.get("mode", "r")
        # Files in memory, and a handle that is given a second object, have no file of their own on the disk.
        if not path or not os.path.isfile(path):
            return
        if mode == "r":
            note({"k": "open", "path": path, "mode": "r", "size": os.path.getsize(path)})
        else:
            # Data as often as a model: the look at the end of the run decides by what the file holds.
            note({"k": "open", "path": path, "mode": "w", "size": None})

    wrap.after(module.File, "__init__", look)
