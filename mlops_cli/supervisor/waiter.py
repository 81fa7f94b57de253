"""The waiter: a small process that is the child's parent, so that the supervisor's death does not touch the child.

It notes the child in `child.json`, waits, and leaves `exit.json`. It is forked from the young supervisor (no threads
yet): that costs a millisecond, where a second interpreter would cost ten. It also bears witness of signals: it shares
the supervisor's process group, so a signal that both got went to the group, and the child has it already.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import termios
import time
from collections.abc import Mapping
from typing import NoReturn, Protocol

from . import processes
from .launch import Command

FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""What a person or a scheduler may send to us and means for the child."""

STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_SYNC = signal.SIGRTMIN
_WATCHED = {*FORWARDED, signal.SIGCHLD, _SYNC}
BLOCKED = _WATCHED | set(STOPS)

_WITNESS_S = 1.0
"""How long the supervisor waits for the waiter's word; only a frozen waiter lets it pass."""


class Folder(Protocol):
    """What the waiter needs of a run folder."""

    def write_json(self, name: str, value: dict[str, object]) -> None: ...


class Waiter:
    """The supervisor's end: messages of the waiter, one word and one number each."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self.fd = fd
        self.child_pid = 0
        self.start_error = 0
        self.is_over = False
        self.exit: tuple[str, int] | None = None
        self._rest = b""
        self._seen: list[int] = []
        self._early: list[tuple[str, int]] = []
        self._synced = 0

    def wait_started(self) -> None:
        """Return when the child runs its program, or could not (`start_error`)."""
        early = []
        while not self.child_pid and not self.start_error and not self.is_over:
            early += self.messages(None)
        self._early = early

    def messages(self, timeout_s: float | None = 0) -> list[tuple[str, int]]:
        """What arrived: `stopped N`, `continued 0`. Sets `is_over` when the waiter has ended."""
        early, self._early = self._early, []
        if early or self.is_over:
            return early
        wait_ms = None if timeout_s is None else int(timeout_s * 1000)
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(wait_ms):
            return []
        data = os.read(self.fd, 65536)
        if not data:
            self.is_over = True
            return []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return [told for line in lines if (told := self._take(line)) is not None]

    def witnessed(self, signum: int) -> tuple[bool, list[tuple[str, int]]]:
        """Whether the waiter got this signal too, hence our whole group; and other messages that came meanwhile."""
        # The kernel reaches every member of a group before it lets the sender go on: a millisecond is plenty.
        time.sleep(0.001)
        wanted = self._synced + 1
        others: list[tuple[str, int]] = []
        try:
            os.kill(self.pid, _SYNC)
        except ProcessLookupError:
            return True, others
        deadline = time.monotonic() + _WITNESS_S
        while self._synced < wanted and not self.is_over and (left := deadline - time.monotonic()) > 0:
            others += self.messages(left)
        seen = signum in self._seen
        if seen:
            self._seen.remove(signum)
        return seen, others

    def reap(self) -> None:
        """Collect the ended waiter, so that it does not stay a zombie."""
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass
        os.close(self.fd)

    def _take(self, line: bytes) -> tuple[str, int] | None:
        word, _, number = line.decode().partition(" ")
        value = int(number)
        if word == "pid":
            self.child_pid = value
        elif word == "failed":
            self.start_error = value
        elif word in ("exited", "killed"):
            self.exit = (word, value)
        elif word == "seen":
            self._seen.append(value)
        elif word == "sync":
            self._synced += 1
        else:
            return word, value
        return None


def start(
    command: Command,
    *,
    env: Mapping[str, str],
    stdio: tuple[int, int, int],
    folder: Folder,
    terminal: int | None = None,
) -> Waiter:
    """Start a command with these descriptors; with `terminal` (a pty's slave) in a session of its own on that terminal.

    The caller's BLOCKED signals stay blocked: it installs its handlers and unblocks them.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    end, start_of = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_waiter(command, env, stdio, folder, terminal, start_of, mask)
    os.close(start_of)
    waiter = Waiter(pid, end)
    waiter.wait_started()
    if not waiter.child_pid and not waiter.start_error:
        waiter.start_error = errno.EAGAIN  # no process could be made
    return waiter


def unblock() -> None:
    """Let signals through again after `start`, once the handlers stand (or the start failed)."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)


def _be_waiter(
    command: Command,
    env: Mapping[str, str],
    stdio: tuple[int, int, int],
    folder: Folder,
    terminal: int | None,
    told: int,
    mask: set[int] | set[signal.Signals],
) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        supervisor = os.getppid()
        if terminal is not None:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        gate, open_gate = os.pipe()
        failed, fail = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(open_gate)
            _be_child(command, env, stdio, terminal, gate, fail, mask)
        os.close(fail)
        _note_child(folder, child)
        # Only now may the child run: a child without its record could never be adopted.
        os.write(open_gate, b"g")
        stopped = _await_exec(child, failed)
        error = os.read(failed, 16)
        if stopped:
            os.kill(child, stopped)
        _tell(told, f"failed {int(error)}" if error else f"pid {child}")
        _keep_only(told, terminal)
        _wait(child, folder, told, terminal, supervisor)
    finally:
        os._exit(0)


def _be_child(
    command: Command,
    env: Mapping[str, str],
    stdio: tuple[int, int, int],
    terminal: int | None,
    gate: int,
    fail: int,
    mask: set[int] | set[signal.Signals],
) -> NoReturn:
    try:
        if terminal is not None:
            # A group of its own below the waiter's session: the group of a session's leader is orphaned, and the
            # kernel would discard its `^Z`.
            os.setpgid(0, 0)
            os.tcsetpgrp(terminal, os.getpid())
        if os.read(gate, 1) != b"g":
            os._exit(125)
        _place(stdio)
        # Python ignores these two at its start; a program that we start expects them as the shell leaves them.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _execute(command, env)
    except OSError as exc:
        os.write(fail, str(exc.errno or errno.EIO).encode())
    finally:
        os._exit(127)


def _await_exec(child: int, failed: int) -> int:
    """Return when the program runs or could not be; the signal that tried to stop the child before, else 0.

    A `^Z` in this first moment would stop what is still our own code, with nobody to tell.
    """
    poll = select.poll()
    poll.register(failed, select.POLLIN)
    stopped = 0
    while not poll.poll(10):
        found = os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOHANG)
        if found is not None:
            stopped = found.si_status
            os.kill(child, signal.SIGCONT)
    return stopped


def _execute(command: Command, env: Mapping[str, str]) -> None:
    try:
        os.execve(command.program, list(command.words), dict(env))  # noqa: S606
    except OSError as exc:
        if exc.errno != errno.ENOEXEC:
            raise
    # A script without its `#!` line: every shell runs it by itself, so does execvp of the C library.
    os.execve("/bin/sh", ["/bin/sh", command.program, *command.words[1:]], dict(env))  # noqa: S606


def _place(stdio: tuple[int, int, int]) -> None:
    # First out of the way: a source may be a target of another.
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in stdio]
    for target, copy in enumerate(copies):
        os.dup2(copy, target)


def _note_child(folder: Folder, child: int) -> None:
    noted: dict[str, object] = dict(processes.to_json(processes.identify(child)))
    noted["waiter"] = processes.to_json(processes.identify(os.getpid()))
    noted["started_at"] = time.time()
    with contextlib.suppress(OSError):  # on a full disk nobody could adopt the child, but it runs
        folder.write_json("child.json", noted)


def _keep_only(told: int, terminal: int | None) -> None:
    # The lock of the run and the reader of our output must not be held by the waiter.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    kept = sorted(fd for fd in (told, terminal) if fd is not None and fd > 2)
    low = 3
    for fd in kept:
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 65536)


def _wait(child: int, folder: Folder, told: int, terminal: int | None, supervisor: int) -> None:
    while True:
        signum = signal.sigwaitinfo(_WATCHED).si_signo
        if signum == signal.SIGCHLD:
            if _look(child, folder, told, supervisor):
                break
        elif signum == _SYNC:
            # Pending signals are handed out lowest first, so everything before this one has been told.
            _tell(told, "sync 0")
        elif signum == signal.SIGHUP and terminal is not None:
            # We lead the session: the terminal's other end is gone, as when a window is closed.
            _signal_group(child, signal.SIGHUP)
            _signal_group(child, signal.SIGCONT)
        else:
            _tell(told, f"seen {signum}")
    if terminal is not None:
        # The end of a session's leader hangs up on the foreground group; what the child left behind is not to suffer.
        try:
            os.tcsetpgrp(terminal, os.getpgrp())
        except OSError:
            pass


def _look(child: int, folder: Folder, told: int, supervisor: int) -> bool:
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            _tell(told, f"stopped {os.WSTOPSIG(status)}")
        elif os.WIFCONTINUED(status):
            _tell(told, "continued 0")
            if os.getppid() == supervisor:
                os.kill(supervisor, signal.SIGCONT)
        else:
            killed = os.WIFSIGNALED(status)
            _tell(told, f"killed {os.WTERMSIG(status)}" if killed else f"exited {os.WEXITSTATUS(status)}")
            _note_exit(folder, status)
            return True


def _note_exit(folder: Folder, status: int) -> None:
    killed = os.WIFSIGNALED(status)
    with contextlib.suppress(OSError):
        folder.write_json(
            "exit.json",
            {
                "code": None if killed else os.WEXITSTATUS(status),
                "signal": os.WTERMSIG(status) if killed else None,
                "ended_at": time.time(),
            },
        )


def _signal_group(child: int, signum: int) -> None:
    try:
        os.killpg(child, signum)
    except OSError:
        pass


def _tell(told: int, text: str) -> None:
    try:
        os.write(told, text.encode() + b"\n")
    except OSError:
        pass  # the supervisor is dead; the child lives on
