"""Memory of the server under hours of work in minutes: four clients write and read without a pause.

python benchmarks/soak.py [MINUTES] [--pause S]     fails when memory goes on growing; base: its memory when warm

There are 100 runs at the beginning. Each client records one of 200,000 points and 2000 lines, reads its curve, its
log and the newest runs as it goes, ends it, begins the next, and deletes every second one. Resident memory is sampled
every five seconds; warm is the median of the second fifth of the time, and the end is the median of the last fifth. The
store's own file and the kernel's cache of it are no memory of the server.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from array import array
from itertools import count
from pathlib import Path

import msgspec
from servers import MSGPACK, Client, Json, Ours, load_average, our_server

CLIENTS = 4
NUMBERS = count()
EVERY_S = 5.0
GROWTH_MB = 8.0
"""What the end may have over the warm server: the allocator's own movements, and no more however long it runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    parser.add_argument("--pause", type=float, default=0.0, help="Seconds between the calls of a client.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, our_server(Path(name)) as ours:
        print(f"idle: {ours.server.used().resident_mb:.1f} MB, load average {load_average()}", flush=True)
        fill(ours)
        calls, errors = [0] * CLIENTS, []
        is_over = threading.Event()

        def run(number: int) -> None:
            try:
                while not is_over.is_set():
                    calls[number] += one_run(ours, is_over, given.pause)
            except Exception as error:
                errors.append(f"client {number}: {error!r}")

        threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            samples = watch(ours, given.minutes, calls)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        sys.exit(verdict(samples, calls, errors, given.minutes))


def fill(ours: Ours) -> None:
    """As many runs as a list shows: what is answered later is as large from the beginning."""
    client = ours.client()
    for _ in range(100):
        task = client.call("/tasks.create", {"name": "soak", "type": "training"})["data"]["id"]
        client.send(columns(client, task, 0, range(125)))
    client.close()


def watch(ours: Ours, minutes: float, calls: list[int]) -> list[float]:
    """Memory in MB, every five seconds until the time is over."""
    samples: list[float] = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < minutes * 60:
        used = ours.server.used()
        samples.append(used.resident_mb)
        if len(samples) % 12 == 1:
            size = sum(path.stat().st_size for path in ours.home.glob("store.db*")) >> 20
            print(f"{passed:5.0f} s  {used.resident_mb:6.1f} MB  {used.cpu_s:6.1f} s CPU  store {size} MB", flush=True)
        time.sleep(EVERY_S)
    return samples


def verdict(samples: list[float], calls: list[int], errors: list[str], minutes: float) -> int:
    fifth = max(1, len(samples) // 5)
    warm, end = statistics.median(samples[fifth : 2 * fifth]), statistics.median(samples[-fifth:])
    print(f"{sum(calls):,} calls in {minutes:g} minutes, {len(errors)} errors, load average {load_average()}")
    print(f"warm {warm:.1f} MB, end {end:.1f} MB, most {max(samples):.1f} MB; may grow by {GROWTH_MB:g} MB")
    for error in errors:
        print(error)
    return int(bool(errors) or end - warm > GROWTH_MB)


def one_run(ours: Ours, is_over: threading.Event, pause_s: float) -> int:
    """A run from its creation to its end; how many calls that took."""
    client, calls = ours.client(), 0
    is_deleted = next(NUMBERS) % 2 == 0

    def call(path: str, body: Json) -> Json:
        nonlocal calls
        calls += 1
        if pause_s:
            time.sleep(pause_s)
        answer: Json = client.call(path, body)["data"]
        return answer

    task = call("/tasks.create", {"name": "soak", "type": "training"})["id"]
    call("/tasks.started", {"task": task})
    for number in range(200):
        if is_over.is_set():
            break
        steps = range(number * 125, number * 125 + 125)
        client.send(columns(client, task, number, steps))
        calls += 1
        if number % 10 == 0:
            call("/tasks.get_all", {"page": 0, "page_size": 100, "order_by": ["-last_update"]})
            call("/events.get_curve", {"task": task, "metric": "m0", "variant": "v", "samples": 320})
            call("/events.get_task_log", {"task": task, "batch_size": 100})
            call("/events.scalar_metrics_iter_histogram", {"task": task, "samples": 1000})
    call("/tasks.completed", {"task": task})
    if is_deleted:
        call("/tasks.delete", {"task": task, "force": True})
    client.close()
    return calls


def columns(client: Client, task: str, number: int, steps: range) -> bytes:
    iters, now = array("q", steps).tobytes(), array("q", [int(time.time() * 1000)] * len(steps)).tobytes()
    values = array("d", [step * 0.001 for step in steps]).tobytes()
    body = {
        "task": task, "run": task, "stream": "s", "offset": number, "next": number + 1,
        "scalars": [
            {"metric": f"m{k}", "variant": "v", "iter": iters, "value": values, "timestamp": now} for k in range(8)
        ],
        "console": [{"timestamp": number, "level": "info", "raw": b"step %d of the run\n" % number * 10}],
    }  # fmt: skip
    return client.request("/events.add_columns", msgspec.msgpack.encode(body), kind=MSGPACK)


if __name__ == "__main__":
    main()
