"""What logging costs the training process: a call, a point until it is stored, import and init, a whole small process.

python benchmarks/log_call.py [ROUNDS]

Bases: a 22-byte record into a buffer; `python -c pass`; the same script without us.
"""

from __future__ import annotations

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlops_cli.hook.records import Writer
from mlops_cli.sdk.run import Run
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.shipper import Shipper

CALLS = 200_000

PLAIN = """
loss = 1.0
for step in range(1000):
    loss *= 0.999
"""
OURS = """
import mlops_cli
run = mlops_cli.init()
loss = 1.0
for step in range(1000):
    loss *= 0.999
    run.log({"loss": loss}, step=step)
"""
INIT = "import mlops_cli; mlops_cli.init(); import os; os._exit(0)"


def main(rounds: int) -> None:
    calls(rounds)
    until_stored(rounds)
    processes(max(rounds * 4, 12))


def calls(rounds: int) -> None:
    """A log call, against the smallest thing that could be called logging."""
    base, ours = [], []
    spans: list[int] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as place:
            folder = RunFolder.create(Path(place))
            run = Run(folder, Writer(folder.path), None)
            base.append(buffered())
            ours.append(logged(run))
            spans = each(Run(folder, Writer(folder.path), None))
    spans.sort()
    clock = sorted(empty())[CALLS // 2]
    print(f"{'append of a 22-byte record to a buffer':52}{statistics.median(base) * 1e6:8.2f} us")
    print(f"{'run.log({name: value}, step=i), mean':52}{statistics.median(ours) * 1e6:8.2f} us")
    for name, at in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        print(f"{'  ' + name + ' (less the clock)':52}{(spans[int(CALLS * at)] - clock) / 1e3:8.2f} us")


def buffered() -> float:
    buffer, pack = bytearray(), struct.Struct("<HIqd").pack
    began = time.process_time()
    for step in range(CALLS):
        buffer += pack(1, 2, step, 0.5)
    return (time.process_time() - began) / CALLS


def logged(run: Run) -> float:
    began = time.process_time()
    for step in range(CALLS):
        run.log({"loss": 0.5}, step=step)
    return (time.process_time() - began) / CALLS


def each(run: Run) -> list[int]:
    clock, spans = time.perf_counter_ns, []
    for step in range(CALLS):
        began = clock()
        run.log({"loss": 0.5}, step=step)
        spans.append(clock() - began)
    return spans


def empty() -> list[int]:
    clock, spans = time.perf_counter_ns, []
    for _ in range(CALLS):
        began = clock()
        spans.append(clock() - began)
    return spans


def until_stored(rounds: int) -> None:
    """CPU a point over both processes: logged, read, and committed to the embedded store."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as place:
            folder = RunFolder.create(Path(place) / "runs")
            store = open_store(Path(place) / "store.db", Path(place) / "files")
            task = dispatch(store, "tasks.create", {"name": "bench", "type": "training"})["id"]

            def send(body: dict, store: object = store, task: str = task) -> dict:
                return dispatch(store, "events.add_columns", {**body, "task": task})

            run = Run(folder, Writer(folder.path), None)
            shipper = Shipper(folder, send, print)
            began = time.process_time()
            for step in range(CALLS):
                run.log({"loss": 0.5}, step=step)
            shipper.drain()
            found.append((time.process_time() - began) / CALLS)
            store.close()
    print(f"{'a point, from the call until it is stored (CPU)':52}{statistics.median(found) * 1e6:8.2f} us\n")


def processes(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        rows = {"python -c pass": "pass", "import + init": INIT, "script without us": PLAIN, "script with us": OURS}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for _ in range(rounds):  # in turn, so that a busy moment hits all of them
            for name, code in rows.items():
                found[name].append(once(code, place))
                time.sleep(0.3 if code is INIT else 0)  # its supervisor settles what the abrupt end left
    cpu = {name: statistics.median(pair[0] for pair in pairs) * 1e3 for name, pairs in found.items()}
    wall = {name: statistics.median(pair[1] for pair in pairs) * 1e3 for name, pairs in found.items()}
    for name in rows:
        print(f"{name:36}{cpu[name]:8.1f} ms CPU {wall[name]:8.1f} ms wall")
    print(f"\nimport + init over `pass`: +{cpu['import + init'] - cpu['python -c pass']:.1f} ms CPU,", end=" ")
    print(f"+{wall['import + init'] - wall['python -c pass']:.1f} ms wall")
    ratio = cpu["script with us"] / cpu["script without us"]
    print(f"1000 points, whole process, finish included: {ratio:.2f}x CPU,", end=" ")
    print(f"{wall['script with us'] / wall['script without us']:.2f}x wall")


def once(code: str, home: str) -> tuple[float, float]:
    """(CPU, wall) of one process; its supervisor is nobody's child and not counted."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "MLOPS_HOME": home}, cwd=home)
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
