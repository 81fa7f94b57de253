"""Without a terminal: a signal reaches the child once, whether it was sent to us alone or to our whole group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from .conftest import Bare, wait_until

COUNTING = (
    "import os, signal, time\n"
    "def note(number, _): os.write(1, b'got %d\\n' % number)\n"
    "for number in (1, 2, 3, 10, 12, 15): signal.signal(number, note)\n"
    "print('ready', flush=True)\n"
    "end = time.monotonic() + 0.7\n"
    "while time.monotonic() < end: time.sleep(0.05)\n"
)
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


def _ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_to_the_supervisor_alone_is_handed_on(bare: Bare, signum: int) -> None:
    process = bare.start(sys.executable, "-c", COUNTING, stdout=subprocess.PIPE, process_group=0)
    _ready(process)
    process.send_signal(signum)
    out, _ = process.communicate(timeout=10)
    assert out == f"got {int(signum)}\n".encode()
    assert bare.ending["received"] == [signum]


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_to_the_group_is_not_doubled(bare: Bare, signum: int) -> None:
    process = bare.start(sys.executable, "-c", COUNTING, stdout=subprocess.PIPE, process_group=0)
    _ready(process)
    os.killpg(process.pid, signum)
    out, _ = process.communicate(timeout=10)
    assert out == f"got {int(signum)}\n".encode()


def test_an_ignored_hangup_stays_ignored_in_the_child(bare: Bare) -> None:
    process = subprocess.Popen(
        [*bare.command, "sh", "-c", "echo ready; sleep 0.4; exit 7"],
        stdout=subprocess.PIPE,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    _ready(process)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(10) == 7


def test_the_child_of_a_terminated_supervisor_is_waited_for(bare: Bare) -> None:
    process = bare.start(
        "sh", "-c", "trap 'echo saving; exit 9' TERM; echo ready; while :; do sleep 0.05; done", stdout=subprocess.PIPE
    )
    _ready(process)
    process.terminate()
    out, _ = process.communicate(timeout=10)
    assert (out, process.returncode) == (b"saving\n", 9)


def test_a_child_stopped_and_continued_from_outside_takes_us_along(bare: Bare) -> None:
    process = bare.start("sleep", "0.6")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's note")
    time.sleep(0.1)
    child = bare.json("child.json")["pid"]
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: _state(process.pid) == "T", "our stop")
    os.kill(child, signal.SIGCONT)
    assert process.wait(10) == 0


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
