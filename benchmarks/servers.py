"""Servers as processes of their own, ours and MLflow's, and the plain clients that the server benchmarks ask with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

TICKS = os.sysconf("SC_CLK_TCK")
JSON, LINES, MSGPACK = "application/json", "application/json-lines", "application/msgpack"


class Used(NamedTuple):
    """What the processes of a server took so far.

    `memory_mb` is proportional, so that what its processes share counts once; it also falls and rises with the number
    of other Pythons on the machine. `resident_mb` does not, and counts shared pages in each process.
    """

    cpu_s: float
    memory_mb: float
    resident_mb: float
    processes: int


class Server:
    """A server and its workers, in a process group of their own."""

    def __init__(self, name: str, command: list[str], port: int, env: dict[str, str], said: Path) -> None:
        self.name, self.port, self.said = name, port, said
        began = time.perf_counter()
        with said.open("wb") as stream:
            self.child = subprocess.Popen(
                command, env=env, start_new_session=True, stdout=stream, stderr=subprocess.STDOUT
            )
        while not answers(port):
            if self.child.poll() is not None or time.perf_counter() - began > 180:
                raise SystemExit(f"{name} did not come up:\n{said.read_text()[-2000:]}")
            time.sleep(0.01)
        self.ready_s = time.perf_counter() - began

    def used(self) -> Used:
        cpu = memory = resident = 0.0
        count = 0
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[2]) != self.child.pid:
                    continue
                rollup = Path(f"/proc/{entry}/smaps_rollup").read_text().splitlines()
            except OSError:  # it ended meanwhile
                continue
            cpu += (int(fields[11]) + int(fields[12])) / TICKS
            memory += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024
            resident += next(int(line.split()[1]) for line in rollup if line.startswith("Rss:")) / 1024
            count += 1
        return Used(cpu, memory, resident, count)

    def settle(self) -> None:
        """Until the work of the start is over: some servers go on starting after the port answers."""
        end = time.monotonic() + 60
        before = self.used().cpu_s
        while time.monotonic() < end:
            time.sleep(2)
            now = self.used().cpu_s
            if now - before < 0.2:
                return
            before = now

    def end(self) -> None:
        os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


class Client:
    """One keep-alive connection on loopback; requests are made before the clock runs, see `request`."""

    def __init__(self, port: int, headers: str = "") -> None:
        self.port, self._headers = port, headers
        self._socket = self._connect()

    def request(self, path: str, body: Any = None, *, kind: str = JSON, method: str = "POST") -> bytes:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._headers}Content-Type: {kind}\r\n"
        return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data

    def send(self, request: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError for a refusal; connects anew where an idle one was closed."""
        try:
            answer = self._exchange(request)
        except ConnectionError:
            self._socket.close()
            self._socket = self._connect()
            answer = self._exchange(request)
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{request[:80]!r}: {answer.status} {body[:300]!r}")
        return body

    def call(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        return json.loads(self.send(self.request(path, body, method=method)))

    def close(self) -> None:
        self._socket.close()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _exchange(self, request: bytes) -> HTTPResponse:
        self._socket.sendall(request)
        answer = HTTPResponse(self._socket)
        answer.begin()
        return answer


def answers(port: int) -> bool:
    try:
        client = Client(port)
        client.send(client.request("/health", method="GET"))
        client.close()
    except (OSError, RuntimeError):
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def clean_env(**more: str) -> dict[str, str]:
    """Ours for both sides: bytecode is kept, no proxy stands between, nobody reports home."""
    odd = ("PYTHONDONTWRITEBYTECODE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    kept = {name: value for name, value in os.environ.items() if name not in odd and not name.startswith("MLOPS_")}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", **more}


class Ours(NamedTuple):
    server: Server
    home: Path
    headers: str

    def client(self) -> Client:
        return Client(self.server.port, self.headers)


@contextmanager
def our_server(folder: Path) -> Iterator[Ours]:
    """A fresh store's server and the headers of its admin; started once before, so that bytecode is there."""
    home, said = folder / "home", folder / "said"
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "mlops_cli", "server", "up", "--json", "--port"]
    env = clean_env(MLOPS_HOME=str(home))
    first = Server("mlops", [*command, str(port := free_port())], port, env, said)
    key = told(said)["environment"]
    first.end()
    server = Server("mlops", [*command, str(port := free_port())], port, env, said)
    try:
        login = Client(port, f"Authorization: Basic {basic(key)}\r\n")
        token = login.call("/auth.login")["data"]["token"]
        login.close()
        yield Ours(server, home, f"Authorization: Bearer {token}\r\n")
    finally:
        server.end()


@contextmanager
def mlflow_server(folder: Path, program: str) -> Iterator[Server]:
    """MLflow's, with SQLite and what else is its default."""
    folder.mkdir()
    command = [program, "server", "--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination",
               str(folder / "art"), "--host", "127.0.0.1", "--port"]  # fmt: skip
    first = Server("mlflow", [*command, str(port := free_port())], port, clean_env(), folder / "said")
    first.settle()
    first.end()
    server = Server("mlflow", [*command, str(port := free_port())], port, clean_env(), folder / "said")
    try:
        yield server
    finally:
        server.end()


def told(said: Path) -> Json:
    """What our server printed when it was ready."""
    end = time.monotonic() + 10
    while not said.read_text().endswith("\n}\n"):
        if time.monotonic() > end:
            raise SystemExit(f"our server did not say its key: {said.read_text()!r}")
        time.sleep(0.01)
    found: Json = json.loads(said.read_text())
    return found


def basic(key: dict[str, str]) -> str:
    import base64

    both = f"{key['CLEARML_API_ACCESS_KEY']}:{key['CLEARML_API_SECRET_KEY']}"
    return base64.b64encode(both.encode()).decode()


def load_average() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())
