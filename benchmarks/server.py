"""Our server beside MLflow's, in one run: ingest, creation, large lists, curves, start, memory.

python benchmarks/server.py [ROUNDS] [--mlflow PATH/TO/mlflow]     base: MLflow's server on SQLite, default workers

Both servers are up at once and take turns, row by row and round by round. Every request is made before the clock runs
and goes over one keep-alive connection a client. `CPU` is that of the server's processes alone (user and system, from
/proc), a unit: what a busy machine distorts least. `wall` is what one client waits for an answer, the median; where
several send at once, it is how long a unit took by the clock. Large stores are filled by plain SQL on both sides.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import stores
from servers import LINES, MSGPACK, Client, Server, clean_env, load_average, mlflow_server, our_server

Make = Callable[[Client, int], list[bytes]]
"""So many requests of one client, ready to be sent; what they need on the server it makes first."""

BIG = 1_000_000


class Row(NamedTuple):
    """`units` are in one request; `ours` and `peer`: how many requests a client sends in a round, and which.

    `budget`: how many times less CPU than MLflow we want to take, first and limit.
    """

    label: str
    ours: tuple[int, Make]
    peer: tuple[int, Make] | None
    clients: int = 1
    units: int = 1
    unit: str = "us"
    budget: str = ""


class Figures(NamedTuple):
    """CPU and wall seconds a unit, of each round."""

    cpu: list[float]
    wall: list[float]

    def median(self) -> tuple[float, float]:
        return statistics.median(self.cpu), statistics.median(self.wall)


class Side(NamedTuple):
    server: Server
    connect: Callable[[], Client]


# Requests


def create_tasks(client: Client, count: int) -> list[bytes]:
    return [client.request("/tasks.create", {"name": "a run", "type": "training"})] * count


def create_runs(client: Client, count: int) -> list[bytes]:
    body = {"experiment_id": "0", "start_time": int(time.time() * 1000)}
    return [client.request("/api/2.0/mlflow/runs/create", body)] * count


def new_task(client: Client) -> str:
    return str(json.loads(client.send(create_tasks(client, 1)[0]))["data"]["id"])


def new_run(client: Client) -> str:
    return str(json.loads(client.send(create_runs(client, 1)[0]))["run"]["info"]["run_id"])


def numbered(count: int, size: int) -> Iterator[range]:
    return (range(number * size, (number + 1) * size) for number in range(count))


def lines(size: int) -> Make:
    """The API's own form, which the clearml SDK sends."""

    def make(client: Client, count: int) -> list[bytes]:
        task, now = new_task(client), int(time.time() * 1000)
        head = f'{{"type":"training_stats_scalar","task":"{task}","timestamp":{now},"variant":"v","metric":"m'
        return [
            client.request(
                "/events.add_batch",
                "\n".join(f'{head}{at % 8}","iter":{at // 8},"value":{at * 0.001}}}' for at in points).encode(),
                kind=LINES,
            )
            for points in numbered(count, size)
        ]

    return make


def columns(size: int) -> Make:
    """Our client's form."""

    def make(client: Client, count: int) -> list[bytes]:
        task, now = new_task(client), int(time.time() * 1000)
        return [
            client.request("/events.add_columns", batch(task, now, at), kind=MSGPACK) for at in numbered(count, size)
        ]

    return make


def batch(task: str, now: int, points: range) -> bytes:
    steps = range(points.start // 8, points.stop // 8)
    iters, times = array("q", steps).tobytes(), array("q", [now] * len(steps)).tobytes()
    values = array("d", [step * 0.001 for step in steps]).tobytes()
    return msgspec.msgpack.encode(
        {
            "task": task, "run": task, "stream": "s", "offset": points.start, "next": points.stop,
            "scalars": [
                {"metric": f"m{k}", "variant": "v", "iter": iters, "value": values, "timestamp": times}
                for k in range(8)
            ],
        }
    )  # fmt: skip


def metrics(size: int) -> Make:
    def make(client: Client, count: int) -> list[bytes]:
        run, now = new_run(client), int(time.time() * 1000)
        path = "/api/2.0/mlflow/runs/log-" + ("metric" if size == 1 else "batch")
        made = []
        for points in numbered(count, size):
            many = [{"key": f"m{at % 8}", "value": at * 0.001, "timestamp": now, "step": at // 8} for at in points]
            made.append(client.request(path, {"run_id": run, **(many[0] if size == 1 else {"metrics": many})}))
        return made

    return make


WHOLE = ["id", "name", "status", "started", "completed", "user", "type", "tags", "hyperparams", "last_metrics"]
"""What MLflow answers of a run: parameters and metrics with it."""
LISTED = ["id", "name", "status", "started", "completed", "last_iteration"]


def tasks(project: str, fields: list[str] = WHOLE, **more: object) -> Make:
    body = {"project": [project], "page": 0, "page_size": 100, "only_fields": fields, "order_by": ["-started"], **more}
    return lambda client, count: [client.request("/tasks.get_all", body)] * count


def runs(experiment: int, **more: object) -> Make:
    body = {"experiment_ids": [str(experiment)], "max_results": 100, **more}
    return lambda client, count: [client.request("/api/2.0/mlflow/runs/search", body)] * count


def curve(path: str, body: dict[str, object]) -> Make:
    return lambda client, count: [client.request(path, body)] * count


def sampled(run: str) -> Make:
    path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=big&max_results=320"
    return lambda client, count: [client.request(path, method="GET")] * count


# Measuring


def rows_of_writing() -> list[Row]:
    made = []
    for clients in (1, 4):
        many = f"{clients} client" + "s" * (clients > 1)
        made += [
            Row(f"create a run, {many}", (200, create_tasks), (20, create_runs), clients),
            Row(f"one point a request, {many}", (300, lines(1)), (20, metrics(1)), clients, budget="50x / 300x"),
            Row(f"a point of 1000, {many}", (100, lines(1000)), (3, metrics(1000)), clients, 1000, budget="50x / 200x"),
            Row(f"the same in columns, {many}", (100, columns(1000)), None, clients, 1000),
        ]
    return made


def rows_of_reading(small: str, large: str, big: str, run: str) -> list[Row]:
    m0 = stores.metric("m0")
    api = {"task": big, "samples": 320, "metrics": [{"metric": "big", "variants": ["v"]}]}
    ours = {"task": big, "metric": "big", "variant": "v", "samples": 320}
    by_both = {"hyperparams.Args.p1.value": ["3"], m0: [10, None]}
    filters = {"filter": "params.p1 = '3' and metrics.m0 > 10"}
    return [
        Row("newest 100 of 10,000", (20, tasks(small)), (2, runs(1)), unit="ms"),
        Row("10,000 sorted by a metric", (10, tasks(small, order_by=[f"-{m0}"])),
            (1, runs(1, order_by=["metrics.m0 DESC"])), unit="ms", budget="100x / 500x"),
        Row("10,000 by a metric and a parameter", (10, tasks(small, **by_both)), (1, runs(1, **filters)), unit="ms"),
        Row("newest 100 of 100,000", (20, tasks(large)), (2, runs(2)), unit="ms", budget="50x / 150x"),
        Row("the same, as `mlops ls` asks", (20, tasks(large, LISTED)), None, unit="ms"),
        Row("100,000 sorted by a metric", (3, tasks(large, order_by=[f"-{m0}"])), None, unit="ms"),
        Row("1M points to 320", (20, curve("/events.get_curve", ours)), (1, sampled(run)), unit="ms",
            budget="50x / 1000x"),
        Row("the same with exact means", (3, curve("/events.scalar_metrics_iter_histogram", api)), None, unit="ms"),
    ]  # fmt: skip


def measure(row: Row, sides: list[Side], rounds: int) -> list[Figures | None]:
    works = [row.ours, row.peer][: len(sides)]
    found: list[Figures | None] = [Figures([], []) if work else None for work in works]
    for number in range(rounds):
        for side, work, figures in zip(sides, works, found, strict=True):
            if work is None or figures is None or (number and sum(figures.wall) * work[0] > 20):
                continue
            cpu, wall = once(side, work[1], work[0], row)
            figures.cpu.append(cpu)
            figures.wall.append(wall)
    return found


def once(side: Side, make: Make, count: int, row: Row) -> tuple[float, float]:
    """CPU and wall seconds a unit; with one client the median wait, with several the time by the clock."""
    clients = [side.connect() for _ in range(row.clients)]
    ready = [make(client, count) for client in clients]
    waits: list[float] = []

    def send(client: Client, requests: list[bytes]) -> None:
        for request in requests:
            began = time.perf_counter()
            client.send(request)
            waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=send, args=both) for both in zip(clients, ready, strict=True)]
    before, began = side.server.used().cpu_s, time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole, cpu = time.perf_counter() - began, side.server.used().cpu_s - before
    for client in clients:
        client.close()
    assert len(waits) == count * row.clients, "a client failed"
    units = len(waits) * row.units
    return cpu / units, statistics.median(waits) / row.units if row.clients == 1 else whole / units


# Saying


def show(row: Row, found: list[Figures | None]) -> None:
    scale = 1e6 if row.unit == "us" else 1e3
    ours = found[0]
    assert ours is not None
    peer = found[1] if len(found) > 1 else None
    cells = [row.label]
    for which in (0, 1):
        mine = ours.median()[which] * scale
        if peer is None:
            cells += [f"{mine:.3g} {row.unit}", "", ""]
        else:
            other = peer.median()[which] * scale
            cells += [
                f"{mine:.3g} {row.unit}",
                f"{other:.4g} {row.unit}",
                f"{other / mine:.3g}x" if mine else "no tick",
            ]
    print("| " + " | ".join([*cells, row.budget]) + " |", flush=True)


def show_start(sides: list[Side], ready: list[list[float]]) -> None:
    used = [side.server.used() for side in sides]
    for label, unit, values, budget in (
        ("ready after", "s", [statistics.median(times) for times in ready], "1 s / 0.3 s"),
        ("CPU of the start", "s", [one.cpu_s for one in used], ""),
        ("memory, idle", "MB", [one.memory_mb for one in used], "60 MB / 40 MB"),
        ("processes", "", [one.processes for one in used], ""),
    ):
        ratio = f"{values[1] / values[0]:.3g}x" if len(values) > 1 else ""
        other = f"{values[1]:.3g} {unit}" if len(values) > 1 else ""
        print(f"| {label} | {values[0]:.3g} {unit} | {other} | {ratio} | | | | {budget} |", flush=True)


def start_again(times: int) -> list[float]:
    """Seconds until our server answers, on a store that is there."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(times):
            with our_server(Path(name) / str(number)) as ours:
                found.append(ours.server.ready_s)
    return found


def base_cpu_ms() -> float:
    """`python -c pass` beside it: what this machine makes of a fixed piece of work."""
    spent = []
    for _ in range(15):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", "pass"], check=True, env=clean_env())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--mlflow", default="", help="The mlflow program of an environment of its own.")
    given = parser.parse_args()
    print(f"load average {load_average()} at the beginning, `python -c pass` {base_cpu_ms():.1f} ms CPU\n")
    print("| | ours, CPU | MLflow, CPU | ratio | ours, wall | MLflow, wall | ratio | CPU: first / limit |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        ready = [start_again(3)]
        ours = stack.enter_context(our_server(folder))
        sides = [Side(ours.server, ours.client)]
        if given.mlflow:
            peer = stack.enter_context(mlflow_server(folder / "mlflow", given.mlflow))
            peer.settle()
            ready.append([peer.ready_s])
            sides.append(Side(peer, lambda: Client(peer.port)))
        show_start(sides, ready)
        for row in rows_of_writing():
            show(row, measure(row, sides, given.rounds))
        small, large, big = stores.fill_ours(ours, BIG)
        run = stores.fill_mlflow(folder / "mlflow" / "m.db", BIG) if given.mlflow else ""
        for row in rows_of_reading(small, large, big, run):
            show(row, measure(row, sides, given.rounds))
        print(f"| memory after that | {' | '.join(f'{side.server.used().memory_mb:.3g} MB' for side in sides)} |")
    print(f"\nload average {load_average()} at the end")


if __name__ == "__main__":
    main()
