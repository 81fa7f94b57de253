"""Fixtures for every room: a clean environment, a shut network, and the command line as a function."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_CLEARED = ("MLOPS_", "CLEARML_", "TRAINS_", "XDG_", "GIT_")
_TERMINAL = ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS", "LINES", "PAGER", "LESS", "PYTHONPATH")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for every test: `MLOPS_HOME`, `HOME`, and no variable of ours, of ClearML or of git left over."""
    for name in list(os.environ):
        if name.startswith(_CLEARED) or name in _TERMINAL:
            monkeypatch.delenv(name)
    user = tmp_path_factory.mktemp("home")
    ours = user / "mlops"
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("MLOPS_HOME", str(ours))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.invalid")
    return ours


@pytest.fixture(autouse=True)
def _shut_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback and Unix sockets may be reached from this process."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        inside = self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1", "localhost")
        if not inside:
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Stream(io.StringIO):
    """A stream that says of itself what the test wants: a terminal, or not."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@dataclass(frozen=True)
class Cli:
    """`cli("ls", "--json")`: exceptions pass through. `cli.run(...)`: errors printed, with a code."""

    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *args: str, tty: bool = False, width: int = 80, stdin: str = "") -> Result:
        from mlops_cli.commands.root import execute

        return self._call(execute, args, tty=tty, width=width, stdin=stdin)

    def run(self, *args: str, tty: bool = False, width: int = 80, stdin: str = "") -> Result:
        from mlops_cli.commands.root import run

        return self._call(run, args, tty=tty, width=width, stdin=stdin)

    def _call(self, how: Callable[..., int], args: tuple[str, ...], *, tty: bool, width: int, stdin: str) -> Result:
        from mlops_cli.commands.context import Context
        from mlops_cli.render.output import Output

        out, err = Stream(tty=tty), Stream(tty=tty)
        with self.monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setenv("LINES", "1000")
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = how(list(args), Context(Output(out, err)))
        return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in this process, on the temporary home."""
    return Cli(monkeypatch)


@pytest.fixture
def mlops(home: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The command line as a real process: `mlops("run", "true")`."""

    def call(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        settings = {"capture_output": True, "text": True, "timeout": 60, "check": False, **options}
        return subprocess.run([sys.executable, "-m", "mlops_cli", *args], **settings)

    yield call


@pytest.fixture(scope="session", autouse=True)
def _listening() -> None:
    """A shell's background job (`pytest &`) ignores these, and so would every program that a test starts."""
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(signum) == signal.SIG_IGN:
            signal.signal(signum, signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL)
