"""A disk that fills up costs the record, never the program: its `print` does not fail, and the person sees it all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_cli.spool.folder import RunFolder
from mlops_cli.supervisor import processes, reserve
from mlops_cli.supervisor.console_log import ConsoleLog
from mlops_cli.supervisor.phases import Progress

from .conftest import Recorded, wait_until
from .test_console_log import Store

FILL = """
def fill(path):
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size): pass
            except OSError: pass
"""

PRINT = """
import os, sys, time
{fill}
print("the first line", flush=True)
time.sleep(1.5)
fill({filler!r})
try:
    for number in range({lines}):
        print(f"line {{number:08d}} " + "." * 85, flush=True)
        if number % 1000 == 0: fill({filler!r})
except OSError as exc:
    sys.exit(9)
sys.exit(4)
"""


@pytest.fixture(params=["tmpfs", "ext4"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small(16)`: a disk of its own, of 16 MB."""
    mounts: list[Path] = []

    def mount(megabytes: int) -> Path:
        where = tmp_path / "disk"
        where.mkdir()
        if request.param == "tmpfs":
            made = _call("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", where)
        else:
            image = tmp_path / "image"
            with image.open("wb") as file:
                file.truncate(megabytes << 20)
            made = _call("mkfs.ext4", "-q", "-F", "-m", "0", image) and _call("mount", "-o", "loop", image, where)
        if not made:
            pytest.skip("cannot mount a small disk here")
        mounts.append(where)
        return where

    yield mount
    for where in mounts:
        subprocess.run(["umount", "-l", where], check=True)


def _call(*words: object) -> bool:
    try:
        return subprocess.run([str(word) for word in words], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _on(disk: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setenv("MLOPS_HOME", str(disk / "home"))
    return Recorded(disk / "home", recorded.cwd)


def _used(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


@pytest.mark.needs_root
def test_a_full_disk_never_reaches_what_the_program_prints(
    small: Callable[[int], Path], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small(64)
    recorded = _on(disk, recorded, monkeypatch)
    lines = 250_000  # 25 MB: three times of what is kept allocated
    code = PRINT.format(fill=FILL, filler=str(disk / "filler"), lines=lines)
    done = recorded(sys.executable, "-c", code, drain_s=1.0)
    assert done.returncode == 4
    assert done.stdout.count(b"\n") == lines + 1
    (disk / "filler").unlink()
    recorded.settle()
    assert recorded.live() == []
    task = recorded.task()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 4")
    stored = recorded.console(task["id"])
    assert b"bytes of output are left out here" in stored
    assert b"\0" not in stored
    assert stored.startswith(b"the first line\n")
    assert stored.endswith(b"line %08d " % (lines - 1) + b"." * 85 + b"\n")
    whole = set(done.stdout.splitlines())
    strangers = [line for line in stored.splitlines() if line not in whole]
    assert len(strangers) <= 3 * stored.count(b"left out here"), "the line of the gap, and those cut at its sides"
    assert "the disk was full" in task["runtime"]["mlops_notes"]


@pytest.mark.needs_root
def test_what_is_kept_allocated_is_given_back_at_the_end(
    small: Callable[[int], Path], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = _on(small(64), recorded, monkeypatch)
    script = "import os; print('x', flush=True); print(os.stat(os.environ['MLOPS_RUN_DIR'] + '/console/out').st_blocks)"
    done = recorded(sys.executable, "-c", script, drain_s=0.0)
    assert int(done.stdout.split()[1]) * 512 > reserve.MIN_WINDOW
    (folder,) = recorded.folders()
    assert _used(folder / "console") <= 2 * 4096


@pytest.mark.needs_root
def test_a_disk_without_any_room_is_told_before_the_program_starts(
    small: Callable[[int], Path], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small(16)
    recorded = _on(disk, recorded, monkeypatch)
    assert recorded("true").returncode == 0
    names: dict[str, object] = {}
    exec(FILL, names)
    names["fill"](disk / "filler")  # type: ignore[operator]
    with (disk / "filler").open("rb+") as file:
        file.truncate(file.seek(0, 2) - 40_000)
    done = recorded("sh", "-c", "echo it ran")
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"No space left" in done.stderr


@pytest.mark.needs_root
def test_an_adopted_child_is_kept_from_a_full_disk_too(
    small: Callable[[int], Path], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small(24)
    recorded = _on(disk, recorded, monkeypatch)
    code = PRINT.format(fill=FILL, filler=str(disk / "filler"), lines=40_000)
    code = code.replace("if number % 1000 == 0:", "if number % 1000 == 0: time.sleep(0.11);")
    process = recorded.start(sys.executable, "-c", code.replace("time.sleep(1.5)", "time.sleep(1.5)"))
    wait_until(lambda: any((path / "child.json").exists() for path in recorded.folders()), "the start")
    (folder,) = recorded.folders()
    wait_until(lambda: (folder / "console" / "out").stat().st_size, "the first line")
    process.kill()
    process.wait()
    recorded.settle()
    child = processes.from_json(RunFolder(folder).read_json("child.json"))
    assert child is not None
    wait_until(lambda: not child.is_alive(), "the end", timeout=30)
    (disk / "filler").unlink()
    wait_until(lambda: recorded.settle() and not recorded.live(), "the record", timeout=20)
    assert recorded.task()["status_reason"] in ("exit code 4", "vanished")
    assert recorded.console(recorded.task()["id"]).endswith(b"line 00039999 " + b"." * 85 + b"\n")


def test_what_is_stored_leaves_the_file_and_is_never_read_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve, "KEEP_BYTES", 1 << 20)
    folder, store = RunFolder.create(tmp_path), Store()
    path = folder.console / "out"
    path.touch()
    kept = reserve.Reserve(path)
    kept.begin()
    log = ConsoleLog(folder, store.send, Progress(folder), scrub=False, known=())
    kept.stored = lambda: log.stored("out")
    line = b"." * 1023 + b"\n"
    for _ in range(16):
        with path.open("ab") as file:
            file.write(line * 1024)
        log.drain(is_last=False, deadline=None)
        kept.keep(path.stat().st_size, path.stat().st_size)
        assert path.stat().st_blocks * 512 < 4 * reserve.KEEP_BYTES + reserve.FIRST_WINDOW
    if not kept.works:
        pytest.skip("this file system cannot allocate ahead")
    reserve.trim(path)
    assert path.stat().st_blocks * 512 < 4 * reserve.KEEP_BYTES
    assert store.text["console/out"] == line * 1024 * 16
    # A store that comes back from an old backup wants it again: it is told what is gone.
    again = Store()
    (tmp_path / folder.run_id / "recording.json").unlink()
    late = ConsoleLog(folder, again.send, Progress(folder), scrub=False, known=())
    assert late.drain(is_last=True, deadline=None)
    assert again.text["console/out"].count(b"left out here") == 1
    assert again.text["console/out"].endswith(line * 1024)
    assert b"\0" not in again.text["console/out"]


def test_nothing_is_cut_off_while_somebody_may_still_write(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    kept = reserve.Reserve(path)
    kept.begin()
    before = path.stat().st_blocks
    with path.open("ab", buffering=0) as file:
        file.write(b"x")
        reserve.trim(path)
        assert path.stat().st_blocks == before
    reserve.trim(path)
    assert path.stat().st_blocks * 512 <= os.stat(path).st_blksize
