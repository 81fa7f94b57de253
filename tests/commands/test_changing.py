"""`clone`, the small edits, `rm`, `project`, `config`, `api`, `export` and `import`, `status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_cli.errors import Conflict, InvalidInput, NotFound, Refused


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "vision"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_clone_changes_what_it_was_told_and_nothing_else(cli: Any, make: Any, api: Any) -> None:
    source = make("first", lr="0.1", bs="32")
    result = cli("clone", source, "lr=0.01", "-S", "bs=64", "-n", "second")
    draft = api.tasks.document(result.out.strip())
    assert (draft["status"], draft["name"], draft["parent"]) == ("created", "second", source)
    assert {name: item["value"] for name, item in draft["hyperparams"]["Args"].items()} == {"lr": "0.01", "bs": "64"}
    assert "Args/lr: 0.1 → 0.01" in result.err


def test_clone_refuses_unknown_keys_and_a_dry_run_makes_nothing(cli: Any, make: Any) -> None:
    source = make("first", lr="0.1")
    with pytest.raises(NotFound) as caught:
        cli("clone", source, "lrr=1")
    assert "`lr`" in caught.value.hint
    with pytest.raises(InvalidInput):
        cli("clone", source, "lr=fast")
    assert cli("clone", source, "lr=1", "--dry-run").out == ""
    assert cli("ls", "-q").lines == [source]


def test_tags_are_added_taken_away_and_shown(cli: Any, make: Any) -> None:
    task = make("tagged")
    assert cli("tag", task, "base", "good").out == f"{task[:8]}  base good\n"
    assert cli("tag", task, "-r", "good", "--json").json[0]["tags"] == ["base"]
    assert cli("ls", "tag:base", "-q").lines == [task]


def test_many_are_named_on_stdin(cli: Any, make: Any) -> None:
    tasks = [make("one"), make("two")]
    cli("tag", "-", "both", stdin="".join(f"{task}\tname\n" for task in tasks))
    assert set(cli("ls", "tag:both", "-q").lines) == set(tasks)


def test_notes_are_written_appended_and_shown(cli: Any, make: Any) -> None:
    task = make("noted")
    cli("note", task, "too", "high")
    cli("note", task, "-a", "again")
    assert cli("note", task).lines == ["too high", "again"]


def test_rename_and_mv(cli: Any, make: Any) -> None:
    task = make("before")
    cli("rename", task, "after")
    cli("mv", task, "attic/old")
    assert cli("ls", "-p", "attic", "-c", "name,project", "-o", "csv").lines == ["name,project", "after,attic/old"]
    with pytest.raises(InvalidInput):
        cli("rename", task, "ab")


def test_rm_needs_a_yes_and_forgets(cli: Any, make: Any) -> None:
    task = make("gone", curve=[1.0])
    with pytest.raises(Refused) as caught:
        cli("rm", task)
    assert "--yes" in caught.value.hint
    assert cli("rm", task, "--dry-run").code == 0
    assert cli("ls", "-q").lines == [task]
    cli("rm", task, "--yes")
    with pytest.raises(NotFound):
        cli("show", task)


def test_rm_leaves_what_runs_without_force(cli: Any, make: Any) -> None:
    task = make("busy", status="in_progress")
    result = cli.run("rm", task, "--yes")
    assert (result.code, "--force" in result.err) == (1, True)
    assert cli("rm", task, "--yes", "--force").code == 0


def test_projects_are_made_listed_and_removed_when_empty(cli: Any, make: Any) -> None:
    make("inside")
    cli("project", "create", "attic/old", "-d", "what was")
    assert "attic/old" in cli("project", "ls").out
    assert cli("project", "show", "vision", "--json").json["experiments"] == {"completed": 1}
    with pytest.raises(Conflict):
        cli("project", "create", "attic/old")
    with pytest.raises(Conflict):
        cli("project", "rm", "vision", "--yes")
    cli("project", "rm", "attic/old", "--yes")
    with pytest.raises(NotFound):
        cli("project", "show", "attic/old")


def test_config_is_set_and_read_with_its_origin(cli: Any, home: Path) -> None:
    cli("config", "set", "metrics.less", "cost,delay")
    assert cli("config", "get", "metrics.less").out == "cost,delay\n"
    rows = {row["key"]: row for row in cli("config", "ls", "--json").json}
    assert rows["metrics.less"]["origin"] == str(home / "config.toml")
    with pytest.raises(InvalidInput):
        cli("config", "set", "secrets", "maybe")
    with pytest.raises(InvalidInput) as caught:
        cli("config", "get", "projct")
    assert "project" in caught.value.hint


def test_the_raw_api_takes_fields_and_bodies(cli: Any, make: Any) -> None:
    task = make("raw")
    answer = cli("api", "tasks.get_all", "-F", f'id=["{task}"]', "-F", "only_fields=name")
    assert answer.json["tasks"] == [{"id": task, "name": "raw"}]
    assert cli("api", "tasks.get_by_id", "--body", "-", stdin=f'{{"task": "{task}"}}').json["task"]["name"] == "raw"
    with pytest.raises(InvalidInput):
        cli("api", "tasks.get_all", "--body", "-", stdin="[1]")
    assert cli.run("api", "tasks.nothing").code == 3


def test_an_experiment_travels_as_one_file(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task = make("travels", lr="0.1", curve=[1.0, float("nan"), 0.5])
    before = cli("metrics", task, "--csv").out
    cli("export", task, "--to", "one.mlops")
    with pytest.raises(Conflict):
        cli("export", task, "--to", "one.mlops")
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "elsewhere"))
    cli("import", "one.mlops")
    assert cli("metrics", task, "--csv").out == before
    assert cli("ls", "-c", "name,lr", "-o", "csv").lines == ["name,Args/lr", "travels,0.1"]


def test_the_overview_says_where_it_is_and_what_to_type(cli: Any, make: Any) -> None:
    assert "mlops run python train.py" in cli().out
    make("first")
    make("second")
    lines = cli().lines
    assert lines[0].startswith("connected to")
    assert lines[-3].split("  ")[1] == "mlops diff @-1 @latest"
    assert len(cli("--json").json["next"]) == 3


def test_status_needs_no_store(cli: Any, home: Path) -> None:
    assert cli("status", "--json").json["unsent"] == []
    assert not (home / "store.db").exists()


def test_status_and_the_overview_name_what_runs(mlops: Any, tmp_path: Path) -> None:
    import json
    import subprocess
    import sys
    import time

    argv = [sys.executable, "-m", "mlops_cli", "run", sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            running = json.loads(mlops("status", "--json").stdout)["running"]
            if running and running[0]["task"]:
                break
            time.sleep(0.1)
        task = running[0]["task"]
        assert json.loads(mlops("ls", "--json", "-c", "id,status").stdout) == [{"id": task, "status": "in_progress"}]
        assert json.loads(mlops("--json").stdout)["next"][0] == f"mlops logs {task[:8]} -f"
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert json.loads(mlops("status", "--json").stdout)["running"] == []
    assert json.loads(mlops("ls", "--json", "-c", "status").stdout) == [{"status": "stopped"}]


def test_rm_speaks_of_drafts_and_mv_wants_a_name(cli: Any, make: Any) -> None:
    task = make("only planned", status="created")
    assert f"{task[:8]}  draft  only planned" in cli("rm", task, "--dry-run").err
    with pytest.raises(InvalidInput, match="a project needs a name"):
        cli("mv", task, "")
