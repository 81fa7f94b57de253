"""What the dead left is adopted or settled, once, with the state that it deserves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from mlops_cli.spool.folder import RunFolder
from mlops_cli.supervisor import processes

from .conftest import Recorded, python, wait_until

COUNT = "import time\nfor step in range({n}): print(f'step={{step}} loss={{step}}', flush=True); time.sleep(0.05)"


def _running(recorded: Recorded, process: subprocess.Popen[bytes]) -> Path:
    def phase() -> str:
        found = [path / "recording.json" for path in recorded.folders()]
        return json.loads(found[0].read_text()).get("phase", "") if found and found[0].exists() else ""

    wait_until(lambda: phase() == "running", "the record")
    assert process.poll() is None
    (folder,) = recorded.folders()
    return folder


def test_a_living_child_is_adopted_and_recorded_to_its_end(recorded: Recorded) -> None:
    process = recorded.start(*python(COUNT.format(n=30)))
    folder = _running(recorded, process)
    process.kill()
    process.wait()
    settled = recorded.settle()
    assert settled.adopted == (folder.name,)
    wait_until(lambda: not recorded.live(), "the end", timeout=20)
    task = recorded.task()
    assert (task["status"], task["status_reason"]) == ("completed", "completed")
    assert [event["iter"] for event in recorded.api.events.points(task["id"], "loss")] == list(range(30))
    assert recorded.console(task["id"]) == b"".join(b"step=%d loss=%d\n" % (step, step) for step in range(30))


def test_how_far_the_console_was_read_is_kept_once_and_not_each_second(recorded: Recorded) -> None:
    process = recorded.start(*python(COUNT.format(n=80)))
    folder = _running(recorded, process)

    def mark() -> int:
        noted = json.loads((folder / "recording.json").read_text()).get("marks") or {}
        return int(noted.get(str(folder / "console" / "out"), 0))

    wait_until(lambda: mark() > 0, "the first mark")
    first = mark()
    wait_until(lambda: mark() > first, "the next mark")
    assert not (folder / "notes.jsonl").exists() or "mark" not in (folder / "notes.jsonl").read_text()
    process.kill()
    process.wait()
    recorded.settle()
    wait_until(lambda: not recorded.live(), "the end", timeout=20)
    task = recorded.task()
    assert [event["iter"] for event in recorded.api.events.points(task["id"], "loss")] == list(range(80))


def test_a_child_that_died_with_its_supervisor_is_settled_as_vanished(recorded: Recorded) -> None:
    process = recorded.start(*python(COUNT.format(n=200)))
    folder = _running(recorded, process)
    note = json.loads((folder / "child.json").read_text())
    for pid in (process.pid, note["waiter"]["pid"], note["pid"]):
        os.kill(pid, 9)
    process.wait()
    wait_until(lambda: not processes.from_json(note).is_alive(), "the child's death")
    assert recorded.settle().settled == (folder.name,)
    assert (recorded.task()["status"], recorded.task()["status_reason"]) == ("failed", "vanished")
    assert recorded.settle() == type(recorded.settle())()


def test_a_child_that_ended_after_its_supervisor_gets_its_own_state(recorded: Recorded) -> None:
    process = recorded.start("sh", "-c", "sleep 0.6; exit 7")
    folder = _running(recorded, process)
    process.kill()
    process.wait()
    wait_until((folder / "exit.json").exists, "the child's end")
    time.sleep(0.05)
    assert recorded.settle().settled == (folder.name,)
    assert (recorded.task()["status"], recorded.task()["status_reason"]) == ("failed", "exit code 7")


def test_a_reboot_is_told(recorded: Recorded) -> None:
    process = recorded.start("sleep", "30")
    folder = _running(recorded, process)
    note = json.loads((folder / "child.json").read_text())
    for pid in (process.pid, note["waiter"]["pid"], note["pid"]):
        os.kill(pid, 9)
    process.wait()
    (folder / "child.json").write_text(json.dumps({**note, "boot": "another"}))
    assert recorded.settle().settled == (folder.name,)
    assert recorded.task()["status_reason"] == "vanished: host rebooted"


def test_a_run_of_another_host_is_left_alone(recorded: Recorded) -> None:
    folder = RunFolder.create(recorded.runs)
    folder.write_json("child.json", {**processes.to_json(processes.identify(1)), "host": "elsewhere"})
    settled = recorded.settle()
    assert settled.left == ((folder.run_id, "it belongs to the host elsewhere"),)
    assert recorded.live() == [folder.run_id]


def test_a_held_run_and_one_that_is_just_being_made_are_left_alone(recorded: Recorded) -> None:
    held, young, old = (RunFolder.create(recorded.runs) for _ in range(3))
    os.utime(old.path, (1, 1))
    with held.lock():
        recorded.settle()
    assert recorded.live() == sorted([held.run_id, young.run_id])
    assert not old.path.exists(), "nothing was ever started there"


def test_two_supervisors_never_hold_one_run(recorded: Recorded) -> None:
    process = recorded.start(*python(COUNT.format(n=30)))
    folder = _running(recorded, process)
    process.kill()
    process.wait()
    command = [sys.executable, "-m", "mlops_cli.supervisor", "adopt", str(folder)]
    started = [subprocess.Popen(command) for _ in range(4)]
    assert [one.wait(30) for one in started] == [0] * 4
    task = recorded.task()
    assert task["status"] == "completed"
    assert [event["iter"] for event in recorded.api.events.points(task["id"], "loss")] == list(range(30))


def test_a_wrong_call_says_how(recorded: Recorded) -> None:
    done = subprocess.run([sys.executable, "-m", "mlops_cli.supervisor"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"adopt|attach FOLDER" in done.stderr
