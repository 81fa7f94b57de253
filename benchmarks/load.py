"""Two hundred clients of the server at once for a minute: how long they wait, and whether anything fails.

python benchmarks/load.py [CLIENTS] [SECONDS] [--pause S]     base: one client alone. Exit code 1 when a call fails.

A client is a keep-alive connection that makes a run and then sends ten points, reads the run, lists the newest twenty
and pings, again and again. Without --pause nobody ever waits between two calls: the server is always full, and a wait
is mostly that in the queue of all clients. With --pause a client waits about that long after a call, as runs do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from servers import JSON, LINES, Ours, load_average, our_server


class Result(NamedTuple):
    """Seconds that calls took, in order of size."""

    label: str
    seconds: float
    times: list[float]
    errors: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clients", nargs="?", type=int, default=200)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=0.0, help="Seconds that a client waits after a call.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, our_server(Path(name)) as ours:
        print(f"{'':26}{'calls/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU us':>9}{'MB':>7}{'errors':>8}")
        show(ours, crowd(ours, "one client alone", 1, min(10.0, given.seconds), 0.0))
        label = f"{given.clients} clients" + (f", pause {given.pause:g} s" if given.pause else "")
        result = show(ours, crowd(ours, label, given.clients, given.seconds, given.pause))
        print(f"load average {load_average()}")
    for text in sorted(set(result.errors))[:5]:
        print(text)
    sys.exit(bool(result.errors))


def crowd(ours: Ours, label: str, clients: int, seconds: float, pause_s: float) -> tuple[Result, float]:
    """What the clients saw, and the CPU seconds of the server."""
    result = Result(label, seconds, [], [])
    before = ours.server.used().cpu_s
    asyncio.run(_crowd(ours, result, clients, pause_s))
    result.times.sort()
    return result, ours.server.used().cpu_s - before


async def _crowd(ours: Ours, result: Result, clients: int, pause_s: float) -> None:
    end = time.perf_counter() + result.seconds
    await asyncio.gather(*(_client(ours, result, end, pause_s) for _ in range(clients)))


async def _client(ours: Ours, result: Result, end: float, pause_s: float) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.server.port)
        made = await exchange(reader, writer, request(ours, "/tasks.create", b'{"name":"a run","type":"training"}'))
        task = json.loads(made)["data"]["id"]
        for call in calls(ours, task):
            if pause_s:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            began = time.perf_counter()
            if began > end:
                break
            await exchange(reader, writer, call)
            result.times.append(time.perf_counter() - began)
        writer.close()
    except (OSError, RuntimeError, EOFError) as error:
        result.errors.append(repr(error)[:300])


def calls(ours: Ours, task: str) -> Iterator[bytes]:
    about = json.dumps({"task": task}).encode()
    newest = json.dumps({"page": 0, "page_size": 20, "only_fields": ["id", "name", "status"]}).encode()
    step = 0
    while True:
        lines = "\n".join(
            f'{{"type":"training_stats_scalar","task":"{task}","metric":"loss","variant":"v","iter":{at},"value":{at}}}'
            for at in range(step, step + 10)
        )
        step += 10
        yield request(ours, "/events.add_batch", lines.encode(), LINES)
        yield request(ours, "/tasks.get_by_id", about)
        yield request(ours, "/tasks.get_all", newest)
        yield request(ours, "/tasks.ping", about)


def request(ours: Ours, path: str, body: bytes, kind: str = JSON) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{ours.headers}Content-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: bytes) -> bytes:
    """The body of the answer. Raises RuntimeError unless it is 200."""
    writer.write(call)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{head[:40]!r} {body[:200]!r}")
    return body


def show(ours: Ours, measured: tuple[Result, float]) -> Result:
    result, cpu_s = measured
    times, count = result.times, max(1, len(result.times))
    if times:
        p50, p99, worst = (times[min(count - 1, int(count * part))] * 1e3 for part in (0.5, 0.99, 1.0))
        memory = ours.server.used().memory_mb
        print(
            f"{result.label:26}{count / result.seconds:9,.0f}{p50:9.1f}{p99:9.1f}{worst:9.1f}"
            f"{cpu_s / count * 1e6:9.0f}{memory:7.0f}{len(result.errors):8}",
            flush=True,
        )
    return result


if __name__ == "__main__":
    main()
