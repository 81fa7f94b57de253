"""`--context NAME`: one command with another server, whatever the settings and the environment name."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import production_server as production
import pytest
from production_server import Production

from mlops_cli.config import credentials
from mlops_cli.config.credentials import Credentials


@pytest.fixture
def lab(tmp_path: Path, home: Path) -> Iterator[Production]:
    """A server that a context names and that we logged in to."""
    with Production(tmp_path / "lab") as found:
        files = found.environment()["CLEARML_FILES_HOST"]
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(f'[contexts.lab]\nserver = "{found.url}"\nfiles = "{files}"\n')
        credentials.save(found.url, Credentials(production.KEY, production.SECRET), home)
        yield found


def test_a_context_for_one_command_stands_before_or_after_it(
    lab: Production, cli: Any, mlops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("MLOPS_TOKEN", "for the other server alone")
    done = mlops("--context", "lab", "run", "--name", "there", sys.executable, "-c", "pass")
    assert done.returncode == 0
    [task] = lab.dispatch("tasks.get_all", {})["tasks"]
    assert lab.dispatch("tasks.get_by_id", {"task": task["id"]})["task"]["status"] == "completed"
    for words in (["--context", "lab", "ls", "--json"], ["ls", "--json", "--context", "lab"]):
        assert [row["name"] for row in cli(*words).json] == ["there"]
    assert cli.run("ls").code == 6
    assert not any("for the other server alone" in str(call) for call in lab.seen)


def test_nobody_is_sent_to_a_context_that_is_not_there(lab: Production, cli: Any) -> None:
    said = cli.run("ls", "--context", "lba")
    assert said.code == 2 and "there is no context `lba` (known: lab)" in said.err and "`lab`?" in said.err
    assert "mlops auth login URL --as other" in cli.run("ls", "--context", "other").err
    assert json.loads(cli("context", "show", "lab", "--json").out)["server"] == lab.url


def test_none_is_the_store_of_this_machine_again(lab: Production, cli: Any) -> None:
    cli("context", "use", "lab")
    cli("ls")
    asked = len(lab.seen)
    assert cli("ls", "--context", "none", "--json").json == []
    assert len(lab.seen) == asked
