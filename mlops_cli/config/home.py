"""The data folder as a text, for those who begin in a training process: no import but `os` where XDG rules."""

from __future__ import annotations

import os

from . import environ


def data_folder(env: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """Where the store, the runs and the files lie for this environment."""
    home = env.get(environ.HOME)
    if home:
        return os.path.join(os.getcwd(), os.path.expanduser(home))
    if os.name == "posix" and os.uname().sysname == "Linux":
        given = env.get("XDG_DATA_HOME", "")
        # The specification: relative values are to be ignored.
        base = given if given.startswith("/") else os.path.expanduser((env.get("HOME") or "~") + "/.local/share")
        return base + "/mlops"
    from .paths import locate

    return str(locate(env).data)
