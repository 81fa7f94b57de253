"""The server over HTTP: ingest, posts, creation, queries on large stores, start-up, memory; MLflow's beside it.

python benchmarks/server.py [SECONDS] [--mlflow PATH/TO/mlflow] [--load] [--soak MINUTES]

Every request goes over one keep-alive connection a client, with Python's `http.client` on both sides of the
comparison; what the clients themselves cost is in the wall times of both. `cpu` is that of the server's processes
alone, per unit.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
TICKS = os.sysconf("SC_CLK_TCK")


def used(group: int) -> tuple[float, float, int]:
    """CPU seconds, proportional memory in MB and number of the processes of a group."""
    cpu = memory = 0.0
    count = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[2]) != group:
                continue
            cpu += (int(fields[11]) + int(fields[12])) / TICKS
            count += 1
            rollup = Path(f"/proc/{entry}/smaps_rollup").read_text().splitlines()
            memory += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024
        except (OSError, StopIteration):
            continue
    return cpu, memory, count


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Server:
    """A server process in a group of its own."""

    def __init__(self, command: list[str], port: int, env: dict[str, str], patience_s: float) -> None:
        self.port = port
        started = time.perf_counter()
        self.child = subprocess.Popen(
            command, env=env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
                connection.request("GET", "/health")
                connection.getresponse().read()
                break
            except OSError:
                if time.perf_counter() - started > patience_s:
                    raise SystemExit(f"no answer from {command[0]}") from None
                time.sleep(0.005)
        self.ready_s = time.perf_counter() - started

    def used(self) -> tuple[float, float, int]:
        return used(self.child.pid)

    def end(self) -> None:
        os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = headers

    def __call__(self, path: str, body: Any = None, *, kind: str = "application/json", method: str = "POST") -> Any:
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, data, {**self._headers, "Content-Type": kind})
                answer = self._connection.getresponse()
                break
            except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                self._connection.close()  # some servers drop idle connections
                if attempt == 2:
                    raise
        raw = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {raw[:300]!r}")
        return json.loads(raw)


Work = Callable[[Client, Json], None]


class Bench:
    """One server under measurement."""

    def __init__(self, name: str, server: Server, connect: Callable[[], Client], seconds: float) -> None:
        self.name, self.server, self.connect, self.seconds = name, server, connect, seconds
        self.figures: dict[str, str] = {}

    def load(self, label: str, clients: int, work: Work, units: int = 1) -> None:
        """`work` again and again on so many connections at once."""
        times: list[float] = []
        end = time.perf_counter() + self.seconds

        def run() -> None:
            client, state = self.connect(), {}
            while time.perf_counter() < end:
                began = time.perf_counter()
                work(client, state)
                times.append(time.perf_counter() - began)

        before, began = self.server.used()[0], time.perf_counter()
        threads = [threading.Thread(target=run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall, cpu = time.perf_counter() - began, self.server.used()[0] - before
        count = len(times) * units
        times.sort()
        self.say(
            label,
            f"{count / wall:10,.0f}/s   p50 {times[len(times) // 2] * 1e3:7.2f} ms"
            f"   p99 {times[int(len(times) * 0.99)] * 1e3:7.2f} ms   cpu {cpu / count * 1e6:8.2f} us",
        )

    def delay(self, label: str, work: Callable[[], Any], rounds: int = 9) -> None:
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        self.say(label, f"median {statistics.median(times) * 1e3:9.2f} ms   min {min(times) * 1e3:9.2f} ms")

    def say(self, label: str, text: str) -> None:
        self.figures[label] = text
        print(f"{self.name:7} {label:48} {text}", flush=True)


# Ours


def ours(folder: Path, seconds: float) -> tuple[Bench, str]:
    home, port = folder / "home", free_port()
    env = {**os.environ, "MLOPS_HOME": str(home)}
    command = [sys.executable, "-m", "mlops_cli", "server", "up", "--port", str(port), "--json"]
    server = Server(command, port, env, 30)
    assert server.child.stdout is not None
    text = b""
    while not text.endswith(b"\n}\n"):
        text += server.child.stdout.readline()
    key = json.loads(text)["environment"]
    basic = base64.b64encode(f"{key['CLEARML_API_ACCESS_KEY']}:{key['CLEARML_API_SECRET_KEY']}".encode()).decode()
    login = Client(port, {"Authorization": f"Basic {basic}"})
    token = login("/auth.login")["data"]["token"]
    return Bench("mlops", server, lambda: Client(port, {"Authorization": f"Bearer {token}"}), seconds), str(home)


def new_task(client: Client, state: Json) -> None:
    state["task"] = client("/tasks.create", {"name": "a run", "type": "training"})["data"]["id"]


def send_lines(size: int) -> Work:
    """The API's own form: what the clearml SDK sends."""

    def work(client: Client, state: Json) -> None:
        if "task" not in state:
            new_task(client, state)
        first = state.get("at", 0)
        state["at"] = first + size
        now = int(time.time() * 1000)
        client(
            "/v2.23/events.add_batch",
            "\n".join(
                f'{{"type":"training_stats_scalar","task":"{state["task"]}","metric":"m{at % 8}","variant":"v",'
                f'"iter":{at // 8},"value":{at * 0.001},"timestamp":{now}}}'
                for at in range(first, first + size)
            ),
            kind="application/json-lines",
        )

    return work


def send_columns(size: int) -> Work:
    """Our own client's form."""

    def work(client: Client, state: Json) -> None:
        if "task" not in state:
            new_task(client, state)
        first = state.get("at", 0)
        state["at"] = first + size
        steps, now = list(range(first // 8, (first + size) // 8)), int(time.time() * 1000)
        one = {"iter": steps, "value": [step * 0.001 for step in steps], "timestamp": [now] * len(steps)}
        scalars = [{"metric": f"m{number}", "variant": "v", **one} for number in range(8)]
        head = {"task": state["task"], "run": state["task"], "stream": "s", "offset": first, "next": first + size}
        client("/events.add_columns", {**head, "scalars": scalars})

    return work


def fill(home: str, count: int, project: str) -> None:
    """Finished tasks with parameters and metrics, straight into the store of a server that goes on."""
    with sqlite3.connect(f"{home}/store.db", timeout=30) as store:
        store.execute("BEGIN IMMEDIATE")
        first = store.execute("SELECT coalesce(max(seq), 0) + 1 FROM tasks").fetchone()[0]
        rows, series = [], []
        from hashlib import md5

        hashes = [md5(name.encode()).hexdigest() for name in (*(f"m{number}" for number in range(8)), "v")]
        for number in range(count):
            task = f"{first + number:032x}"
            moment = f"2026-01-01T00:00:00.{number % 1_000_000:06d}+00:00"
            parameters = {
                "Args": {
                    f"p{k}": {"section": "Args", "name": f"p{k}", "value": str((number * 7 + k) % 10)} for k in range(8)
                }
            }
            rows.append((first + number, task, f"run-{number}", project, moment, json.dumps(parameters)))
            series += [
                (
                    task,
                    hashes[k],
                    hashes[8],
                    f"m{k}",
                    "v",
                    number / (k + 1),
                    100,
                    number / (k + 1),
                    100,
                    number / (k + 1),
                    100,
                )
                for k in range(8)
            ]
        store.executemany(
            "INSERT INTO tasks (seq, id, name, project, type, status, status_changed, created, last_update,"
            " last_change, hyperparams) VALUES (?1, ?2, ?3, ?4, 'training', 'completed', ?5, ?5, ?5, ?5, ?6)",
            rows,
        )
        store.executemany(
            "INSERT INTO series (task, metric_hash, variant_hash, metric, variant, value, last_iter, min_value,"
            " min_iter, max_value, max_iter, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            series,
        )
    store.close()


def measure_ours(bench: Bench, home: str) -> None:
    cpu, memory, _ = bench.server.used()
    bench.say("ready / memory, idle", f"{bench.server.ready_s:.2f} s, {cpu:.2f} s CPU, {memory:.0f} MB")
    bench.load("create, 1 client", 1, new_task)
    bench.load("create, 4 clients", 4, new_task)
    bench.load("one point a request, 1 client", 1, send_lines(1))
    bench.load("one point a request, 4 clients", 4, send_lines(1))
    bench.load("1000 points a request, 1 client", 1, send_lines(1000), 1000)
    bench.load("1000 points a request, 4 clients", 4, send_lines(1000), 1000)
    bench.load("... in columns, 1 client", 1, send_columns(1000), 1000)
    bench.load("... in columns, 4 clients", 4, send_columns(1000), 1000)
    client = bench.connect()
    fields = ["id", "name", "status", "created", "last_iteration"]
    for count in (10_000, 100_000):
        project = client("/projects.create", {"name": f"p{count}", "description": ""})["data"]["id"]
        fill(home, count, project)
        from hashlib import md5

        m0, v = (md5(name.encode()).hexdigest() for name in ("m0", "v"))
        query = {"project": [project], "page": 0, "page_size": 100, "only_fields": fields}
        one = {**query, "order_by": ["-created"]}
        bench.delay(f"newest 100 of {count}", lambda one=one: client("/tasks.get_all", one))
        by = {**query, "order_by": [f"-last_metrics.{m0}.{v}.value"]}
        bench.delay(f"100 of {count}, sorted by a metric", lambda by=by: client("/tasks.get_all", by))
        both = {**query, "hyperparams.Args.p1.value": ["3"], f"last_metrics.{m0}.{v}.value": [10, None]}
        bench.delay(f"100 of {count}, by parameter and metric", lambda both=both: client("/tasks.get_all", both))
    state: Json = {}
    new_task(client, state)
    send = send_columns(8000)
    for _ in range(1000):
        send(client, state)
    task = state["task"]
    one = {"task": task, "metric": "m0", "variant": "v", "samples": 320}
    bench.delay("1,000,000 points to 320, summaries", lambda: client("/events.get_curve", one))
    exact = {"task": task, "samples": 320, "metrics": [{"metric": "m0", "variants": ["v"]}]}
    bench.delay(
        "1,000,000 points to 320, the API's means", lambda: client("/events.scalar_metrics_iter_histogram", exact)
    )
    _, memory, _ = bench.server.used()
    bench.say("memory after all that", f"{memory:.0f} MB")


def crowd(bench: Bench, clients: int = 200, seconds: float = 60.0) -> None:
    """So many clients at once, each doing a little of everything."""
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + seconds

    def run() -> None:
        client, state = bench.connect(), {}
        send = send_lines(10)
        while time.perf_counter() < end:
            for work in (
                lambda: send(client, state),
                lambda: client("/tasks.get_by_id", {"task": state["task"]}),
                lambda: client("/tasks.get_all", {"page": 0, "page_size": 20, "only_fields": ["id", "name"]}),
                lambda: client("/tasks.ping", {"task": state["task"]}),
            ):
                began = time.perf_counter()
                try:
                    work()
                except Exception as exc:
                    errors.append(str(exc)[:200])
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    _, memory, _ = bench.server.used()
    bench.say(
        f"{clients} clients for {seconds:.0f} s",
        f"{len(times) / seconds:,.0f}/s   p50 {times[len(times) // 2] * 1e3:.0f} ms"
        f"   p99 {times[int(len(times) * 0.99)] * 1e3:.0f} ms   errors {len(errors)}   {memory:.0f} MB",
    )
    for text in sorted(set(errors))[:5]:
        print("   ", text)


def soak(bench: Bench, minutes: float) -> None:
    """Memory over time under steady ingest and reading."""
    is_over = threading.Event()

    def run() -> None:
        client, state = bench.connect(), {}
        send = send_columns(1000)
        while not is_over.is_set():
            send(client, state)
            client("/tasks.get_all", {"page": 0, "page_size": 100})
            client("/events.get_curve", {"task": state["task"], "metric": "m0", "variant": "v", "samples": 320})
            if state["at"] > 2_000_000:
                state.clear()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(int(minutes * 2) + 1):
        print(f"mlops   soak {number * 30:4} s: {bench.server.used()[1]:.1f} MB", flush=True)
        time.sleep(30 if number < int(minutes * 2) else 0)
    is_over.set()
    for thread in threads:
        thread.join()


# MLflow


def mlflow(folder: Path, program: str, seconds: float) -> Bench:
    port = free_port()
    command = [program, "server", "--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination",
               str(folder / "art"), "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    server = Server(command, port, dict(os.environ), 180)
    before = -1.0
    while server.used()[0] - before > 0.3:  # its workers go on starting after the port answers
        before = server.used()[0]
        time.sleep(3)
    return Bench("mlflow", server, lambda: Client(port, {}), seconds)


def measure_mlflow(bench: Bench, folder: Path) -> None:
    api = "/api/2.0/mlflow"

    def create(client: Client, state: Json) -> None:
        body = {"experiment_id": "0", "start_time": int(time.time() * 1000)}
        state["run"] = client(f"{api}/runs/create", body)["run"]["info"]["run_id"]

    def send(size: int) -> Work:
        def work(client: Client, state: Json) -> None:
            if "run" not in state:
                create(client, state)
            first = state.get("at", 0)
            state["at"] = first + size
            now = int(time.time() * 1000)
            if size == 1:
                point = {"key": "m0", "value": first * 0.001, "timestamp": now, "step": first}
                client(f"{api}/runs/log-metric", {"run_id": state["run"], **point})
                return
            metrics = [
                {"key": f"m{at % 8}", "value": at * 0.001, "timestamp": now, "step": at // 8}
                for at in range(first, first + size)
            ]
            client(f"{api}/runs/log-batch", {"run_id": state["run"], "metrics": metrics})

        return work

    cpu, memory, count = bench.server.used()
    bench.say(
        "ready / memory, idle", f"{bench.server.ready_s:.2f} s, {cpu:.2f} s CPU, {memory:.0f} MB, {count} processes"
    )
    for clients in (1, 4):
        bench.load(f"create, {clients} client{'s' * (clients > 1)}", clients, create)
        bench.load(f"one point a request, {clients} client{'s' * (clients > 1)}", clients, send(1))
        bench.load(f"1000 points a request, {clients} client{'s' * (clients > 1)}", clients, send(1000), 1000)


def base_cpu_ms() -> float:
    """`python -c pass` beside it: what this machine makes of a fixed piece of work."""
    times = []
    for _ in range(15):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=4.0)
    parser.add_argument("--mlflow", default="")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--soak", type=float, default=0.0)
    given = parser.parse_args()
    print(f"base    python -c pass {base_cpu_ms():.1f} ms CPU")
    with tempfile.TemporaryDirectory() as name:
        bench, home = ours(Path(name), given.seconds)
        try:
            if given.load:
                crowd(bench)
            elif given.soak:
                soak(bench, given.soak)
            else:
                measure_ours(bench, home)
        finally:
            bench.server.end()
    if given.mlflow and not given.load and not given.soak:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            bench = mlflow(Path(name), given.mlflow, given.seconds)
            try:
                measure_mlflow(bench, Path(name))
            finally:
                bench.server.end()


if __name__ == "__main__":
    main()
