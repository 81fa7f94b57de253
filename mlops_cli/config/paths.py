"""Where our files lie. `MLOPS_HOME` moves all of them; else the XDG directories through platformdirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from . import environ


class Paths(NamedTuple):
    """The folders of one user. Nothing is created here: whoever writes makes its own folder."""

    data: Path
    config: Path
    cache: Path

    @property
    def store(self) -> Path:
        return self.data / "store.db"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def files(self) -> Path:
        return self.data / "files"

    @property
    def user_config(self) -> Path:
        return self.config / "config.toml"

    @property
    def sessions(self) -> Path:
        return self.cache / "sessions"

    @property
    def downloads(self) -> Path:
        return self.cache / "downloads"

    @property
    def names_cache(self) -> Path:
        return self.cache / "names"


def locate(env: dict[str, str] | os._Environ[str] = os.environ) -> Paths:
    """The folders that hold for this environment.

    On Linux the XDG variables are read here: the answer is platformdirs' own, without 15 ms of import on
    every command.
    """
    home = env.get(environ.HOME)
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(data=root, config=root, cache=root / "cache")
    if os.name == "posix" and os.uname().sysname == "Linux":
        user = Path(env.get("HOME") or "~").expanduser()
        return Paths(
            data=_xdg(env, "XDG_DATA_HOME", user / ".local" / "share"),
            config=_xdg(env, "XDG_CONFIG_HOME", user / ".config"),
            cache=_xdg(env, "XDG_CACHE_HOME", user / ".cache"),
        )
    import platformdirs  # noqa: PLC0415 - only where XDG does not rule

    dirs = platformdirs.PlatformDirs("mlops", appauthor=False)
    return Paths(Path(dirs.user_data_dir), Path(dirs.user_config_dir), Path(dirs.user_cache_dir))


def _xdg(env: dict[str, str] | os._Environ[str], name: str, default: Path) -> Path:
    value = env.get(name, "")
    # The specification: relative values are to be ignored.
    return (Path(value) if value.startswith("/") else default) / "mlops"
