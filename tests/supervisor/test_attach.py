"""A run that began inside a program: its settings, and the death of the supervisor beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from mlops_cli.spool.folder import RunFolder

from .conftest import Recorded, wait_until

TRAIN = """
import os, sys, time
import mlops_cli
run = mlops_cli.init()
ledger = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
print(run.id, flush=True)
end = time.monotonic() + {seconds}
step = 0
while time.monotonic() < end:
    run.log({{"loss": step / 2}}, step=step)
    os.write(ledger, b"%d\\n" % step)
    step += 1
    if step % 50 == 0: time.sleep(0.002)
"""


def _train(recorded: Recorded, seconds: float) -> subprocess.Popen[bytes]:
    script = recorded.cwd / "train.py"
    script.write_text(TRAIN.format(seconds=seconds))
    return subprocess.Popen([sys.executable, str(script)], cwd=recorded.cwd, stdout=subprocess.PIPE)


def _ledger(recorded: Recorded) -> list[int]:
    return [int(line) for line in (recorded.cwd / "ledger").read_bytes().split()]


def test_the_settings_of_its_folder_hold(recorded: Recorded) -> None:
    (recorded.cwd / "mlops.toml").write_text('project = "vision/nets"\n[capture]\nenvironment = ["MY_OWN"]\n')
    os.environ["MY_OWN"] = "seen"
    process = _train(recorded, 0.2)
    try:
        assert process.wait(20) == 0
    finally:
        del os.environ["MY_OWN"]
    process.communicate()
    wait_until(lambda: not recorded.live(), "the end")
    task = recorded.task()
    (project,) = recorded.api.call("projects.get_all", {"id": [task["project"]]})["projects"]
    assert project["name"] == "vision/nets"
    assert "MY_OWN" in json.dumps({key: task[key] for key in ("hyperparams", "configuration", "runtime")})


def test_a_supervisor_that_is_killed_beside_a_program_is_followed_by_another(recorded: Recorded) -> None:
    process = _train(recorded, 3.0)
    folder = wait_until(lambda: next(iter(recorded.folders()), None), "the run")
    for _ in range(2):
        wait_until(lambda: _phase(folder) == "running", "the record")
        holder = wait_until(lambda: RunFolder(folder).holder().get("pid"), "a supervisor")
        os.kill(holder, signal.SIGKILL)
        wait_until(lambda: not RunFolder(folder).is_locked(), "its death")
        assert recorded.settle().adopted == (folder.name,)
        wait_until(lambda old=holder: RunFolder(folder).holder().get("pid") not in (None, old), "the next one")
    assert process.wait(20) == 0
    process.communicate()
    wait_until(lambda: recorded.settle() and not recorded.live(), "the end", timeout=20)
    task = recorded.task()
    assert task["status"] == "completed"
    assert [event["iter"] for event in recorded.api.events.points(task["id"], "loss")] == _ledger(recorded)


def _phase(folder: Path) -> str:
    return str((RunFolder(folder).read_json("recording.json") or {}).get("phase"))
