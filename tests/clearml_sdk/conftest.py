"""Our server as a real process, and programs that talk to it through the real, unmodified `clearml` package."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
MISSING = [name for name in ("clearml", "pandas") if importlib.util.find_spec(name) is None]

CONF = """
api { http { retries { total: 3, connect: 3, read: 3, status: 3, backoff_factor: 0.1, backoff_max: 1.0 } } }
sdk {
  development {
    report_use_subprocess: false
    suppress_update_message: true
    vcs_repo_detect_async: false
    worker { report_period_sec: 1, ping_period_sec: 5 }
  }
  storage { cache { default_base_dir: "%s" } }
}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING:
        reason = f"needs {' and '.join(MISSING)}: pip install -e '.[test,clearml]'"
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Told:
    """What a command of ours printed."""

    out: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class Server:
    """Our server; `env` is what it printed for the SDK."""

    url: str
    home: Path
    env: dict[str, str]
    token: str
    process: subprocess.Popen[bytes]
    log: Path

    def replace(self) -> None:
        """Kills the server without a warning and starts another one on the same store and port."""
        self.process.kill()
        self.process.wait()
        self.process = _start(self.home, self.log, port=int(self.url.rpartition(":")[2]))
        _variables(self.process, self.log, {"CLEARML_API_HOST"})

    def call(self, endpoint: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(f"{self.url}/v2.34/{endpoint}", json.dumps(body).encode(), self._headers())
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["data"]

    def add(self, events: list[dict[str, Any]]) -> None:
        lines = "\n".join(json.dumps(event) for event in events)
        request = urllib.request.Request(f"{self.url}/events.add_batch", lines.encode(), self._headers())
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["data"]["added"] == len(events)

    def get(self, uri: str) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(uri, headers=self._headers()), timeout=20) as answer:
            body: bytes = answer.read()
        return body

    def status(self, uri: str) -> int:
        try:
            self.get(uri)
        except urllib.error.HTTPError as exc:
            return exc.code
        return 200

    def mlops(self, *args: str) -> Told:
        """A command of ours in a process of its own, over HTTP, with the SDK's own variables."""
        client = self.home.parent / "client"
        env = {**_clean(), **self.env, "HOME": str(client), "MLOPS_HOME": str(client)}
        command = [sys.executable, "-m", "mlops_cli", "--user", "any", *args]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"mlops {' '.join(args)}\n{done.stdout}\n{done.stderr}"
        assert not (client / "store.db").exists(), "it did not ask the server"
        return Told(done.stdout)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A fresh server on a free port."""
    home, log = folder / "mlops", folder / "log"
    server, process = None, _start(home, log)
    try:
        needed = {"CLEARML_API_HOST", "CLEARML_WEB_HOST", "CLEARML_FILES_HOST", "CLEARML_API_SECRET_KEY"}
        told = _variables(process, log, needed)
        server = Server(told["CLEARML_API_HOST"], home, told, _log_in(told), process, log)
        yield server
    finally:
        process = server.process if server else process
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == 0, log.read_text()
        finally:
            process.kill()
    assert "Traceback" not in log.read_text(), log.read_text()


def _start(home: Path, log: Path, port: int = 0) -> subprocess.Popen[bytes]:
    env = {**_clean(), "HOME": str(home.parent), "MLOPS_HOME": str(home)}
    with log.open("wb") as writer:
        return subprocess.Popen(
            [sys.executable, "-m", "mlops_cli", "server", "up", "--port", str(port)],
            env=env,
            stdout=writer,
            stderr=writer,
        )


def _variables(process: subprocess.Popen[bytes], log: Path, needed: set[str]) -> dict[str, str]:
    """The lines that the server prints for pasting, once it is ready."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        lines = [line.strip().removeprefix("export ") for line in log.read_text().splitlines()]
        found = dict(line.split("=", 1) for line in lines if line.startswith("CLEARML_") and "=" in line)
        if needed <= set(found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"the server did not come up:\n{log.read_text()}")


def _log_in(told: dict[str, str]) -> str:
    both = f"{told['CLEARML_API_ACCESS_KEY']}:{told['CLEARML_API_SECRET_KEY']}"
    headers = {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}
    request = urllib.request.Request(f"{told['CLEARML_API_HOST']}/auth.login", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["data"]["token"])


@dataclass
class Ran:
    """A program that ended: what it answered, and what it printed."""

    found: dict[str, Any]
    out: str


@dataclass
class Running:
    process: subprocess.Popen[str]
    answer: Path
    log: Path
    work: Path

    def wait_for_answer(self, timeout: float = 30) -> Any:
        until = time.monotonic() + timeout
        while True:
            has_ended = self.process.poll() is not None
            if self.answer.exists() and (text := self.answer.read_text()):
                return json.loads(text)
            if has_ended or time.monotonic() > until:
                break
            time.sleep(0.05)
        raise AssertionError(f"no answer:\n{self.log.read_text()}")


@dataclass
class Sdk:
    """Runs programs and commands of the SDK against the server. All share one home, as those of one person do."""

    server: Server
    folder: Path
    count: int = field(default=0)

    def __call__(self, program: str, *args: str, code: int = 0, timeout: float = 60, **options: Any) -> Ran:
        with self.start(program, *args, **options) as run:
            try:
                ended = run.process.wait(timeout)
            except subprocess.TimeoutExpired as exc:
                raise AssertionError(f"{program} does not end:\n{run.log.read_text()}") from exc
        text = run.log.read_text()
        assert ended == code, f"{program} ended with {ended}:\n{text}"
        found = json.loads(run.answer.read_text()) if run.answer.exists() else {}
        return Ran(found, text)

    @contextmanager
    def start(
        self, program: str, *args: str, env: dict[str, str] | None = None, fresh: bool = False
    ) -> Iterator[Running]:
        """In a folder of its own outside any repository; `fresh`: never as the task that the last run left."""
        self.count += 1
        work = self.folder / f"{self.count}"
        shutil.copytree(PROGRAMS, work)
        extra = {
            "ANSWER": str(work / "answer.json"),
            **({"CLEARML_TASK_NO_REUSE": "1"} if fresh else {}),
            **(env or {}),
        }
        log = work / "log"
        with log.open("w") as writer:
            process = subprocess.Popen(
                [sys.executable, program, *args],
                cwd=work,
                env=self.environ(extra),
                stdout=writer,
                stderr=writer,
                text=True,
            )
        try:
            yield Running(process, work / "answer.json", log, work)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def at(self, folder: Path, program: str) -> None:
        """A program that is there already, run in its folder."""
        command, env = [sys.executable, program], self.environ({})
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self, name: str, *args: str, code: int = 0) -> str:
        """One of the SDK's own commands; what it printed."""
        path = Path(sys.executable).with_name(name)
        done = subprocess.run(
            [str(path), *args],
            cwd=self.folder,
            env=self.environ({}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"{name} {' '.join(args)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def environ(self, extra: dict[str, str]) -> dict[str, str]:
        return {
            **_clean(),
            **self.server.env,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "CLEARML_CONFIG_FILE": str(self.folder / "clearml.conf"),
            "NO_PROXY": "127.0.0.1,localhost",
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **extra,
        }


@pytest.fixture(scope="module")
def sdk(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Sdk:
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "tmp").mkdir()
    (folder / "clearml.conf").write_text(CONF % (folder / "cache"))
    return Sdk(server, folder)


def _clean() -> dict[str, str]:
    """The environment without anything of ours, of the SDK's, or of a coverage tool's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "CLEARML_", "TRAINS_"))}
