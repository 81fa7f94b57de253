"""Pipes that close, terminals that are not there, and everything in between: a person's shell at its worst."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import SCRIPTS, Mlops


def _shell(mlops: Mlops, line: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=mlops.cwd,
        env=mlops.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_a_reader_that_has_enough_ends_a_program_quietly(mlops: Mlops) -> None:
    done = _shell(mlops, "mlops run yes | head -n 2")
    assert done.stdout == b"y\ny\n"
    assert b"Traceback" not in done.stderr
    assert b"Broken pipe" not in done.stderr
    task = mlops.show()
    assert (task["status"], task["status_reason"]) == ("stopped", "output closed")
    assert mlops.live() == []


def test_a_reader_that_has_enough_ends_our_own_output_quietly(mlops: Mlops) -> None:
    mlops.ok("run", "seq", "200000")
    for line in ("mlops logs @latest --all", "mlops logs @latest --raw --all", "mlops ls --json", "mlops show @latest"):
        done = _shell(mlops, f"{line} | head -c 1")
        assert len(done.stdout) == 1
        assert done.stderr == b"", line


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_reach_the_program_as_they_are(mlops: Mlops, closed: str) -> None:
    code = "import os, sys; open('ran', 'w').write('x'); os.write(3, b'x') if 0 else None; sys.exit(5)"
    (mlops.cwd / "code.py").write_text(code)
    done = _shell(mlops, f"{SCRIPTS}/mlops run python code.py {closed}; echo code $?")
    assert b"code 5" in done.stdout
    assert (mlops.cwd / "ran").exists()
    task = mlops.show()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 5")
    assert mlops.live() == []


def test_without_any_terminal_as_a_daemon_starts_it(mlops: Mlops) -> None:
    code = "import sys, os; print(sys.stdin.isatty(), sys.stdout.isatty(), os.environ.get('COLUMNS')); input()"
    done = _shell(mlops, f"setsid mlops run python -c {shlex.quote(code)} < /dev/null > out 2> err &\nwait $!; echo $?")
    assert done.stdout == b"1\n"
    assert (mlops.cwd / "out").read_text() == "False False None\n"
    assert "EOFError" in (mlops.cwd / "err").read_text()
    assert mlops.show()["status_reason"].startswith("exit code 1: EOFError")


def test_stdout_and_stderr_stay_apart_and_in_order(mlops: Mlops) -> None:
    code = "import sys\nfor n in range(500): print(n, flush=True); print(-n, file=sys.stderr, flush=True)"
    done = mlops.ok("run", sys.executable, "-c", code)
    assert done.out.split() == [b"%d" % n for n in range(500)]
    assert done.err.split()[:500] == [b"%d" % -n for n in range(500)]
    both = _shell(mlops, f"mlops -q run python -c {shlex.quote(code)} 2>&1")
    wanted = [word for n in range(500) for word in (b"%d" % n, b"%d" % -n)]
    assert both.stdout.split()[:1000] == wanted


def test_what_is_typed_reaches_the_program(mlops: Mlops) -> None:
    process = mlops.start("run", "cat", stdin=subprocess.PIPE)
    out, _ = process.communicate(b"\x00\xff\r\n" * 100_000, timeout=30)
    assert out == b"\x00\xff\r\n" * 100_000
    assert mlops.ok("logs", "@latest", "--raw", "--all").out == out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_person_who_stops_a_run_finds_it_stopped(mlops: Mlops, number: signal.Signals) -> None:
    process = mlops.start("run", sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert mlops.show()["status"] == "stopped"
    assert mlops.live() == []


def test_the_supervisor_is_killed_and_the_run_goes_on_to_its_end(mlops: Mlops) -> None:
    code = (
        "import time\nfor step in range(40):\n    print(f'step={step} loss={step}', flush=True)\n    time.sleep(0.05)"
    )
    process = mlops.start("run", sys.executable, "-c", code)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    deadline = time.monotonic() + 20
    while not mlops.ok("status", "--json").json["running"][0]["task"]:
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    rows = mlops.ok("ls", "--json").json
    assert [row["status"] for row in rows] == ["in_progress"]
    while mlops.live():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    task = mlops.show()
    assert (task["status"], task["status_reason"]) == ("completed", "completed")
    assert mlops.curve() == [(step, float(step)) for step in range(40)]
    assert len(mlops.tasks()) == 1


def test_everything_is_killed_and_the_next_command_settles_it(mlops: Mlops) -> None:
    code = "import time, sys\nprint('step=1 loss=0.5', flush=True)\ntime.sleep(60)"
    process = mlops.start("run", sys.executable, "-c", code)
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 20
    while not (running := mlops.ok("status", "--json").json["running"]) or not running[0]["task"]:
        assert time.monotonic() < deadline
    folder = mlops.home / "runs" / mlops.live()[0]
    child = int(_json(folder / "child.json")["pid"])
    process.kill()
    os.kill(child, signal.SIGKILL)
    process.wait()
    while mlops.ok("ls", "--json").json[0]["status"] == "in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    task = mlops.show()
    assert (task["status"], task["status_reason"]) == ("failed", "killed by SIGKILL")
    assert mlops.curve() == [(1, 0.5)]


def _json(path: Path) -> dict[str, object]:
    import json

    found: dict[str, object] = json.loads(path.read_text())
    return found
