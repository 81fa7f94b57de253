"""Whatever a program notes about itself, its run ends, and what is right is recorded."""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_cli.errors import InvalidInput, NotFound, Unreachable
from mlops_cli.hook import records
from mlops_cli.supervisor import pieces

from .conftest import Recorded

CODE = f"""
import os, sys
sys.path.insert(0, {str(Path(records.__file__).parent)!r})
import records
"""

NOTES = r"""
open("some.bin", "wb").write(b"x")
here = os.path.abspath("some.bin")
writer = records.Writer(os.environ["MLOPS_RUN_DIR"], "odd")
names = ["", " ", "\0", "a\0b", "\ud800", "x" * 5000, "a/b", "../x", ".", "..", "a.b.$c", "\n", "é" * 300]
for name in names:
    writer.note({"k": "artifact", "name": name, "path": here, "file": name, "meta": {name: name}})
    writer.note({"k": "artifact", "name": "at " + name, "path": name, "meta": name})
    writer.note({"k": "model", "path": here + name, "name": name, "framework": name, "by": "sdk", "meta": {name: name}})
    writer.note({"k": "params", "section": name, "source": "x", "items": {name: {"value": name, "type": name}}})
    writer.note({"k": "configuration", "name": name, "text": name})
    writer.note({"k": "open", "path": name, "mode": "r"})
    writer.note({"k": "open", "path": name, "mode": "w"})
    writer.note({"k": "summary", "name": name, "value": name})
    writer.note({"k": "summary", "name": name, "value": 1})
    writer.note({"k": "text", "metric": name, "variant": name, "text": name})
    writer.note({"k": "image", "metric": name, "variant": name, "path": name})
    writer.note({"k": "plot", "metric": name, "variant": name, "plot": {name: name}})
    writer.note({"k": "console", "level": name, "text": name})
    writer.note({"k": "tensorboard", "path": name})
    writer.note({"k": "left_out", "what": name, "why": name})
    writer.scalar(name, name, 1, 1.0)
writer.scalar("loss", "loss", 7, 0.5)
writer.note({"k": "artifact", "name": "good", "path": here, "file": "some.bin"})
writer.note({"k": "params", "section": "Args", "source": "x", "items": {"lr": {"value": 0.1, "type": "float"}}})
writer.close()
"""


def test_hostile_notes_cost_only_themselves(recorded: Recorded) -> None:
    done = recorded(sys.executable, "-c", CODE + NOTES, drain_s=20.0)
    assert done.returncode == 0, done.stderr
    assert recorded.live() == [], done.stderr
    task = recorded.task()
    assert task["status"] == "completed"
    assert "good" in [item["key"] for item in task["execution"]["artifacts"]]
    assert task["hyperparams"]["Args"]["lr"]["value"] == "0.1"
    assert [event["iter"] for event in recorded.api.events.points(task["id"], "loss")] == [7]
    assert "File name too long" in task["runtime"]["mlops_notes"] or "no file can" in task["runtime"]["mlops_notes"]


def test_a_hostile_name_of_the_run_itself_is_no_obstacle(recorded: Recorded) -> None:
    for spec in ({"name": "\0"}, {"project": "a//b"}, {"tags": ["", "\0", "x" * 5000]}, {"comment": "\0" * 99}):
        done = recorded("true", drain_s=20.0, **spec)
        assert done.returncode == 0, (spec, done.stderr)
        assert recorded.live() == [], (spec, done.stderr)
    assert {task["status"] for task in recorded.tasks()} == {"completed"}


def test_only_what_is_wrong_is_left_out() -> None:
    taken: list[int] = []

    def call(items: list[int]) -> None:
        if any(item % 7 == 3 for item in items):
            raise InvalidInput("three")
        taken.extend(items)

    left_out: dict[str, str] = {}
    pieces.send(call, range(20), str, left_out)
    assert sorted([*taken, *map(int, left_out)]) == list(range(20))
    assert set(left_out) == {"3", "10", "17"}


def test_a_store_that_is_away_and_a_task_that_is_gone_leave_nothing_out() -> None:
    assert not pieces.is_wrong(Unreachable("away"))
    assert not pieces.is_wrong(NotFound("no such task", subcode=101))
    assert pieces.is_wrong(NotFound("no such file"))
