"""How fast tasks go through a queue of the embedded store, alone and among idle workers.

python benchmarks/queues.py [TASKS]     base: one committed row in the same file, which no hand-over can beat
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store, open_store

IDLE = 100
EVERY_S = 0.1
"""How often an idle worker asks: fifty times as often as an agent does."""


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(folder / "store.db", folder / "files")
        tasks = [dispatch(store, "tasks.create", {"name": f"task {n}", "type": "training"})["id"] for n in range(count)]
        queue = dispatch(store, "queues.create", {"name": "busy"})["id"]
        empty = dispatch(store, "queues.create", {"name": "empty"})["id"]
        store.db.connection.execute("CREATE TABLE base (x INTEGER)")
        base = per_second("one committed row", count, lambda n: commit(store, n))
        show(base, "an idle poll", count, lambda n: dispatch(store, "queues.get_next_task", {"queue": empty}))
        show(base, "enqueue", count, lambda n: dispatch(store, "tasks.enqueue", {"task": tasks[n], "queue": queue}))
        show(base, "get_next_task", count, lambda n: dispatch(store, "queues.get_next_task", {"queue": queue}))

        def pair(n: int) -> None:
            dispatch(store, "tasks.enqueue", {"task": tasks[n], "queue": queue})
            assert dispatch(store, "queues.get_next_task", {"queue": queue})

        show(base, "enqueue and get_next_task", count, pair)
        with idle_workers(store, empty) as waits:
            show(base, f"the same, {IDLE} idle workers", count, pair)
        print(f"\n{len(waits)} idle polls meanwhile: median {statistics.median(waits) * 1e3:.2f} ms,", end=" ")
        print(f"p99 {statistics.quantiles(waits, n=100)[98] * 1e3:.2f} ms")
        claim_from_threads(base, store, queue, tasks)
        store.close()


def commit(store: Store, n: int) -> None:
    with store.db.write() as connection:
        connection.execute("INSERT INTO base VALUES (?)", (n,))


@contextmanager
def idle_workers(store: Store, queue: str) -> Iterator[list[float]]:
    """Threads that ask an empty queue again and again; gives how long each poll took."""
    stop, waits = threading.Event(), []

    def poll() -> None:
        while not stop.wait(EVERY_S):
            begin = time.perf_counter()
            dispatch(store, "queues.get_next_task", {"queue": queue})
            waits.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=poll) for _ in range(IDLE)]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def claim_from_threads(base: float, store: Store, queue: str, tasks: list[str]) -> None:
    for task in tasks:
        dispatch(store, "tasks.enqueue", {"task": task, "queue": queue})
    taken: list[str] = []

    def take() -> None:
        while answer := dispatch(store, "queues.get_next_task", {"queue": queue}):
            taken.append(answer["entry"]["task"])

    threads = [threading.Thread(target=take) for _ in range(4)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(taken) / (time.perf_counter() - begin)
    assert sorted(taken) == sorted(tasks)
    print(f"{'four workers at one queue':34} {rate:10.0f} /s {base / rate:8.1f}")


def show(base: float, title: str, count: int, action: Callable[[int], object]) -> None:
    rate = per_second("", count, action)
    print(f"{title:34} {rate:10.0f} /s {base / rate:8.1f}")


def per_second(title: str, count: int, action: Callable[[int], object]) -> float:
    begin = time.perf_counter()
    for n in range(count):
        action(n)
    rate = count / (time.perf_counter() - begin)
    if title:
        print(f"{title:34} {rate:10.0f} /s {'ratio':>8}")
    return rate


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
