"""Children of the child: each start method finds the same run, and writes a stream of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Hooked
from .frameworks import need_module
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
def busy(thread):
    for number in range(300):
        open("b%d-%d.dat" % (thread, number), "w").close()
threads = [threading.Thread(target=busy, args=(thread,)) for thread in range(3)]
for thread in threads: thread.start()
for number in range(30):
    pid = os.fork()
    if not pid:
        open("child%d.out" % number, "w").close()
        os._exit(0)
    os.waitpid(pid, 0)
for thread in threads: thread.join()
"""
    child = hooked(script, env={"PYTHONWARNINGS": "ignore"})
    assert (child.code, child.err) == (0, "")
    children = {Path(path).name for path in child.opened("w") if "child" in path}
    assert len(children) == 30
    assert len(child.streams) == 31 == len({name.split("-")[0] for name in child.streams})


def test_what_the_first_interpreter_starts_says_so_of_its_parameters(hooked: Hooked) -> None:
    script = """
import argparse, subprocess, sys
parser = argparse.ArgumentParser(); parser.add_argument("--rank", type=int, default=0)
values = parser.parse_args()
if not values.rank:
    subprocess.check_call(["sh", "-c", '"$0" "$1" --rank 1; true', sys.executable, __file__])
"""
    child = hooked(script)
    found = {(note["inner"], note["items"]["rank"]["value"]) for note in child.of("params")}
    assert found == {(False, "0"), (True, "1")}
    assert child.interpreter is not None and child.interpreter["argv"] == ["main.py"]


def test_a_program_that_comes_after_the_first_one_is_not_inside_it(hooked: Hooked) -> None:
    body = "import argparse\nparser = argparse.ArgumentParser(); parser.add_argument('--lr'); parser.parse_args()"
    first = hooked(body, "--lr", "1")
    both = hooked(body, "--lr", "2", folder=first.folder)
    assert [note["inner"] for note in both.of("params")] == [False, False]


def test_a_child_with_a_bare_environment_runs_without_the_hook(hooked: Hooked) -> None:
    script = "import subprocess, sys\nsubprocess.check_call([sys.executable, '-c', 'open(\"x.csv\", \"w\")'], env={})"
    child = hooked(script)
    assert (child.code, child.err, child.opened("w")) == (0, "", [])


def test_loky_workers_of_joblib_write_their_own_streams_and_no_parameters(hooked: Hooked) -> None:
    script = """
import argparse, joblib
def work(number):
    open("w%d.csv" % number, "w").close()
if __name__ == "__main__":
    parser = argparse.ArgumentParser(); parser.add_argument("--lr", type=float, default=0.1); parser.parse_args()
    joblib.Parallel(n_jobs=2)(joblib.delayed(work)(number) for number in range(4))
"""
    child = hooked(script, python=need_module("joblib"))
    assert child.code == 0, child.err
    assert {f"w{number}.csv" for number in range(4)} <= {Path(path).name for path in child.opened("w")}
    assert set(child.items()) == {"lr"}
    assert len(child.streams) >= 2


def test_each_rank_of_torchrun_has_its_stream_and_the_launcher_no_parameters(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import argparse, os
parser = argparse.ArgumentParser(); parser.add_argument("--lr", type=float, default=0.1); parser.parse_args()
open("rank%s.csv" % os.environ["RANK"], "w").close()
"""
    python = need_module("torch")
    launcher = [python, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    child = hooked(script, "--lr", "0.5", python=launcher)
    assert child.code == 0, child.err
    assert {"rank0.csv", "rank1.csv"} <= {Path(path).name for path in child.opened("w")}
    assert set(child.items()) == {"lr"} and child.items()["lr"]["value"] == "0.5"
    assert len(child.of("params")) == 2
    assert len(child.streams) >= 2


def test_coverage_measures_the_program_and_its_options_are_noted(hooked: Hooked, tmp_path: Path) -> None:
    script = "import argparse\nparser = argparse.ArgumentParser(); parser.add_argument('--lr', type=float)\n"
    script += "print(parser.parse_args().lr)\n"
    python = need_module("coverage")
    child = hooked(script, "--lr", "2", python=[python, "-m", "coverage", "run"])
    assert (child.code, child.out) == (0, "2.0\n"), child.err
    assert child.items()["lr"]["value"] == "2.0"
    assert (tmp_path / "work" / ".coverage").exists()
