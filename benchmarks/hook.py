"""What the hook costs: the start of an interpreter, an open() that it sees, and the events that it lets pass.

python benchmarks/hook.py [PYTHON ...]
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SITE = Path(__file__).resolve().parents[1] / "mlops_cli" / "hook" / "site"
STARTS = 40

OPENS = """
import os, sys, tempfile, time, copy
folder, count = sys.argv[1], 100_000
same = os.path.join(folder, "same.txt")
open(same, "w").close()
many = [os.path.join(folder, "f%d.txt" % i) for i in range(2000)]
for path in many: open(path, "w").close()
def timed(work, n):
    best = 1e9
    for _ in range(3):
        begun = time.perf_counter(); work(); best = min(best, time.perf_counter() - begun)
    return best / n * 1e6
def one():
    for _ in range(count): os.close(os.open(same, os.O_RDONLY))
def text():
    for _ in range(20000): open(same).close()
def ids():
    for _ in range(count): id(same)
data = {"k%d" % i: list(range(10)) for i in range(500)}
begun = time.perf_counter()
for path in many: os.close(os.open(path, os.O_RDONLY))
first = (time.perf_counter() - begun) / len(many) * 1e6
print(timed(one, count), timed(text, 20000), first, timed(ids, count), timed(lambda: copy.deepcopy(data), 1))
"""


def starts(python: str, env: dict[str, str], code: str) -> tuple[float, float]:
    """Median CPU and wall milliseconds of one process."""
    cpu, wall = [], []
    for _ in range(STARTS):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed
        begun = __import__("time").perf_counter()
        subprocess.run([python, "-c", code], env=env, check=True, stdout=subprocess.DEVNULL)
        wall.append((__import__("time").perf_counter() - begun) * 1e3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3)
    return statistics.median(cpu), statistics.median(wall)


def environments(folder: str) -> tuple[dict[str, str], dict[str, str]]:
    base = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "PYTHON"))}
    run = os.path.join(folder, "run")
    os.makedirs(os.path.join(run, "spool"), exist_ok=True)
    return base, {**base, "PYTHONPATH": str(SITE), "MLOPS_RUN_DIR": run}


def main() -> None:
    for python in sys.argv[1:] or [sys.executable]:
        with tempfile.TemporaryDirectory() as folder:
            base, hooked = environments(folder)
            print(python)
            for name, code in (
                ("pass", "pass"),
                ("argparse", "import argparse; argparse.ArgumentParser().parse_args([])"),
            ):
                starts(python, hooked, code)
                (cpu, wall), (cpu_on, wall_on) = starts(python, base, code), starts(python, hooked, code)
                print(f"  start, {name:<9} {cpu:7.1f} -> {cpu_on:5.1f} ms CPU   {wall:7.1f} -> {wall_on:5.1f} ms wall")
            rows = []
            for env in (base, hooked):
                work = os.path.join(folder, f"work{len(rows)}")
                os.makedirs(work)
                out = subprocess.run(
                    [python, "-c", OPENS, work], env=env, check=True, capture_output=True, text=True
                ).stdout
                rows.append([float(word) for word in out.split()])
            names = ("os.open again", "open() again", "os.open first time", "id()", "deepcopy of 5500")
            for name, without, with_hook in zip(names, *rows, strict=True):
                print(f"  {name:<18} {without:8.2f} -> {with_hook:8.2f} us")


if __name__ == "__main__":
    main()
