"""What a run wrote is not the next run's code."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from mlops_cli.code import status as git
from mlops_cli.supervisor import footprints

from .conftest import Recorded, python

WRITES = "open('out.csv', 'w').write('1,2'); open('café.joblib', 'wb').write(b'x')"


def _repository(folder: Path) -> Path:
    (folder / "train.py").write_text(WRITES)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def test_the_outputs_of_a_run_are_no_code_of_the_next(recorded: Recorded) -> None:
    _repository(recorded.cwd)
    trees = []
    for _ in range(3):
        assert recorded(*python(WRITES)).returncode == 0
        newest = max(recorded.tasks(), key=lambda task: task["started"])
        (code,) = [item for item in newest["execution"]["artifacts"] if item["key"] == "code"]
        trees.append(dict(code["display_data"])["tree"])
    assert len(set(trees)) == 1
    assert "out.csv: not code: an earlier run wrote it" in newest["runtime"]["mlops_notes"]
    assert "café.joblib: not code" in newest["runtime"]["mlops_notes"]


def test_an_output_that_a_person_edits_is_code_again(recorded: Recorded) -> None:
    _repository(recorded.cwd)
    recorded(*python(WRITES))
    (recorded.cwd / "out.csv").write_text("3,4,5")
    recorded("true")
    newest = max(recorded.tasks(), key=lambda task: task["started"])
    notes = newest["runtime"]["mlops_notes"]
    assert "café.joblib: not code" in notes
    assert "out.csv" not in notes


def test_without_a_repository_outputs_are_no_code_either(recorded: Recorded) -> None:
    (recorded.cwd / "train.py").write_text("open('found.json', 'w').write('{}')")
    keys = []
    for _ in range(2):
        assert recorded("python3", "train.py").returncode == 0
        newest = max(recorded.tasks(), key=lambda task: task["started"])
        keys.append([item["key"] for item in (newest["execution"].get("artifacts") or []) if item["key"] == "code"])
    assert keys == [[], []]


def test_without_a_repository_what_the_run_writes_while_it_is_captured_is_no_code(recorded: Recorded) -> None:
    (recorded.cwd / "helper.py").write_text("LR = 1")
    (recorded.cwd / "train.sh").write_text("echo '{}' > made.json; cp -p helper.py copied.py; sleep 0.5")
    assert recorded("sh", "train.sh").returncode == 0
    task = recorded.task()
    (code,) = [item for item in task["execution"]["artifacts"] if item["key"] == "code"]
    with tarfile.open(code["uri"].removeprefix("file://")) as tar:
        assert sorted(tar.getnames()) == ["helper.py", "train.sh"]
    assert "made.json: not code: it was changed since the run began" in task["runtime"]["mlops_notes"]


def _status(top: Path) -> git.Status:
    status = git.start(top).wait()
    assert status is not None
    return status


def _remembered(tmp_path: Path, *names: str) -> tuple[Path, Path]:
    top, data = tmp_path / "top", tmp_path / "data"
    top.mkdir()
    _repository(top)
    for name in names:
        (top / name).write_text("written")
    footprints.remember(data, top, [str(top / name) for name in names], ended_at=time.time())
    return top, data


def test_a_committed_file_stays_code_whoever_writes_it(tmp_path: Path) -> None:
    top, data = _remembered(tmp_path, "train.py", "out.csv")
    status, left = footprints.without(_status(top), data)
    assert left == ("out.csv",)
    assert [change.path for change in status.changes] == [b"train.py"]


def test_a_file_that_the_starting_run_writes_anew_is_still_an_output(tmp_path: Path) -> None:
    top, data = _remembered(tmp_path, "out.csv")
    status = _status(top)
    (top / "out.csv").write_text("written by the run that has just begun")
    os.utime(top / "out.csv", ns=(status.finished_ns + 1, status.finished_ns + 1))
    assert footprints.without(status, data)[1] == ("out.csv",)


def test_what_was_edited_before_a_late_end_is_not_remembered(tmp_path: Path) -> None:
    top, data = tmp_path / "top", tmp_path / "data"
    top.mkdir()
    (top / "out.csv").write_text("edited since")
    footprints.remember(data, top, [str(top / "out.csv")], ended_at=time.time() - 60)
    assert footprints.read(data, top) == {}


def test_files_elsewhere_links_and_folders_are_not_remembered(tmp_path: Path) -> None:
    top, data = tmp_path / "top", tmp_path / "data"
    (top / "folder").mkdir(parents=True)
    (tmp_path / "other").write_text("x")
    (top / "link").symlink_to(tmp_path / "other")
    paths = [top / "folder", top / "link", tmp_path / "other", top / "absent"]
    footprints.remember(data, top, [*map(str, paths), "nul\0"], ended_at=time.time())
    assert footprints.read(data, top) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"top": 1}',
        '{"top": "TOP", "files": []}',
        '{"top": "TOP", "files": {"a": [1]}}',
        "[" * 9999,
    ],
)
def test_a_broken_index_is_an_empty_one(tmp_path: Path, text: str) -> None:
    top, data = _remembered(tmp_path, "out.csv")
    (index,) = (data / "outputs").iterdir()
    index.write_text(text.replace("TOP", str(top)))
    assert footprints.without(_status(top), data)[1] == ()
    footprints.remember(data, top, [str(top / "out.csv")], ended_at=time.time())
    assert footprints.without(_status(top), data)[1] == ("out.csv",)


def test_the_index_is_bounded_and_forgets_what_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprints, "MAX_FILES", 3)
    top, data = _remembered(tmp_path, "a", "b")
    (top / "a").unlink()
    for name in "cdef":
        (top / name).write_text(name)
    footprints.remember(data, top, [str(top / name) for name in "cdef"], ended_at=time.time())
    assert len(footprints.read(data, top)) == 3
    (index,) = (data / "outputs").iterdir()
    assert str(top / "a") not in json.loads(index.read_text())["files"]


def test_a_name_that_is_no_utf8_is_remembered(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.csv")
    top, data = _remembered(tmp_path, name)
    assert footprints.without(_status(top), data)[1] == (name,)


def test_a_name_that_no_file_can_have_does_not_stop_the_record(recorded: Recorded) -> None:
    code = (
        "import os; from mlops_cli.hook.records import Writer; writer = Writer(os.environ['MLOPS_RUN_DIR'], 'odd');"
        "writer.note({'k': 'open', 'mode': 'w', 'path': os.getcwd() + '/a\\0b/c'}); writer.close()"
    )
    assert recorded(*python(code)).returncode == 0
    assert recorded.task()["status"] == "completed"
    assert recorded.live() == []
