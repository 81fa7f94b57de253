"""Drives a program through a real terminal, and runs commands under the supervisor without a store."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BARE = Path(__file__).with_name("bare.py")
RECORDED = Path(__file__).with_name("recorded.py")


@dataclass
class Screen:
    """A terminal with a program in it: wait for text, type, look at what came."""

    pid: int
    fd: int
    shown: bytes = b""
    seen: int = 0
    status: int | None = None
    children: list[int] = field(default_factory=list)

    def wait_for(self, text: str, *, timeout: float = 10.0) -> str:
        """What came up to and including `text`, from where the last wait ended."""
        wanted = text.encode()
        until = time.monotonic() + timeout
        while (found := self.shown.find(wanted, self.seen)) < 0:
            assert time.monotonic() < until, f"{text!r} did not come; after the last wait: {self.shown[self.seen :]!r}"
            self._read(0.05)
        before, self.seen = self.seen, found + len(wanted)
        return self.shown[before : self.seen].decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self, *, timeout: float = 10.0) -> int:
        """Wait for the program's end; its exit code, negative for a signal."""
        until = time.monotonic() + timeout
        while self.status is None:
            assert time.monotonic() < until, f"it does not end; shown: {self.shown[self.seen :]!r}"
            self._read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        self._read(0.05)
        return os.waitstatus_to_exitcode(self.status)

    def _read(self, timeout: float) -> None:
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if ready:
            try:
                self.shown += os.read(self.fd, 65536)
            except OSError:
                time.sleep(timeout)

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    """`screen("bash", "-i")`: a program on a new terminal, as its session's leader."""
    opened: list[Screen] = []

    def start(*argv: str, env: dict[str, str] | None = None) -> Screen:
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, "PS1": "$ ", "PROMPT_COMMAND": "", **(env or {})})
        opened.append(Screen(pid, fd))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def shell(screen: Callable[..., Screen]) -> Screen:
    """An interactive bash with job control, at its prompt."""
    shell = screen("bash", "--norc", "--noediting", "-i")
    shell.wait_for("$ ")
    return shell


@dataclass(frozen=True)
class Bare:
    """The supervisor's hands without a store."""

    runs: Path

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(BARE), str(self.runs)]

    @property
    def line(self) -> str:
        return " ".join(self.command)

    def __call__(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        settings: dict[str, Any] = {"capture_output": True, "timeout": 30, "check": False, **options}
        return subprocess.run([*self.command, *argv], **settings)

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self.command, *argv], **options)

    @property
    def ending(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.runs / "ending").read_text())
        return found

    def folder(self) -> Path:
        (only,) = [path for path in self.runs.iterdir() if path.is_dir() and path.name != "live"]
        return only

    def json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder() / name).read_text())
        return found


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    runs = tmp_path / "runs"
    runs.mkdir()
    return Bare(runs)


@dataclass(frozen=True)
class Recorded:
    """Runs under the supervisor, with the store of the test's own home."""

    home: Path
    cwd: Path

    def command(self, *argv: str, **spec: Any) -> list[str]:
        return [sys.executable, str(RECORDED), json.dumps(spec), *argv]

    def __call__(
        self, *argv: str, options: dict[str, Any] | None = None, **spec: Any
    ) -> subprocess.CompletedProcess[bytes]:
        settings: dict[str, Any] = {
            "capture_output": True,
            "timeout": 60,
            "check": False,
            "cwd": self.cwd,
            **(options or {}),
        }
        return subprocess.run(self.command(*argv, **spec), **settings)

    def start(self, *argv: str, options: dict[str, Any] | None = None, **spec: Any) -> subprocess.Popen[bytes]:
        settings: dict[str, Any] = {
            "cwd": self.cwd,
            "stderr": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            **(options or {}),
        }
        return subprocess.Popen(self.command(*argv, **spec), **settings)

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    def folders(self) -> list[Path]:
        if not self.runs.exists():
            return []
        return [path for path in self.runs.iterdir() if path.name != "live"]

    def live(self) -> list[str]:
        return sorted(path.name for path in (self.runs / "live").iterdir())

    @property
    def api(self) -> Any:
        from mlops_cli.client.connect import connect
        from mlops_cli.config.settings import load_settings

        return connect(load_settings())

    def settle(self) -> Any:
        from mlops_cli.config.paths import locate
        from mlops_cli.supervisor.settle import settle

        return settle(locate(), lambda: self.api)

    def tasks(self) -> list[dict[str, Any]]:
        return [self.api.tasks.document(task["id"]) for task in self.api.tasks.find({"only_fields": ["id"]})]

    def task(self) -> dict[str, Any]:
        (only,) = self.tasks()
        return only

    def console(self, task: str) -> bytes:
        found, after = b"", None
        while True:
            page = self.api.events.console(task, after=after)
            found += b"".join(chunk["raw"] for chunk in page["chunks"])
            after = page["last"]
            if not page["more"]:
                return found


@pytest.fixture
def recorded(home: Path, tmp_path: Path) -> Recorded:
    work = tmp_path / "work"
    work.mkdir()
    return Recorded(home, work)


def wait_until(is_true: Callable[[], Any], what: str, *, timeout: float = 10.0) -> Any:
    """Poll for something that another process brings about."""
    until = time.monotonic() + timeout
    while not (value := is_true()):
        assert time.monotonic() < until, f"{what} did not happen"
        time.sleep(0.01)
    return value


def python(code: str) -> Sequence[str]:
    return (sys.executable, "-c", code)
