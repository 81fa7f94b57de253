"""How fast a long curve becomes a short one that keeps its extremes.

python benchmarks/thinning.py [POINTS]     base: the same points as SQLite rows, grouped by the engine
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store, open_store

PART = 100_000


def main(count: int) -> None:
    print(f"{count:,} points of one series; median of 5, CPU and wall in ms\n")
    print(f"{'':54}{'CPU':>9}{'wall':>9}{'ratio':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, store, task = fill(folder, count)
        width = -(-count // 1000)
        base = report(
            "SQLite rows, min, max, mean a bucket: to 1000",
            lambda: rows.execute(
                "SELECT step / ?, min(value), max(value), avg(value) FROM m GROUP BY 1", (width,)
            ).fetchall(),
            repeat=1,
        )
        body = {"task": task, "metric": "loss", "variant": "train"}
        for samples in (320, 1000, 6000):
            report(
                f"events.get_curve to {samples}",
                lambda samples=samples: dispatch(store, "events.get_curve", {**body, "samples": samples}),
                base,
            )
        report(
            "events.get_curve to 1000, by time",
            lambda: dispatch(store, "events.get_curve", {**body, "samples": 1000, "key": "timestamp"}),
            base,
        )
        for samples in (320, 2000):
            report(
                f"scalar_metrics_iter_histogram to {samples} (exact means)",
                lambda samples=samples: dispatch(
                    store, "events.scalar_metrics_iter_histogram", {"task": task, "samples": samples}
                ),
                base,
            )
        page = {"task": task, "event_type": "training_stats_scalar", "batch_size": 1000}
        report("first 1000 raw events", lambda: dispatch(store, "events.get_task_events", page), base)
        store.close()
        rows.close()


def fill(folder: Path, count: int) -> tuple[sqlite3.Connection, Store, str]:
    rng = random.Random(1)
    rows = sqlite3.connect(folder / "rows.db", isolation_level=None)
    rows.execute("CREATE TABLE m (step INTEGER PRIMARY KEY, value REAL)")
    store = open_store(folder / "store.db", folder / "files")
    task = dispatch(store, "tasks.create", {"name": "thinning", "type": "training"})["id"]
    for start in range(0, count, PART):
        steps = array("q", range(start, start + PART))
        values = array("d", [rng.random() for _ in range(PART)])
        times = array("q", (1_795_297_690_000 + step * 2 + rng.randrange(2) for step in steps))
        series = {"metric": "loss", "variant": "train", "iter": steps, "value": values, "timestamp": times}
        body = {"task": task, "run": "r", "stream": "s", "offset": start, "next": start + PART, "scalars": [series]}
        dispatch(store, "events.add_columns", body)
        rows.execute("BEGIN")
        rows.executemany("INSERT INTO m VALUES (?, ?)", zip(steps, values, strict=True))
        rows.execute("COMMIT")
    return rows, store, task


def report(label: str, work: Callable[[], object], base: float = 0.0, *, repeat: int = 5) -> float:
    cpu, wall = [], []
    for _ in range(repeat):
        begun, used = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    spent = statistics.median(cpu)
    ratio = f"{base / spent:8.0f}x" if base else f"{1:8.0f}x"
    print(f"{label:54}{spent:9.1f}{statistics.median(wall):9.1f}{ratio}", flush=True)
    return spent


if __name__ == "__main__":
    main(int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 10_000_000)
