"""The one way to run `git`: bounded in time, in the C locale, without hooks, prompts, optional locks or lazy fetches.

It spawns by itself, since `subprocess` alone would cost a third of the time that a clean repository needs.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import MlopsError, NotFound, TimedOut

PROGRAM = "git"
TIMEOUT_S = 60.0

_FIXED = (
    "--no-optional-locks",
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=true",
    "-c", "core.splitIndex=false",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "protocol.ext.allow=never",
)  # fmt: skip

_ENVIRON = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "GIT_LITERAL_PATHSPECS": "1",
}
_NOT_OURS = {"GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_TRACE", "GIT_TRACE2", "GIT_TRACE2_EVENT"}
_OF_A_PLACE = {"GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES"}
_APART: dict[str, Any] = {"setsid": True} if sys.platform == "linux" else {"setpgroup": 0}


class GitError(MlopsError):
    """Git said no; `stderr` is what it said."""

    code = "git_failed"

    def __init__(self, args: Sequence[str], returncode: int, stderr: str) -> None:
        first = stderr.strip().splitlines()[0] if stderr.strip() else f"exit code {returncode}"
        super().__init__(f"git {args[0] if args else ''}: {first}", hint=explain(stderr))
        self.returncode = returncode
        self.stderr = stderr


def explain(stderr: str) -> str:
    """What to type next, for the refusals that people meet."""
    if "dubious ownership" in stderr:
        return "the repository belongs to another user: git config --global --add safe.directory <its folder>"
    if "could not read Username" in stderr or "Permission denied" in stderr or "Authentication failed" in stderr:
        return "git cannot log in there: try `git ls-remote URL` yourself"
    if "Could not resolve host" in stderr or "unable to access" in stderr:
        return "the remote cannot be reached from here"
    return ""


class Running:
    """A git process that has been started; `wait` returns what it printed."""

    def __init__(self, args: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self.args = tuple(args)
        where = ["-C", str(cwd)] if cwd is not None else []
        without = _NOT_OURS | _OF_A_PLACE if env and "GIT_DIR" in env else _NOT_OURS
        environ = {name: value for name, value in os.environ.items() if name not in without}
        environ.update(_ENVIRON)
        environ.update(env or {})
        self._stdin = _Pipe()
        self._out = _Pipe()
        self._err = _Pipe()
        try:
            self.pid = os.posix_spawnp(
                PROGRAM,
                [PROGRAM, *_FIXED, *where, *args],
                environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, self._stdin.read, 0),
                    (os.POSIX_SPAWN_DUP2, self._out.write, 1),
                    (os.POSIX_SPAWN_DUP2, self._err.write, 2),
                ],
                # Away from the terminal: its ^C is meant for the child that the person sees, ssh must not ask there.
                **_APART,
                setsigdef=[signal.SIGPIPE, signal.SIGINT],
            )
        except OSError as exc:
            self._close()
            if isinstance(exc, FileNotFoundError):
                raise NotFound("git is not installed", hint="install git, or go on without a repository") from exc
            raise
        self._stdin.close_read()
        self._out.close_write()
        self._err.close_write()
        self._reaped = False

    def wait(self, *, stdin: bytes = b"", timeout: float = TIMEOUT_S) -> tuple[int, bytes, str]:
        """(exit code, stdout, stderr).

        Raises TimedOut after `timeout` seconds; the process is killed then.
        """
        try:
            out, err = self._talk(memoryview(stdin), time.monotonic() + timeout)
            return self._reap(), out, err.decode("utf-8", "replace")
        except TimeoutError:
            raise TimedOut(f"git {self.args[0]} took longer than {timeout:g} s") from None
        finally:
            self._close()
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                self._reap()

    def _talk(self, stdin: memoryview, deadline: float) -> tuple[bytes, bytes]:
        parts: dict[int, list[bytes]] = {self._out.read: [], self._err.read: []}
        poll = select.poll()
        for fd in parts:
            poll.register(fd, select.POLLIN)
        waiting = set(parts)
        if stdin:
            os.set_blocking(self._stdin.write, False)
            poll.register(self._stdin.write, select.POLLOUT)
        else:
            self._stdin.close_write()
        while waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for fd, _ in poll.poll(left * 1000):
                if fd == self._stdin.write:
                    stdin = self._feed(stdin)
                    if not stdin:
                        poll.unregister(fd)
                        self._stdin.close_write()
                elif chunk := os.read(fd, 1 << 20):
                    parts[fd].append(chunk)
                else:
                    poll.unregister(fd)
                    waiting.discard(fd)
        return b"".join(parts[self._out.read]), b"".join(parts[self._err.read])

    def _feed(self, stdin: memoryview) -> memoryview:
        try:
            return stdin[os.write(self._stdin.write, stdin[: 1 << 16]) :]
        except BlockingIOError:
            return stdin
        except BrokenPipeError:
            return stdin[:0]

    def _reap(self) -> int:
        self._reaped = True
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return 0  # somebody else waits for every child; what was printed has to do

    def _close(self) -> None:
        for pipe in (self._stdin, self._out, self._err):
            pipe.close_read()
            pipe.close_write()


class _Pipe:
    """A pipe whose two ends are closed at most once."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def close_read(self) -> None:
        self._close(self.read)

    def close_write(self) -> None:
        self._close(self.write)

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)


def run(
    *args: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = TIMEOUT_S,
) -> bytes:
    """What `git args` prints.

    Raises GitError with git's own words, TimedOut, or NotFound when there is no git.
    """
    code, out, err = Running(args, cwd=cwd, env=env).wait(stdin=stdin, timeout=timeout)
    if code != 0:
        raise GitError(args, code, err)
    return out


def ask(*args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """The one line that `git args` answers, or nothing when it refuses or takes too long."""
    try:
        return run(*args, cwd=cwd, env=env).decode("utf-8", "surrogateescape").strip()
    except (GitError, TimedOut):
        return ""
