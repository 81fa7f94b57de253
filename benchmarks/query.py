"""How fast the embedded store answers questions about many tasks.

python benchmarks/query.py [TASKS]     base of the last row: `python -c pass`; the rows above are one call each
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_cli.schemas.metrics import series_key
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store, open_store

ROUNDS = 30
LISTED = ["name", "status", "created", "started", "tags", "project", "user", "last_iteration", "active_duration"]
LOSS = "last_metrics.{}.{}.value".format(*series_key("loss", "val"))
RATE = "hyperparams.Args.lr.value"
QUESTIONS: dict[str, dict[str, Any]] = {
    "newest 20": {"order_by": ["-started"], "system_tags": ["-archived"], "only_fields": LISTED},
    "newest 20, whole documents": {"order_by": ["-created"]},
    "20 by a metric": {"order_by": [LOSS], "only_fields": LISTED},
    "20 by a metric, one parameter fixed": {RATE: "0.1", "order_by": [LOSS], "only_fields": LISTED},
    "20 by a parameter": {"order_by": [RATE], "only_fields": LISTED},
    "a metric in a range": {LOSS: [0.5, None], "only_fields": LISTED},
    "a name by regular expression": {"name": "run 9+$", "only_fields": LISTED},
    "a tag that nobody has": {"tags": ["absent"], "only_fields": LISTED},
    "one task by its run": {"runtime.mlops_run": f"{77:032x}", "only_fields": ["id"]},
}
PROGRAM = """
import sys, pathlib
from mlops_cli.server.store.store import open_store
from mlops_cli.server.dispatch import dispatch
folder = pathlib.Path(sys.argv[1])
store = open_store(folder / "store.db", folder / "files")
dispatch(store, "tasks.get_all", {"order_by": ["-started"], "system_tags": ["-archived"], "page_size": 20})
"""


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(folder / "store.db", folder / "files")
        begin = time.perf_counter()
        fill(store, count)
        size = (folder / "store.db").stat().st_size >> 20
        print(f"{count} tasks made in {time.perf_counter() - begin:.1f} s, {size} MiB\n")
        for title, query in QUESTIONS.items():
            show(title, lambda query=query: dispatch(store, "tasks.get_all", {"page_size": 20, **query}))
        store.close()
        show("open and close", lambda: open_store(folder / "store.db", folder / "files").close())
        base = show("python -c pass", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
        whole = [sys.executable, "-c", PROGRAM, name]
        ours = show("a process that lists the newest 20", lambda: subprocess.run(whole, check=True))
        print(f"{'':40}{ours / base:10.1f} x")


def fill(store: Store, count: int) -> None:
    random.seed(1)
    keys = [series_key("loss", "val"), *(series_key(f"metric {n}", "val") for n in range(5))]
    with store.db.write() as connection:
        project = dispatch(store, "projects.create", {"name": "bench"})["id"]
        for number in range(count):
            parameters = {f"p{n}": {"value": str(random.random()), "type": "float"} for n in range(20)}
            parameters["lr"] = {"value": random.choice(("0.1", "0.01", "0.001")), "type": "float"}
            request = {
                "name": f"run {number}",
                "type": "training",
                "project": project,
                "tags": ["baseline"] if number % 3 else [],
                "system_tags": ["archived"] if number % 10 == 0 else [],
                "hyperparams": {"Args": parameters},
                "runtime": {"mlops_run": f"{number:032x}"},
                "script": {"repository": "r", "diff": "x" * 20_000},
            }
            task = dispatch(store, "tasks.create", request)["id"]
            dispatch(store, "tasks.started", {"task": task})
            rows = [(task, metric, variant, metric, "val", random.random(), 1, 1) for metric, variant in keys]
            connection.executemany(
                "INSERT INTO series (task, metric_hash, variant_hash, metric, variant, value, last_iter, count)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )


def show(title: str, work: Callable[[], Any]) -> float:
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begin) * 1e3)
    median = statistics.median(spent)
    print(f"{title:40}{median:10.2f} ms   best {min(spent):.2f}")
    return median


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
