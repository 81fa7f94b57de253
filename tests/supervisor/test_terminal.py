"""On a terminal: what a person sees and types is as it would be without us."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Bare, Screen, wait_until

TTYS = "import os; print([os.isatty(fd) for fd in (0, 1, 2)], os.getpgrp() == os.getpid())"


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """`script(code)` is the path of a file with that code, without a character that a shell minds."""

    def write(code: str) -> str:
        path = tmp_path / f"s{len(list(tmp_path.glob('s*.py')))}.py"
        path.write_text(code)
        return str(path)

    return write


def test_all_three_are_terminals(screen: Callable[..., Screen], bare: Bare, script: Callable[[str], str]) -> None:
    window = screen(*bare.command, sys.executable, script(TTYS))
    window.wait_for("[True, True, True] True")
    assert window.end() == 0


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ("", "True, True, True"),
        ("2>{file}", "True, True, False"),
        ("</dev/null", "False, True, True"),
        ("</dev/null 2>{file}", "False, True, False"),
    ],
)
def test_isatty_of_each_descriptor_is_as_without_us(
    shell: Screen, bare: Bare, script: Callable[[str], str], tmp_path: Path, redirect: str, expected: str
) -> None:
    shell.type(f"{bare.line} {sys.executable} {script(TTYS)} {redirect.format(file=tmp_path / 'err')}\n")
    shell.wait_for(f"[{expected}]")


def test_stdout_in_a_pipe_leaves_the_others_terminals(shell: Screen, bare: Bare, script: Callable[[str], str]) -> None:
    shell.type(f"{bare.line} {sys.executable} {script(TTYS)} | cat\n")
    shell.wait_for("[True, False, True]")


def test_in_the_background_all_are_still_terminals(shell: Screen, bare: Bare, script: Callable[[str], str]) -> None:
    shell.type(f"{bare.line} {sys.executable} {script(TTYS)} &\n")
    shell.wait_for("[True, True, True]")
    shell.wait_for("\n")
    shell.type("wait; echo done:$?\n")
    shell.wait_for("done:0")


def test_stdout_in_a_pipe_and_stderr_on_the_terminal_arrive(shell: Screen, bare: Bare) -> None:
    shell.type(f"{bare.line} sh -c 'echo o_ut; echo e_rr >&2' | tr _ +\n")
    shown = shell.wait_for("$ ")
    while "o+ut" not in shown or "e_rr\r\n" not in shown:
        shown += shell.wait_for("\n")


def test_the_terminal_is_restored_and_the_code_is_the_childs(shell: Screen, bare: Bare) -> None:
    shell.type(f"stty -g; {bare.line} sh -c 'stty raw; exit 5'; echo code:$?; stty -g\n")
    shell.wait_for("\r\n")
    before = shell.wait_for("\n").strip()
    shell.wait_for("code:5\r\n")
    assert shell.wait_for("\n").strip() == before


def test_the_interrupt_key_reaches_the_child_once(shell: Screen, bare: Bare, script: Callable[[str], str]) -> None:
    code = (
        "import os, signal, time\n"
        "def note(*_): os.write(1, b'got one\\n')\n"
        "signal.signal(signal.SIGINT, note)\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 1.2\n"
        "while time.monotonic() < end: time.sleep(0.05)\n"
        "print('over')\n"
    )
    shell.type(f"{bare.line} {sys.executable} {script(code)}\n")
    shell.wait_for("ready")
    shell.type("\x03")
    shown = shell.wait_for("over")
    assert shown.count("got one") == 1


def test_the_interrupt_key_reaches_a_child_behind_a_pipe_once(
    shell: Screen, bare: Bare, script: Callable[[str], str]
) -> None:
    code = (
        "import os, signal, sys, time\n"
        "def note(*_): os.write(2, b'got one\\n')\n"
        "signal.signal(signal.SIGINT, note)\n"
        "print('ready', file=sys.stderr, flush=True)\n"
        "end = time.monotonic() + 1.2\n"
        "while time.monotonic() < end: time.sleep(0.05)\n"
        "print('over', file=sys.stderr)\n"
    )
    shell.type(f"{bare.line} {sys.executable} {script(code)} | (trap '' INT; cat)\n")
    shell.wait_for("ready")
    shell.type("\x03")
    shown = shell.wait_for("over")
    assert shown.count("got one") == 1
    shell.wait_for("$ ")
    assert bare.ending["received"] == [signal.SIGINT]


def test_the_stop_key_stops_us_and_fg_resumes_both(shell: Screen, bare: Bare) -> None:
    shell.type("stty -g\n")
    shell.wait_for("\n")
    before = shell.wait_for("\n").strip()
    shell.wait_for("$ ")
    shell.type(f"{bare.line} cat\n")
    shell.wait_for("cat\r\n")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    shell.type("one\n")
    shell.wait_for("one\r\none\r\n")
    shell.type("\x1a")
    shell.wait_for("Stopped")
    shell.wait_for("$ ")
    shell.type("stty -g\n")
    shell.wait_for("\n")
    assert shell.wait_for("\n").strip() == before, "the terminal is the shell's again"
    assert _state(bare.json("child.json")["pid"]) == "T"
    shell.wait_for("$ ")
    shell.type("fg\n")
    shell.wait_for("cat\r\n")
    shell.type("two\n")
    shell.wait_for("two\r\ntwo\r\n")
    shell.type("\x04")
    shell.wait_for("$ ")
    shell.type("echo code:$?\n")
    shell.wait_for("code:0")


def test_bg_lets_the_child_run_on_and_fg_brings_it_back(
    shell: Screen, bare: Bare, script: Callable[[str], str]
) -> None:
    code = "import time\nprint('ready', flush=True)\ninput()\nprint('read it')\n"
    shell.type(f"{bare.line} {sys.executable} {script(code)}\n")
    shell.wait_for("ready")
    shell.type("\x1a")
    shell.wait_for("Stopped")
    shell.wait_for("$ ")
    shell.type("bg\n")
    shell.wait_for("$ ")
    shell.type("echo shell reads\n")
    shell.wait_for("\nshell reads")
    shell.type("fg\n")
    shell.wait_for(".py\r\n")
    shell.type("hello\n")
    shell.wait_for("read it")
    shell.wait_for("$ ")


def test_a_stopped_child_behind_a_pipe_stops_the_job(shell: Screen, bare: Bare, script: Callable[[str], str]) -> None:
    code = "import sys, time\nprint('ready', file=sys.stderr, flush=True)\ntime.sleep(0.4)\nprint('done')\n"
    shell.type(f"{bare.line} {sys.executable} {script(code)} | cat\n")
    shell.wait_for("ready")
    shell.type("\x1a")
    shell.wait_for("Stopped")
    shell.type("fg\n")
    shell.wait_for("done")
    shell.wait_for("$ ")


def test_a_child_stopped_from_outside_stops_us_and_both_go_on(shell: Screen, bare: Bare) -> None:
    shell.type(f"{bare.line} sleep 0.8\n")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    child = bare.json("child.json")["pid"]
    wait_until(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n", "exec")
    os.kill(child, signal.SIGSTOP)
    shell.wait_for("Stopped")
    shell.type("fg; echo code:$?\n")
    shell.wait_for("code:0")


def test_the_window_size_is_handed_on(screen: Callable[..., Screen], bare: Bare, script: Callable[[str], str]) -> None:
    import fcntl
    import struct
    import termios

    code = (
        "import os, signal, time\n"
        "def tell(*_): os.write(1, b'now (%d, %d)\\n' % tuple(os.get_terminal_size()))\n"
        "signal.signal(signal.SIGWINCH, tell)\n"
        "print('first', tuple(os.get_terminal_size()), flush=True)\n"
        "end = time.monotonic() + 1\n"
        "while time.monotonic() < end: time.sleep(0.05)\n"
    )
    window = screen(*bare.command, sys.executable, script(code))
    window.wait_for("first")
    fcntl.ioctl(window.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    window.wait_for("now (101, 33)")
    assert window.end() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_us_reaches_an_interactive_child_once(
    screen: Callable[..., Screen], bare: Bare, script: Callable[[str], str], signum: int
) -> None:
    code = (
        "import os, signal, time\n"
        "def note(number, _): os.write(1, b'got %d\\n' % number)\n"
        f"signal.signal({int(signum)}, note)\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 0.6\n"
        "while time.monotonic() < end: time.sleep(0.05)\n"
        "print('over')\n"
    )
    window = screen(*bare.command, sys.executable, script(code))
    window.wait_for("ready")
    os.kill(window.pid, signum)
    assert window.wait_for("over").count(f"got {int(signum)}") == 1
    assert window.end() == 0


def test_a_closed_window_hangs_up_on_the_child(screen: Callable[..., Screen], bare: Bare) -> None:
    window = screen(*bare.command, "sleep", "30")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    child = bare.json("child.json")["pid"]
    os.close(window.fd)
    window.fd = os.open(os.devnull, os.O_RDWR)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child's end")
    wait_until(lambda: (bare.runs / "ending").exists(), "the end")
    assert bare.ending["signal"] == signal.SIGHUP


def test_a_window_closed_on_a_stopped_child_ends_it(shell: Screen, bare: Bare) -> None:
    shell.type(f"{bare.line} sleep 30\n")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    child = bare.json("child.json")["pid"]
    wait_until(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n", "exec")
    os.kill(child, signal.SIGSTOP)
    shell.wait_for("Stopped")
    os.close(shell.fd)
    shell.fd = os.open(os.devnull, os.O_RDWR)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child's end")
    wait_until((bare.runs / "ending").exists, "our own end")


def test_killing_the_supervisor_ends_an_interactive_child_as_a_closed_window_does(
    screen: Callable[..., Screen], bare: Bare
) -> None:
    window = screen(*bare.command, "sleep", "30")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    os.kill(window.pid, signal.SIGKILL)
    wait_until(lambda: list(bare.runs.glob("*/exit.json")), "the exit note")
    assert bare.json("exit.json")["signal"] == signal.SIGHUP


def test_nohup_survives_the_terminal(shell: Screen, bare: Bare, tmp_path: Path) -> None:
    shell.type(f"cd {tmp_path}; nohup {bare.line} sh -c 'sleep 0.7; echo survived'\n")
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's start")
    os.kill(shell.pid, signal.SIGKILL)
    os.close(shell.fd)
    shell.fd = os.open(os.devnull, os.O_RDWR)
    wait_until(lambda: (bare.runs / "ending").exists(), "the end")
    assert bare.ending["code"] == 0
    assert "survived" in (tmp_path / "nohup.out").read_text()


@pytest.mark.skipif(shutil.which("vim") is None, reason="no vim here")
def test_vim_works(shell: Screen, bare: Bare, tmp_path: Path) -> None:
    target = tmp_path / "text"
    shell.type(f"{bare.line} vim -u NONE -n {target}\n")
    shell.wait_for("~")
    shell.type("ihello from vim\x1b:wq\r")
    shell.wait_for("$ ")
    assert target.read_text() == "hello from vim\n"
    shell.type("echo code:$?\n")
    shell.wait_for("code:0")


def test_a_job_left_in_the_background_of_an_interactive_child_lives_on(
    shell: Screen, bare: Bare, tmp_path: Path
) -> None:
    shell.type(f"{bare.line} sh -c '(sleep 0.5; touch {tmp_path}/lived) >/dev/null 2>&1 &'\n")
    shell.wait_for("$ ")
    wait_until((tmp_path / "lived").exists, "the job's end")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
