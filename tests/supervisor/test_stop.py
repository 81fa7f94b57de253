"""A stop that is asked for in the store ends the child, and the record says who stopped it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from mlops_cli.supervisor import processes, stopping

from .conftest import Recorded, python, wait_until

NAPS = "import time\nprint('it runs', flush=True)\ntime.sleep(60)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NAPS


def _started(recorded: Recorded, *argv: str) -> tuple[subprocess.Popen[bytes], str]:
    process = recorded.start(*argv)

    def task() -> str:
        found = [json.loads(path.read_text()) for path in recorded.runs.glob("*/recording.json")]
        return str(found[0]["task"]) if found and found[0].get("phase") == "running" else ""

    return process, wait_until(task, "the record")


def _mlops(*args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "mlops_cli", *args], capture_output=True, check=False, timeout=30)


def test_a_stop_from_elsewhere_ends_the_child_and_says_who_asked(recorded: Recorded) -> None:
    process, task = _started(recorded, *python(NAPS))
    done = _mlops("stop", task, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stopped": [task]}), done.stderr
    assert process.wait(15) == 128 + signal.SIGTERM
    found = recorded.task()
    assert found["status"] == "stopped"
    assert found["status_reason"].startswith("stopped by ")
    assert recorded.live() == []
    assert recorded.console(task) == b"it runs\n"
    again = _mlops("stop", task)
    assert again.returncode == 1
    assert b"does not run" in again.stderr


def test_stop_now_kills_what_would_not_listen(recorded: Recorded) -> None:
    process, task = _started(recorded, *python(STUBBORN))
    assert _mlops("stop", task, "--now").returncode == 0
    assert process.wait(9) == 128 + signal.SIGKILL, "sooner than the time of grace"
    assert recorded.task()["status"] == "stopped"


def test_what_the_child_started_ends_with_it_and_an_adopted_run_listens_too(recorded: Recorded) -> None:
    below = recorded.cwd / "below"
    script = f"sh -c 'echo $$ > {below}; sleep 60' & wait"
    process, task = _started(recorded, "sh", "-c", script)
    wait_until(lambda: below.exists() and below.read_text().strip(), "the child's child")
    grandchild = processes.identify(int(below.read_text()))
    process.kill()
    process.wait()
    assert recorded.settle().adopted
    recorded.api.tasks.stop(task)
    wait_until(lambda: not recorded.live(), "the end", timeout=20)
    assert not grandchild.is_alive()
    assert recorded.task()["status"] == "stopped"


def test_a_worker_of_an_agent_is_asked_by_the_message_alone(recorded: Recorded) -> None:
    process, task = _started(recorded, *python(NAPS))
    recorded.api.tasks.update(task, {"status_message": "stopping"})
    assert process.wait(15) == 128 + signal.SIGTERM
    found = recorded.task()
    assert (found["status"], found["status_reason"]) == ("stopped", "stopped by tasks.stop")


def test_a_program_of_the_sdk_is_stopped_too(recorded: Recorded) -> None:
    script = recorded.cwd / "train.py"
    script.write_text("import mlops_cli\nrun = mlops_cli.init()\nprint(run.id, flush=True)\n" + NAPS)
    process = subprocess.Popen([sys.executable, str(script)], cwd=recorded.cwd, stdout=subprocess.PIPE)
    task = wait_until(lambda: recorded.tasks() if (recorded.home / "store.db").exists() else None, "the task")[0]
    wait_until(lambda: recorded.task()["status"] == "in_progress", "the start")
    recorded.api.tasks.stop(task["id"], reason="stopped by somebody")
    assert process.wait(15) == -signal.SIGTERM
    wait_until(lambda: not recorded.live(), "the end")
    assert (recorded.task()["status"], recorded.task()["status_reason"]) == ("stopped", "stopped by somebody")
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize(
    ("status", "reason", "message", "means"),
    [
        ("in_progress", "", "", ""),
        ("in_progress", "", "stopping", "stopped by tasks.stop"),
        ("in_progress", "enough", "stopping", "enough"),
        ("stopped", "enough", "", "enough"),
        ("stopped", "", "", "stopped in the store"),
        ("failed", "", "", "failed in the store"),
        ("created", "reset", "reset", ""),
        ("queued", "", "", ""),
        ("stopped", "", "Aborted: non-responsive", ""),
    ],
)
def test_what_a_state_asks_for(status: str, reason: str, message: str, means: str) -> None:
    assert stopping.asked({"status": status, "status_reason": reason, "status_message": message}) == means
