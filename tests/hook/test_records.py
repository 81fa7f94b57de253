"""The writer in real processes: killed, forked, threaded, spawned, out of disk, on every interpreter of the machine."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_cli.hook import records
from mlops_cli.hook.records import Writer
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.reader import StreamReader, streams

RECORDS = Path(records.__file__)
LOAD = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("records", {str(RECORDS)!r})
records = importlib.util.module_from_spec(spec)
sys.modules["records"] = records
spec.loader.exec_module(records)
folder = sys.argv[1]
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs")


def run(code: str, folder: RunFolder, python: str = sys.executable) -> subprocess.CompletedProcess:
    return subprocess.run(
        [python, "-W", "ignore", "-c", LOAD + code, str(folder.path)], capture_output=True, text=True, timeout=60
    )


def found(folder: RunFolder) -> tuple[dict[str, list[tuple[int, float]]], list[dict], int]:
    """Points by metric, notes, damaged bytes, of all streams."""
    points: dict[str, list[tuple[int, float]]] = {}
    notes: list[dict] = []
    torn = 0
    for stream in streams(folder.spool):
        reader, offset = StreamReader(stream), 0
        while not (batch := reader.read(offset, final=True)).is_empty:
            for (metric, _), (iters, values, _times) in batch.scalars.items():
                points.setdefault(metric, []).extend(zip(iters, values, strict=True))
            notes += batch.notes
            torn += batch.torn
            offset = batch.next
    return points, notes, torn


KILLED = """
import os
if sys.argv[2] == "plain":
    del os.posix_fallocate  # as where the system has none
writer = records.Writer(folder)
ledger = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
step = 0
while True:
    writer.log({"a": step, "b": step * 0.5}, step)
    if step % 5 == 0:
        writer.note({"k": "text", "text": "x" * (step % 700), "iter": step})
    os.write(ledger, b"%d\\n" % step)
    step += 1
"""


@pytest.mark.parametrize("mode", ["mapped", "plain"])
@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_nothing_that_was_logged(folder: RunFolder, tmp_path: Path, mode: str, seed: int) -> None:
    ledger = tmp_path / "ledger"
    command = [sys.executable, "-c", LOAD + KILLED, str(folder.path), mode, str(ledger)]
    with subprocess.Popen(command) as child:
        while not ledger.exists() or not ledger.stat().st_size:
            time.sleep(0.001)
        time.sleep(random.Random(seed).random() * 0.25)
        child.send_signal(signal.SIGKILL)
    logged = [int(line) for line in ledger.read_text().split()]
    points, notes, _ = found(folder)
    assert logged == list(range(len(logged)))
    for name, factor in (("a", 1.0), ("b", 0.5)):
        steps = [step for step, _ in points[name]]
        assert steps[: len(logged)] == logged
        assert len(steps) - len(logged) in (0, 1)
        assert points[name] == [(step, step * factor) for step in steps]
    assert [note["iter"] for note in notes][: len(logged[::5])] == logged[::5]


FORKED = """
import os, threading
writer = records.Writer(folder)
writer.log({"main": 1}, 1)
def thread(name):
    for step in range(2000):
        writer.log({name: step}, step)
threads = [threading.Thread(target=thread, args=("thread%d" % n,)) for n in range(4)]
for one in threads: one.start()
children = []
for n in range(3):
    pid = os.fork()
    if not pid:
        for step in range(2000):
            writer.log({"child%d" % n: step}, step)
        inner = threading.Thread(target=thread, args=("inner%d" % n,))
        inner.start(); inner.join()
        os._exit(0)
    children.append(pid)
for step in range(2, 2000):
    writer.log({"main": step}, step)
for one in threads: one.join()
for pid in children: assert os.waitpid(pid, 0)[1] == 0
assert not writer.dropped
"""


def test_threads_and_forks_write_streams_of_their_own(folder: RunFolder) -> None:
    result = run(FORKED, folder)
    assert (result.returncode, result.stderr) == (0, "")
    points, _, torn = found(folder)
    assert torn == 0
    names = [
        "main",
        *(f"{kind}{n}" for kind, count in (("thread", 4), ("child", 3), ("inner", 3)) for n in range(count)),
    ]
    assert sorted(points) == sorted(names)
    for name in names:
        expected = [(step, float(step)) for step in range(2000)]
        assert points[name] == (expected if name != "main" else [(1, 1.0), *expected[2:]])


SPAWNED = """
import multiprocessing
from mlops_cli.hook.records import Writer
def work(n):
    writer = Writer(folder)
    for step in range(500):
        writer.log({"n%d" % n: step}, step)
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[2]).Pool(3) as pool:
        pool.map(work, range(6))
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_pools_of_processes_write_streams_of_their_own(folder: RunFolder, tmp_path: Path, method: str) -> None:
    script = tmp_path / "spawned.py"
    script.write_text("import sys\nfolder = sys.argv[1]\n" + SPAWNED)
    subprocess.run([sys.executable, script, folder.path, method], check=True, timeout=60)
    points, _, torn = found(folder)
    assert points == {f"n{n}": [(step, float(step)) for step in range(500)] for n in range(6)}
    assert torn == 0


def test_a_stream_is_never_continued_by_another(folder: RunFolder) -> None:
    for step in range(3):
        writer = Writer(folder.path, stream="follow")
        writer.log({"a": step}, step)
        writer.close()
    assert [stream.name for stream in streams(folder.spool)] == ["follow", "follow.2", "follow.3"]


def test_a_signal_handler_may_log_too(folder: RunFolder) -> None:
    code = """
import itertools, signal
writer = records.Writer(folder)
inside = itertools.count()
def handler(*_):  # interrupts itself, too
    number = next(inside)
    writer.log({"inside": number}, number)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for step in range(100000):
    writer.log({"outside": step}, step)
signal.setitimer(signal.ITIMER_REAL, 0)
assert not writer.dropped
print(next(inside))
"""
    result = run(code, folder)
    assert (result.returncode, result.stderr) == (0, "")
    points, _, torn = found(folder)
    assert torn == 0
    assert [step for step, _ in points["outside"]] == list(range(100000))
    # One that interrupted the opening of a segment went to a stream of its own: only the order differs then.
    assert sorted(step for step, _ in points["inside"]) == list(range(int(result.stdout)))
    assert int(result.stdout) > 20


class Tensor:
    """As numpy scalars and tensors of one element do."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value

    def __index__(self) -> int:
        return int(self.value)


class OnlyItem:
    def item(self) -> float:
        return 4.5


def test_odd_numbers_are_taken_and_what_is_none_is_counted(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = Writer(folder.path)
    for turn in range(2):  # the first time on the slow path, then on the quick one
        writer.log({"a": Tensor(1.5)}, Tensor(turn))
        writer.log({"b": OnlyItem()}, float(turn))
    assert writer.dropped == 0
    for value in ("text", None, 1j, [1, 2], 10**400, object()):
        writer.log({"a": value}, 9)
    writer.log({"a": 1}, "nine")
    writer.log({"a": 1}, 2**63)
    writer.log({"a": 1}, float("nan"))
    writer.log(5, 9)  # type: ignore[arg-type]
    writer.log({3: 4.0}, 9)  # type: ignore[dict-item]
    writer.note({"k": Endless()})
    points, _, _ = found(folder)
    assert points == {"a": [(0, 1.5), (1, 1.5)], "b": [(0, 4.5), (1, 4.5)]}
    assert writer.dropped == 12
    assert capsys.readouterr().err.count("mlops: ") == 1
    writer.close()
    _, notes, _ = found(folder)
    assert notes == [{"k": "left_out", "what": "12 records", "why": "they could not be written"}]


class Endless:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_run_folder_that_vanishes_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    writer = Writer(tmp_path / "gone", on_trouble=told.append)
    for step in range(100):
        writer.log({"a": 1}, step)
        writer.note({"k": "text"})
    writer.flush()
    writer.close()
    assert writer.dropped >= 200
    assert len(told) == 1
    assert "gone" in told[0]
    assert capsys.readouterr().err == ""


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
records.RETRY_S = 0.0
writer = records.Writer(folder)
count = 0
while not writer.dropped:
    writer.log({"a": count}, count); count += 1
    if count % 100 == 0: writer.note({"k": "text", "iter": count})
kept = count - 1
writer.log({"lost": 1}, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.log({"later": 1}, 1)
writer.close()
print(kept, writer.dropped)
"""


@pytest.mark.parametrize("limit", [0, 1000, 70_000, 200_000])
def test_a_file_that_may_not_grow_loses_only_what_did_not_fit(folder: RunFolder, limit: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LOAD + LIMITED, str(folder.path), str(limit)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("mlops: ") == 1
    kept, dropped = map(int, result.stdout.split())
    points, notes, _ = found(folder)
    assert [step for step, _ in points.get("a", [])] == list(range(kept))
    assert points["later"] == [(1, 1.0)]
    assert "lost" not in points
    assert notes[-1] == {"k": "left_out", "what": f"{dropped} records", "why": "they could not be written"}
    assert kept >= (limit - 200) // 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "none", mount], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs root to mount a small disk")
    yield mount
    subprocess.run(["umount", "-l", mount], check=True)


@pytest.mark.needs_root
def test_a_full_disk_is_no_signal_and_writing_goes_on_when_there_is_room(small_disk: Path) -> None:
    folder = RunFolder.create(small_disk / "runs")
    filler = small_disk / "filler"
    code = """
import os
records.RETRY_S = 0.0
writer = records.Writer(folder)
count = 0
while not writer.dropped:
    writer.log({"a": count}, count); count += 1
kept = count - 1
os.unlink(sys.argv[2])
writer.log({"later": 1}, 1)
print(kept, writer.dropped)
"""
    filler.write_bytes(bytes(200_000))
    result = subprocess.run(
        [sys.executable, "-c", LOAD + code, str(folder.path), str(filler)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    kept, dropped = map(int, result.stdout.split())
    points, _, _ = found(folder)
    assert [step for step, _ in points["a"]] == list(range(kept))
    assert points["later"] == [(1, 1.0)]
    assert dropped == 1
    assert kept * 32 > 100_000


def interpreters() -> list[Path]:
    versions = Path("~/.pyenv/versions").expanduser()
    found = sorted(versions.glob("3.*/bin/python")) if versions.exists() else []
    return [path for path in found if int(path.parts[-3].split(".")[1]) >= 8]


@pytest.mark.parametrize("python", interpreters() or [Path(sys.executable)], ids=lambda path: path.parts[-3])
def test_every_interpreter_from_3_8_on_writes_the_same_format(folder: RunFolder, python: Path) -> None:
    code = """
import os, threading
writer = records.Writer(folder)
for step in range(3000):
    writer.log({"a": step, "train/b": step / 2}, step)
writer.note({"k": "params", "items": {"l\\u00fc": [1.5, None, True, "\\u20ac"]}})
thread = threading.Thread(target=lambda: writer.log({"t": 1}, 1))
thread.start(); thread.join()
if not os.fork():
    writer.log({"f": 1}, 1); os._exit(0)
os.wait()
writer.flush(); writer.close()
assert not writer.dropped
assert "json" not in sys.modules and "threading" in sys.modules
"""
    result = run(code, folder, str(python))
    assert (result.returncode, result.stderr) == (0, "")
    points, notes, torn = found(folder)
    assert points["a"] == [(step, float(step)) for step in range(3000)]
    assert points["train"] == [(step, step / 2) for step in range(3000)]
    assert points["t"] == points["f"] == [(1, 1.0)]
    assert notes == [{"k": "params", "items": {"lü": [1.5, None, True, "€"]}}]
    assert torn == 0


def test_a_writer_that_logged_little_takes_little(folder: RunFolder) -> None:
    Writer(folder.path).log({"a": 1}, 1)
    [stream] = streams(folder.spool)
    assert sum(file.stat().st_blocks * 512 for file in stream.iterdir()) <= 1 << 16


def test_the_limits_of_this_test_file_are_its_childrens_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
