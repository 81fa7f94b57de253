"""Children of the child: each start method finds the same run, and writes a stream of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Hooked
from .interpreters import HOOKED, need

WORKERS = """
import multiprocessing, os, sys

def work(number):
    open("worker%d.csv" % number, "w").close()
    return os.getpid()

if __name__ == "__main__":
    open("parent.csv", "w").close()
    context = multiprocessing.get_context(sys.argv[1])
    processes = [context.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes: process.start()
    for process in processes: process.join()
    print([process.exitcode for process in processes])
"""


@pytest.mark.parametrize("method", ("fork", "spawn", "forkserver"))
@pytest.mark.parametrize("version", HOOKED)
def test_workers_of_each_start_method_have_streams_of_their_own(version: str, method: str, hooked: Hooked) -> None:
    child = hooked(WORKERS, method, python=need(version))
    assert (child.out, child.err) == ("[0, 0, 0]\n", "")
    assert sorted(Path(path).stem for path in child.opened("w")) == ["parent", "worker0", "worker1", "worker2"]
    assert len(child.streams) == 4


def test_a_fork_while_another_thread_is_noting_blocks_nobody(hooked: Hooked) -> None:
    script = """
import os, threading
stop = False
def busy():
    number = 0
    while not stop:
        open("b%d.dat" % number, "w").close(); number += 1
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
for number in range(30):
    pid = os.fork()
    if not pid:
        open("child%d.out" % number, "w").close()
        os._exit(0)
    os.waitpid(pid, 0)
stop = True
for thread in threads: thread.join()
"""
    child = hooked(script, env={"PYTHONWARNINGS": "ignore"})
    assert (child.code, child.err) == (0, "")
    children = {Path(path).name for path in child.opened("w") if "child" in path}
    # A child that is past the limit of noted files counts instead.
    assert len(children) == 30 or child.of("left_out")
    assert len(child.streams) == 31


def test_only_the_first_interpreter_is_the_main_one(hooked: Hooked) -> None:
    script = """
import argparse, subprocess, sys
parser = argparse.ArgumentParser(); parser.add_argument("--rank", type=int, default=0)
values = parser.parse_args()
if not values.rank:
    subprocess.check_call([sys.executable, __file__, "--rank", "1"])
"""
    child = hooked(script)
    found = {(note["main"], note["items"]["rank"]["value"]) for note in child.of("params")}
    assert found == {(True, "0"), (False, "1")}
    assert child.interpreter is not None and child.interpreter["argv"] == ["main.py"]


def test_a_child_with_a_bare_environment_runs_without_the_hook(hooked: Hooked) -> None:
    script = "import subprocess, sys\nsubprocess.check_call([sys.executable, '-c', 'open(\"x.csv\", \"w\")'], env={})"
    child = hooked(script)
    assert (child.code, child.err, child.opened("w")) == (0, "", [])
