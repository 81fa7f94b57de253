from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.client.api import Api
from mlops_cli.client.connect import connect
from mlops_cli.client.names import forget, names_of, read_names, remember
from mlops_cli.config.settings import load_settings
from mlops_cli.errors import Conflict, Denied, InvalidInput, NotFound, Unreachable

from .conftest import Make


def test_a_file_goes_in_by_content_and_comes_out_verified(api: Api, tmp_path: Path) -> None:
    source = tmp_path / "wéights %20.bin"
    source.write_bytes(b"\x00" * 3_000_000 + b"end")
    stored = api.files.put(source)
    again = api.files.put(source, "other.bin")
    assert (stored.sha256, stored.size_bytes) == (again.sha256, 3_000_003)
    dest = api.files.fetch(stored.uri, tmp_path / "deep" / "out.bin", digest=stored.sha256)
    assert dest.read_bytes() == source.read_bytes()
    absolute = api.files.locate(stored.uri).as_uri()
    assert api.files.owns(stored.uri) and api.files.owns(absolute) and not api.files.owns(source.as_uri())
    assert api.files.fetch(source.as_uri(), tmp_path / "copy").read_bytes() == source.read_bytes()


def test_a_fetch_that_fails_leaves_nothing(api: Api, tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"one")
    folder = tmp_path / "out"
    with pytest.raises(Conflict, match="not what was recorded"):
        api.files.fetch(source.as_uri(), folder / "x", digest="0" * 64)
    with pytest.raises(NotFound):
        api.files.fetch((tmp_path / "gone").as_uri(), folder / "x")
    with pytest.raises(InvalidInput, match="cannot fetch s3"):
        api.files.fetch("s3://bucket/x", folder / "x")
    assert list(folder.iterdir()) == []
    (folder / "x").write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        api.files.fetch(source.as_uri(), folder / "x")
    assert (folder / "x").read_text() == "mine"
    assert api.files.fetch(source.as_uri(), folder / "x", overwrite=True).read_bytes() == b"one"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(api: Api, tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"one")
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(Denied, match="shut"):
        api.files.fetch(source.as_uri(), tmp_path / "shut" / "x")


def test_a_disk_that_takes_no_more_leaves_nothing(api: Api, make: Make, tmp_path: Path) -> None:
    # A limit on the size of files fails in the middle of writing, as a full disk does.
    source = tmp_path / "a.bin"
    source.write_bytes(os.urandom(300_000))
    task = make("run", status="in_progress")
    api.tasks.add_artifacts(task, [{"key": "out", "type": "file", "uri": api.files.put(source).uri}])
    out = tmp_path / "out"
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from mlops_cli.client.bundle.export import export_tasks\n"
        "from mlops_cli.client.connect import connect\n"
        "from mlops_cli.config.settings import load_settings\n"
        "from mlops_cli.errors import Unreachable\n"
        "source, out, task = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]\n"
        "api = connect(load_settings())\n"
        "api.tasks.find({})\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "for act in (lambda: api.files.fetch(source.as_uri(), out / 'x'),\n"
        "            lambda: export_tasks(api, [task], out / 'y')):\n"
        "    try: act()\n"
        "    except Unreachable as exc: print(exc.exit_code, [entry.name for entry in out.iterdir()])\n"
    )
    env = {"MLOPS_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code, str(source), str(out), task]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "6 []\n6 []\n", done.stderr


def test_a_server_that_is_not_there_is_told_with_the_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"MLOPS_HOME": str(tmp_path), "CLEARML_API_HOST": "http://127.0.0.1:1"}
    monkeypatch.setenv("CLEARML_API_ACCESS_KEY", "key")
    monkeypatch.setenv("CLEARML_API_SECRET_KEY", "secret")
    with pytest.raises(Unreachable) as caught, connect(load_settings(env=env, cwd=tmp_path)) as api:
        api.tasks.find({})
    assert "127.0.0.1:1" in caught.value.message and "MLOPS_SERVER=embedded" in caught.value.hint
    with connect(load_settings(env={**env, "MLOPS_SERVER": "embedded"}, cwd=tmp_path)) as api:
        assert api.tasks.find({}) == []


def test_connecting_opens_nothing_before_the_first_call(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with connect(load_settings(env={"MLOPS_HOME": str(home)}, cwd=tmp_path)) as api:
        assert not home.exists()
        api.users.me  # noqa: B018
        assert (home / "store.db").exists()


def test_projects_are_made_once_with_their_parents(api: Api) -> None:
    made = api.projects.ensure(" team / digits ")
    assert api.projects.ensure("team/digits") == made
    assert set(api.projects.names().values()) == {"team", "team/digits"}
    assert api.projects.find_id("team.digits") is None


def test_processes_that_need_a_new_project_at_once_get_one(tmp_path: Path) -> None:
    code = (
        "from mlops_cli.client.connect import connect\n"
        "from mlops_cli.config.settings import load_settings\n"
        "api = connect(load_settings())\n"
        "print(*(api.projects.ensure(f'team/number{number}') for number in range(20)))\n"
    )
    env = {"MLOPS_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    start = [sys.executable, "-c", code]
    running = [subprocess.Popen(start, env=env, stdout=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(4)]
    answers = {process.communicate()[0] for process in running}
    assert len(answers) == 1 and len(answers.pop().split()) == 20


def test_a_task_lives_through_its_states_and_parts(api: Api, make: Make) -> None:
    task = make("run", status="in_progress", runtime={"mlops_run": "ab" * 16, "a": 1})
    api.tasks.edit_runtime(task, {"b": 2})
    api.tasks.add_artifacts(task, [{"key": "out", "type": "file", "uri": "file:///x", "content_size": 3}])
    api.tasks.update_tags([task], add=["x", "y"])
    api.tasks.update_tags([task], remove=["x"])
    model = api.models.create({"name": "net", "uri": "file:///m", "task": task})
    api.tasks.add_model(task, "net", model)
    api.tasks.completed(task, reason="done", message="all good")
    found = api.tasks.get(task)
    assert (found.status, found.status_reason, found.status_message) == ("completed", "done", "all good")
    assert found.runtime == {"mlops_run": "ab" * 16, "a": 1, "b": 2}
    assert found.tags == ["y"] and found.execution is not None and found.execution.artifacts is not None
    assert [artifact.key for artifact in found.execution.artifacts] == ["out"]
    assert found.models is not None and [item.model for item in found.models.output] == [model]
    assert (api.models.get(model).name, api.models.get(model).ready) == ("net", False)
    assert api.tasks.find_run("ab" * 16) == task and api.tasks.find_run("cd" * 16) is None
    with pytest.raises(NotFound):
        api.tasks.get("0" * 32)


def test_points_console_and_plots_are_read_back(api: Api, make: Make) -> None:
    values = [float(number % 97) for number in range(12_000)]
    task = make("run", status="in_progress", metrics={("val", "acc"): values, ("val", "loss"): [1.0]})
    points = list(api.events.points(task, "val", ["acc"]))
    assert [point["value"] for point in points] == values
    assert points[5]["iter"] == 5 and points[5]["timestamp"] == 1_700_000_000_005
    assert api.events.names(task) == {"val": ["acc", "loss"]}
    assert api.events.scalars(task, metrics=[{"metric": "val", "variants": ["loss"]}])["val"]["loss"]["y"] == [1.0]
    curve = api.events.curve(task, "val", "acc", samples=100)
    assert curve and api.events.single_values(task) == []
    chunks = [{"timestamp": number, "level": "info", "raw": b"line %d\n" % number} for number in range(50)]
    body = {"task": task, "run": "r" * 32, "stream": "c", "offset": 0, "next": 1, "console": chunks}
    api.events.add_columns(body)
    assert api.events.add_columns(body)["skipped"]
    page = api.events.console(task, limit_bytes=100)
    assert page["more"] and page["chunks"][0]["raw"].startswith(b"line 0\n")
    tail = b"".join(chunk["raw"] for chunk in api.events.console(task, tail_lines=2)["chunks"])
    assert tail.endswith(b"line 48\nline 49\n")
    assert "line 49" in api.events.log(task, is_newest_first=True)[-1]["msg"]


def test_the_names_cache_keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "names"
    remember(cache, names_of([{"id": "a" * 32, "name": "first", "tags": ["base"]}], ["team"]))
    remember(cache, names_of([{"id": "b" * 32, "name": "two words"}, {"id": "c" * 32, "name": "bad\nname"}]))
    assert read_names(cache, "task") == ["b" * 8, "c" * 8, "a" * 8, "first"]
    assert (read_names(cache, "tag"), read_names(cache, "project")) == (["base"], ["team"])
    forget(cache, "task", ["first"])
    assert "first" not in read_names(cache, "task")
    remember(cache, {"task": [f"run{number}" for number in range(2000)]})
    assert len(read_names(cache, "task")) == 500
    assert [entry.name for entry in cache.parent.iterdir()] == ["names"]


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remember(tmp_path / "file" / "names", {"task": ["one"]})
    assert read_names(tmp_path / "file" / "names", "task") == []
