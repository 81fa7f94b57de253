"""The data folder as a text, for those who begin in a training process: no import but `os`."""

from __future__ import annotations

import os

from . import environ

TYPE_CHECKING = False  # not from `typing`, which costs some milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping


def data_folder(env: Mapping[str, str] = os.environ) -> str:
    """Where the store, the runs and the files lie for this environment."""
    home = env.get(environ.HOME)
    if home:
        return os.path.abspath(os.path.expanduser(home))
    if os.name == "posix" and os.uname().sysname == "Linux":
        given = env.get("XDG_DATA_HOME", "")
        # The specification: relative values are to be ignored.
        base = given if given.startswith("/") else os.path.expanduser((env.get("HOME") or "~") + "/.local/share")
        return base + "/mlops"
    import platformdirs

    return platformdirs.PlatformDirs("mlops", appauthor=False).user_data_dir
