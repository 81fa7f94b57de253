"""How fast points reach the store: from columns in memory, and from the spool files of a run, on one core.

python benchmarks/ingest.py [POINTS]     base: the same points as SQLite rows, batches of 1000
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from mlops_cli.hook.records import Writer
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.shipper import Shipper

NAMES = [f"metric{i}/train" for i in range(8)]
BATCH = 16_384  # points of one series in a batch: what 4 MiB of spool hold of eight series
Points = tuple[array, array, array]


def main(count: int) -> None:
    per = count // len(NAMES)
    rng = random.Random(1)
    now = 1_795_297_690_000
    times = array("q", (now + i * 3 + rng.randrange(3) for i in range(per)))
    values = array("d", (rng.random() for _ in range(per)))
    steps = array("q", range(per))
    rows = [
        ("SQLite rows, executemany, 1000 a batch", as_rows),
        ("columns into the store", as_columns),
        ("spool files into the store", as_spool),
    ]
    print(f"{count:,} points, {len(NAMES)} series; CPU is user + system of one process\n")
    print(f"{'':42}{'M points/s CPU':>15}{'wall':>8}{'bytes/point':>13}{'ratio':>8}")
    base = 0.0
    for label, run in rows:
        with tempfile.TemporaryDirectory() as folder:
            cpu, wall, size = run(Path(folder), (steps, values, times))
        total = per * len(NAMES)
        base = base or total / cpu
        print(
            f"{label:42}{total / cpu / 1e6:15.2f}{total / wall / 1e6:8.2f}{size / total:13.1f}"
            f"{total / cpu / base:7.1f}x",
            flush=True,
        )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def as_rows(folder: Path, points: Points) -> tuple[float, float, int]:
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        "CREATE TABLE m (series INTEGER, step INTEGER, time INTEGER, value REAL, PRIMARY KEY (series, step))"
        " WITHOUT ROWID"
    )
    steps, values, times = points
    every = len(NAMES)

    def work() -> None:  # a tenth is enough to know the rate
        for start in range(0, len(steps) // 10, 125):
            connection.execute("BEGIN")
            part = zip(steps[start : start + 125], times[start : start + 125], values[start : start + 125], strict=True)
            connection.executemany(
                "INSERT INTO m VALUES (?, ?, ?, ?)", [(s, *row) for row in part for s in range(every)]
            )
            connection.execute("COMMIT")

    cpu, wall = timed(work)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return cpu * 10, wall * 10, (folder / "rows.db").stat().st_size * 10


def batches(points: Points) -> Iterator[list[dict[str, object]]]:
    steps, values, times = points
    for start in range(0, len(steps), BATCH):
        part = slice(start, start + BATCH)
        yield [
            {
                "metric": name.split("/")[0],
                "variant": "train",
                "iter": steps[part],
                "value": values[part],
                "timestamp": times[part],
            }
            for name in NAMES
        ]


def as_columns(folder: Path, points: Points) -> tuple[float, float, int]:
    store = open_store(folder / "store.db", folder / "files")
    task = dispatch(store, "tasks.create", {"name": "ingest", "type": "training"})["id"]
    ready = list(batches(points))

    def work() -> None:
        for offset, scalars in enumerate(ready):
            dispatch(
                store,
                "events.add_columns",
                {"task": task, "run": "r", "stream": "s", "offset": offset, "next": offset + 1, "scalars": scalars},
            )

    cpu, wall = timed(work)
    store.db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return cpu, wall, (folder / "store.db").stat().st_size


def as_spool(folder: Path, points: Points) -> tuple[float, float, int]:
    run = RunFolder.create(folder / "runs")
    writer = Writer(run.path, "main")
    for step, value, moment in zip(*points, strict=True):
        writer.log(dict.fromkeys(NAMES, value), step, moment)
    writer.close()
    store = open_store(folder / "store.db", folder / "files")
    task = dispatch(store, "tasks.create", {"name": "ingest", "type": "training"})["id"]

    def send(body: dict[str, object]) -> dict[str, object]:
        return dispatch(store, "events.add_columns", {**body, "task": task})

    shipper = Shipper(run, send, lambda note: None)
    cpu, wall = timed(lambda: shipper.drain(final=True))
    stored = store.db.connection.execute("SELECT sum(size) FROM chunks").fetchone()[0]
    assert stored == len(points[0]) * len(NAMES), stored
    store.db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return cpu, wall, (folder / "store.db").stat().st_size


if __name__ == "__main__":
    main(int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 4_000_000)
