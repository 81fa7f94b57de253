"""Keys: from the environment, a keyring, or a file of our own; bound to one server each, and shown nowhere."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from mlops_cli.config import credentials
from mlops_cli.config.credentials import Credentials
from mlops_cli.errors import InvalidInput

HERE, THERE = "https://here.example", "https://there.example"


def test_keys_are_kept_for_one_server_in_a_file_of_our_own(tmp_path: Path) -> None:
    where = credentials.save(HERE, Credentials("key", "secret"), tmp_path / "config")
    assert Path(where).stat().st_mode & 0o777 == 0o600
    found = credentials.find(HERE, tmp_path / "config", env={})
    assert found is not None and (found.key, found.secret, found.origin) == ("key", "secret", where)
    assert credentials.find(THERE, tmp_path / "config", env={}) is None
    assert credentials.remove(HERE, tmp_path / "config") and not credentials.remove(HERE, tmp_path / "config")
    assert credentials.find(HERE, tmp_path / "config", env={}) is None


def test_the_environment_comes_first_and_a_half_pair_is_none(tmp_path: Path) -> None:
    credentials.save(HERE, Credentials("kept", "secret"), tmp_path)
    env = {"CLEARML_API_ACCESS_KEY": "theirs", "CLEARML_API_SECRET_KEY": "s", "MLOPS_ACCESS_KEY": "alone"}
    found = credentials.find(HERE, tmp_path, env=env)
    assert found is not None and found.key == "theirs" and "CLEARML_API_ACCESS_KEY" in found.origin
    ours = credentials.find(HERE, tmp_path, env=env, from_env=False)
    assert ours is not None and ours.key == "kept"


def test_a_secret_is_not_in_what_a_traceback_shows() -> None:
    assert "geheim" not in repr(Credentials("key", "geheim"))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"credentials\.json"):
        credentials.find(HERE, tmp_path, env={})


class Keyring:
    """What the optional library offers, in memory."""

    kept: ClassVar[dict[tuple[str, str], str]] = {}

    def set_password(self, service: str, name: str, text: str) -> None:
        self.kept[service, name] = text

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


def test_a_keyring_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("keyring")
    backend = Keyring()
    for name in ("set_password", "get_password", "delete_password"):
        setattr(module, name, getattr(backend, name))
    module.get_keyring = lambda: backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    assert credentials.save(HERE, Credentials("key", "geheim"), tmp_path) == "the keyring"
    assert "geheim" not in (tmp_path / "credentials.json").read_text()
    found = credentials.find(HERE, tmp_path, env={})
    assert found is not None and (found.secret, found.origin) == ("geheim", "the keyring")
    assert credentials.remove(HERE, tmp_path) and backend.kept == {}
