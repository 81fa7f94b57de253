"""How long a run recorded by the real `clearml` SDK takes against our server, and how much of that is the server's.

python benchmarks/clearml_sdk.py [ROUNDS]     base: the same run of the SDK in offline mode, which asks nobody

A run is: Task.init, parameters, 30 scalars, 5 artifacts, console, close; quick configuration (no reporting process), in
which nothing waits for a timer. The server's share is the time in which it had at least one answer to give, from its
access log: uploads come side by side. (No model: offline, the SDK itself fails on one.)
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROUNDS = 7
RUN = """
import sys, time
import clearml
from clearml import Task
start = time.perf_counter()
task = Task.init("bench", "one run", output_uri=True, reuse_last_task_id=False)
initialised = time.perf_counter()
task.connect({"lr": 0.1, "depth": 3})
logger = task.get_logger()
for step in range(30):
    logger.report_scalar("loss", "train", 1 / (step + 1), step)
for number in range(4):
    task.upload_artifact(f"artifact {number}", {"value": number})
open("weights.bin", "wb").write(b"w" * 100_000)
task.upload_artifact("weights", "weights.bin")
print("said something")
task.close()
end = time.perf_counter()
open("took", "w").write(f"{initialised - start} {end - start}")
"""
CONF = """
api { http { retries { total: 3, connect: 3, read: 3, status: 3, backoff_factor: 0.1, backoff_max: 1.0 } } }
sdk {
  development { report_use_subprocess: false, suppress_update_message: true, vcs_repo_detect_async: false }
  storage { cache { default_base_dir: "%s/cache" } }
}
"""


class Took(NamedTuple):
    init_s: float
    whole_s: float


class Served(NamedTuple):
    calls: int
    answer_s: float
    cpu_s: float


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clearml.conf").write_text(CONF % folder)
        base: list[Took] = []
        ours: list[Took] = []
        served: list[Served] = []
        calls: Counter[str] = Counter()
        spent: Counter[str] = Counter()
        with serving(folder) as (env, process, log):
            run(folder, env)  # compiles the SDK's modules, makes the project
            for _ in range(rounds):
                base.append(run(folder, {**env, "CLEARML_OFFLINE_MODE": "1"}))
                before, seen = sum(process.cpu_times()[:2]), log.stat().st_size
                ours.append(run(folder, env))
                lines = [json.loads(line) for line in log.read_bytes()[seen:].splitlines()]
                cpu_s = sum(process.cpu_times()[:2]) - before
                served.append(Served(len(lines), busy(lines), cpu_s))
                for line in lines:
                    called = line["path"].rpartition("/")[2] if "/v2" in line["path"] else line["method"] + " file"
                    calls[called] += 1
                    spent[called] += line["ms"]
    show(base, ours, served, rounds)
    print(f"\n{'where the server spent it':42}{'calls':>8}{'ms':>8}")
    for called, ms in spent.most_common(8):
        print(f"  {called:40}{calls[called] / rounds:8.1f}{ms / rounds:8.1f}")


def busy(lines: list[dict[str, Any]]) -> float:
    """Seconds in which at least one answer was under way; a line is written when its answer is sent."""
    ends = [(datetime.fromisoformat(line["time"]).timestamp(), line["ms"] / 1000) for line in lines]
    total = until = 0.0
    for start, end in sorted((end - took, end) for end, took in ends):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def show(base: list[Took], ours: list[Took], served: list[Served], rounds: int) -> None:
    print(f"one run of clearml {version()}; s, median of {rounds}\n")
    print(f"{'':42}{'offline':>8}{'ours':>8}{'ratio':>8}")
    for label, of in (("Task.init", lambda took: took.init_s), ("Task.init to close", lambda took: took.whole_s)):
        slow, fast = statistics.median(map(of, ours)), statistics.median(map(of, base))
        print(f"{label:42}{fast:8.3f}{slow:8.3f}{slow / fast:7.2f}x")
    whole = statistics.median(took.whole_s for took in ours)
    answer = statistics.median(one.answer_s for one in served)
    cpu = statistics.median(one.cpu_s for one in served)
    calls = round(statistics.median(one.calls for one in served))
    print(f"{f'the server, giving {calls} answers':50}{answer:8.3f}{answer / whole:8.1%}")
    print(f"{'the CPU of the server':50}{cpu:8.3f}{cpu / whole:8.1%}")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[dict[str, str], psutil.Process, Path]]:
    log, said = folder / "access.log", folder / "said"
    env = {**clean(), "HOME": str(folder), "MLOPS_HOME": str(folder / "mlops")}
    command = [sys.executable, "-m", "mlops_cli", "server", "up", "--port", "0", "--access-log", str(log)]
    with said.open("wb") as writer:
        process = subprocess.Popen(command, env=env, stdout=writer)
    try:
        until = time.monotonic() + 20
        while "SECRET_KEY=" not in said.read_text():
            assert time.monotonic() < until and process.poll() is None, "the server did not come up"
            time.sleep(0.02)
        lines = [line.removeprefix("export ").split("=", 1) for line in said.read_text().splitlines() if "=" in line]
        yield dict(lines) | {"CLEARML_CONFIG_FILE": str(folder / "clearml.conf")}, psutil.Process(process.pid), log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def run(folder: Path, env: dict[str, str]) -> Took:
    work = folder / os.urandom(4).hex()
    work.mkdir()
    (work / "train.py").write_text(RUN)
    subprocess.run(
        [sys.executable, "train.py"],
        cwd=work,
        env={**clean(), "HOME": str(folder), **env},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Took(*map(float, (work / "took").read_text().split()))


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "CLEARML_", "TRAINS_"))}


def version() -> str:
    from importlib.metadata import version as installed

    return installed("clearml")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
