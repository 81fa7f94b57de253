"""The supervisor's main loop while the child lives: its output, the person's keys, signals, stops, and its end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from . import processes, terminal
from .waiter import FORWARDED, STOPS, Waiter, unblock
from .wiring import Wiring

_FAST_S, _SLOW_S = 0.001, 0.020
"""How often a console file is looked at: soon after output, and after a silence."""

_PIPE_GRACE_S = 1.0
_LEFT_BEHIND_S = 0.2
"""How long output of processes that outlive the child is still taken."""

_KEYS_BOUND = 4096
_AWAY_MS = 100


class Ending(NamedTuple):
    """How the child ended, and what it was sent before. Neither code nor signal: nobody knows."""

    code: int | None
    signal: int | None
    ended_at: float
    received: tuple[int, ...] = ()
    is_output_closed: bool = False


class Watch:
    """Holds the loop's state; `run` returns when the child has ended and its output is handed on."""

    def __init__(self, waiter: Waiter, wiring: Wiring, read_json: Callable[[str], dict[str, Any] | None]) -> None:
        self.waiter = waiter
        self.wiring = wiring
        self.read_json = read_json
        self.received: list[int] = []
        self.is_output_closed = False
        self.is_stopped = False
        self._keys = memoryview(b"")
        self._keys_open = wiring.is_interactive
        self._pause_s = _FAST_S
        self._closed_at = 0.0
        self._closed_bytes = 0
        self._terminated = False
        self._give_up = False
        self._signals, self._signalled = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(self._signalled, False)
        self._before: dict[int, Any] = {}

    def run(self) -> Ending:
        self._install()
        try:
            if self.wiring.person:
                self.wiring.person.make_raw()
            unblock()
            while not self.waiter.is_over:
                self._turn()
            self._outlive_waiter()
            self._drain()
        finally:
            if self.wiring.person:
                self.wiring.person.restore()
            self._uninstall()
        for tail in self.wiring.tails:
            tail.close()
        self.waiter.reap()
        return self._ending()

    # One turn of the loop.

    def _turn(self) -> None:
        self._wait()
        self._take_signals()
        self._mind_foreground()
        for word, value in self.waiter.messages():
            self._follow(word, value)
        self._pump()
        self._move_keys()
        self._mind_broken_pipe()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        if not self.waiter.is_over:
            poll.register(self.waiter.fd, select.POLLIN)
        is_waiting = False
        for pty in self.wiring.ptys:
            if pty.is_waiting:
                is_waiting = True
            elif not pty.is_over:
                poll.register(pty.master, select.POLLIN | (select.POLLOUT if self._keys else 0))
        if self._keys_open and len(self._keys) < _KEYS_BOUND and self._has_terminal():
            poll.register(0, select.POLLIN)
        timeout = None
        if self.wiring.tails or is_waiting or self._keys:
            timeout = max(1, int(self._pause_s * 1000))
        elif self._is_away():
            timeout = _AWAY_MS
        poll.poll(timeout)

    def _pump(self) -> bool:
        moved = False
        for source in self.wiring.sources:
            moved |= source.pump()
        is_tight = any(tail.reserve.is_tight for tail in self.wiring.tails)
        self._pause_s = _FAST_S if moved or is_tight else min(_SLOW_S, self._pause_s * 1.5)
        return moved

    def _is_away(self) -> bool:
        """Whether we run in the background of the terminal that the child believes to have."""
        return self._keys_open and self.wiring.person is not None and not self.wiring.person.is_raw

    def _mind_foreground(self) -> None:
        """A shell that brings a running job back to the foreground does not tell it: we look now and then."""
        if self._is_away() and self.wiring.person is not None and self.wiring.person.is_foreground():
            self.wiring.person.make_raw()
            self._resize()

    def _has_terminal(self) -> bool:
        return bool(self.wiring.person and self.wiring.person.is_raw)

    def _move_keys(self) -> None:
        """Hand the person's keys to the child's terminal; a child that does not read holds them up, not us."""
        if not self._keys_open:
            return
        master = self.wiring.ptys[0].master
        if not self._keys and self._has_terminal():
            self._keys = memoryview(self._read_keys())
        if self._keys:
            try:
                self._keys = self._keys[os.write(master, self._keys) :]
            except BlockingIOError:
                pass
            except OSError:
                self._keys_open = False

    def _read_keys(self) -> bytes:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        if not poll.poll(0):
            return b""
        try:
            data = os.read(0, _KEYS_BOUND)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self._keys_open = False
        return data

    # Signals.

    def _install(self) -> None:
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        wanted = [*FORWARDED, *STOPS, signal.SIGCONT, signal.SIGWINCH]
        for signum in wanted:
            before = signal.getsignal(signum)
            if before == signal.SIG_IGN:  # as `nohup` left it: for the child too
                continue
            self._before[signum] = before
            signal.signal(signum, _noted)

    def _uninstall(self) -> None:
        signal.set_wakeup_fd(-1)
        for signum, before in self._before.items():
            signal.signal(signum, before)

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._signals, 4096)
        except BlockingIOError:
            return
        for signum in numbers:
            if signum == signal.SIGWINCH:
                self._resize()
            elif signum == signal.SIGCONT:
                self._come_back()
            elif signum in FORWARDED:
                self._forward(signum)
            elif signum == signal.SIGTSTP and self.wiring.is_interactive:
                self._kill(signum)

    def _forward(self, signum: int) -> None:
        """The child gets it once: in a shared group it has it already when the whole group was meant."""
        self.received.append(signum)
        if self.wiring.is_interactive:
            if signum == signal.SIGHUP:
                self._kill_foreground(signum)
                # As the kernel does for a job that a shell leaves stopped: it could not take the hangup otherwise.
                self._kill_foreground(signal.SIGCONT)
            else:
                self._kill(signum)
            return
        reached_all, others = self.waiter.witnessed(signum)
        for word, value in others:
            self._follow(word, value)
        if not reached_all:
            self._kill(signum)

    def _kill(self, signum: int) -> None:
        # The waiter is the parent: as long as it lives, the pid is the child's.
        if not self.waiter.is_over:
            try:
                os.kill(self.waiter.child_pid, signum)
            except OSError:
                pass

    def _kill_foreground(self, signum: int) -> None:
        try:
            os.killpg(os.tcgetpgrp(self.wiring.ptys[0].master), signum)
        except OSError:
            self._kill(signum)

    def _resize(self) -> None:
        for pty in self.wiring.ptys:
            terminal.copy_size(pty.outlet.fd, pty.master)

    # Stops: a stopped child stops us, and both go on together.

    def _follow(self, word: str, value: int) -> None:
        if word == "continued":
            self.is_stopped = False
        elif word == "stopped" and not self.is_stopped:
            self.is_stopped = True
            self._stop_ourselves()

    def _stop_ourselves(self) -> None:
        self._pump()
        if self.wiring.person:
            self.wiring.person.restore()
            # As the key does without us: everybody in the foreground job. In an orphaned group the kernel discards
            # this, and nobody could ever resume us: then the child goes on too.
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, _noted)
        else:
            os.kill(os.getpid(), signal.SIGSTOP)
        self._come_back()

    def _come_back(self) -> None:
        """We were continued: by `fg` (the terminal is ours again), by `bg`, or because the child was."""
        for word, _ in self.waiter.messages():
            if word == "continued":
                self.is_stopped = False
        if self.wiring.person:
            self.wiring.person.make_raw()
            self._resize()
        if self.is_stopped:
            self.is_stopped = False
            if self.wiring.is_interactive:
                self._kill_foreground(signal.SIGCONT)
            self._kill(signal.SIGCONT)

    # The reader of our output went away.

    def _mind_broken_pipe(self) -> None:
        broken = [tail for tail in self.wiring.tails if tail.outlet.is_broken_pipe]
        if not broken:
            return
        now = time.monotonic()
        if not self.is_output_closed:
            self.is_output_closed = True
            self._closed_at = now
            self._signal_writers(signal.SIGPIPE)
            self._closed_bytes = sum(tail.at for tail in broken)
        elif (
            not self._terminated
            and now - self._closed_at > _PIPE_GRACE_S
            and sum(tail.at for tail in broken) > self._closed_bytes
        ):
            # It ignores SIGPIPE (Python does) and writes on: without us its write would have failed.
            self._terminated = True
            self._signal_writers(signal.SIGTERM)

    def _signal_writers(self, signum: int) -> None:
        for tail in self.wiring.tails:
            if not tail.outlet.is_broken_pipe:
                continue
            for pid in tail.writers():
                if pid != self.waiter.pid:
                    try:
                        os.kill(pid, signum)
                    except OSError:
                        pass

    # The end.

    def _outlive_waiter(self) -> None:
        """A waiter that was killed leaves no word: the child, now somebody else's, is watched until it is gone."""
        if self.waiter.exit is not None:
            return
        child = processes.from_json(self.read_json("child.json"))
        while child is not None and child.is_alive():
            self._wait()
            self._take_signals()
            self._pump()
            self._move_keys()
            time.sleep(_SLOW_S)

    def _drain(self) -> None:
        """Hand on what is left. A slow reader is waited for, as a pipe would; a second INT gives up."""
        until = time.monotonic() + _LEFT_BEHIND_S
        while True:
            moved = self._pump()
            self._mind_broken_pipe()
            is_waiting = any(source.is_waiting for source in self.wiring.sources)
            has_writers = any(tail.has_writers() for tail in self.wiring.tails)
            is_late = time.monotonic() > until
            if not moved and not is_waiting and (is_late or not has_writers):
                return
            if is_late and not is_waiting and has_writers:
                return
            if self._interrupted():
                return
            if not moved:
                time.sleep(0.002)

    def _interrupted(self) -> bool:
        try:
            numbers = os.read(self._signals, 4096)
        except BlockingIOError:
            return False
        return any(signum in FORWARDED for signum in numbers)

    def _ending(self) -> Ending:
        data = self.read_json("exit.json") or {}
        how, number = self.waiter.exit or ("", 0)
        return Ending(
            code=number if how == "exited" else data.get("code"),
            signal=number if how == "killed" else data.get("signal"),
            ended_at=float(data.get("ended_at") or time.time()),
            received=tuple(self.received),
            is_output_closed=self.is_output_closed,
        )


def _noted(_signum: int, _frame: object) -> None:
    """The wakeup descriptor carries the number; the loop takes it from there."""
