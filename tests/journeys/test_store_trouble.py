"""Whatever the store does, the program that is run never notices, and nothing that it said is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_cli import __version__
from mlops_cli.server.db import migrate

from .conftest import Mlops

POINTS = 300
TRAIN = f"for step in range({POINTS}): print(f'step={{step}} loss={{1 / (step + 1)}}', flush=True)"
SLOW = (
    f"import time\nfor step in range({POINTS}):\n    print(f'step={{step}} loss=0.5', flush=True)\n    time.sleep(0.01)"
)
WIDE = SLOW.replace("loss=0.5", "loss=0.5 " + "." * 1000)


def _python(code: str) -> tuple[str, str, str]:
    return sys.executable, "-c", code


def _give_up(mlops: Mlops, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Once the program is gone and its end waits for the store, press ^C; the output and what was said."""
    (folder,) = [mlops.home / "runs" / name for name in mlops.live()]

    def press() -> None:
        deadline = time.monotonic() + 30
        while not (folder / "exit.json").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)

    person = threading.Thread(target=press)
    person.start()
    try:
        return process.communicate(timeout=50)  # meanwhile: a reader that does not read holds the output up
    finally:
        person.join()


def test_eight_runs_at_once_into_a_store_that_does_not_exist_yet(mlops: Mlops) -> None:
    started = [mlops.start("run", "-n", f"run {number}", *_python(TRAIN)) for number in range(8)]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out.count(b"\n") == POINTS
        assert b"completed after" in err
        for word in (b"busy", b"locked", b"held", b"error"):
            assert word not in err
    tasks = mlops.tasks()
    assert sorted(task["name"] for task in tasks) == [f"run {number}" for number in range(8)]
    assert {task["status"] for task in tasks} == {"completed"}
    for task in tasks:
        assert [step for step, _ in mlops.curve("loss", task["id"])] == list(range(POINTS))
    assert mlops.live() == []
    mlops.check()


def test_a_store_that_another_process_holds_costs_the_program_nothing(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    process = mlops.start("run", *_python(SLOW))
    blocker = sqlite3.connect(mlops.home / "store.db", isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        status = mlops.ok("status", "--json").json
        assert len(status["running"]) == 1
        # The end waits for the store up to its bound; the output came meanwhile.
        assert process.stdout is not None
        assert len([process.stdout.readline() for _ in range(POINTS)]) == POINTS
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"completed after" in err
    assert [step for step, _ in mlops.curve()] == list(range(POINTS))


def test_what_a_locked_store_did_not_take_is_shown_and_sent_later(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    blocker = sqlite3.connect(mlops.home / "store.db", isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        process = mlops.start("run", *_python(TRAIN + "\nimport time; time.sleep(1)\nraise SystemExit(3)"))
        assert process.stdout is not None
        first = process.stdout.readline()
        out, err = _give_up(mlops, process)
        assert process.returncode == 3
        assert (first + out).count(b"\n") == POINTS
        assert b"`mlops sync` sends the rest" in err
        (unsent,) = mlops.ok("status", "--json").json["unsent"]
        assert unsent["run"][:8].encode() in err
        assert unsent["unsent_bytes"] > 0
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    mlops.ok("sync")
    assert mlops.live() == []
    task = mlops.show()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 3")
    assert [step for step, _ in mlops.curve()] == list(range(POINTS))
    mlops.ok("sync")
    assert len(mlops.tasks()) == 2


@pytest.fixture
def small(mlops: Mlops, tmp_path: Path) -> Iterator[Mlops]:
    """A home on a disk of its own, of 8 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", mount], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield mlops.with_home(mount / "home")
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def _fill(home: Path, *, leave: int = 0) -> Path:
    filler = home.parent / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"\1" * size):
                    pass
            except OSError:
                continue
        file.truncate(file.tell() - leave)
    return filler


@pytest.mark.needs_root
@pytest.mark.parametrize("is_store_there", [False, True])
def test_a_disk_that_is_full_before_the_run_is_said_and_starts_nothing(small: Mlops, is_store_there: bool) -> None:
    if is_store_there:
        small.ok("run", "true")
    filler = _fill(small.home)
    done = small("run", *_python("open('started', 'w')"))
    assert done.code == 125
    assert "No space left" in done.errors or "full" in done.errors
    assert "hint:" in done.errors
    assert not (small.cwd / "started").exists()
    if is_store_there:
        small.ok("ls")
    filler.unlink()
    small.ok("run", "true")
    small.check()
    assert {task["status"] for task in small.tasks()} == {"completed"}


@pytest.mark.needs_root
def test_a_disk_that_fills_up_during_the_run_leaves_the_program_alone(small: Mlops) -> None:
    small.ok("run", "true")
    process = small.start("run", *_python(WIDE + "\nraise SystemExit(4)"))
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(30)]
    filler = _fill(small.home)
    rest, err = _give_up(small, process)
    assert process.returncode == 4
    assert b"".join(lines).count(b"\n") + rest.count(b"\n") == POINTS
    assert b"Traceback" not in err
    # The store's log may have had room for all of it; else the person hears why it had not.
    if b"not wholly sent" in err:
        assert b"full" in err or b"No space" in err
    small.ok("status")
    small.ok("ls")
    filler.unlink()
    small.ok("sync")
    small.check()
    task = small.show()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 4")
    steps = [step for step, _ in small.curve()]
    assert steps == sorted(set(steps))
    assert set(range(25)) <= set(steps)
    assert small.live() == []


@pytest.mark.needs_root
def test_a_disk_that_is_full_at_the_end_keeps_the_run_for_sync(small: Mlops) -> None:
    small.ok("run", "true")
    filler = small.home.parent / "filler"
    code = (
        f"{TRAIN}\n"
        "import time; time.sleep(1.5)\n"
        f"file = open({str(filler)!r}, 'ab', buffering=0)\n"
        "try:\n"
        "    while True: file.write(b'x' * 1024)\n"
        "except OSError: pass\n"
    )
    process = small.start("run", *_python(code))
    assert process.stdout is not None
    first = process.stdout.readline()
    out, err = _give_up(small, process)
    assert process.returncode == 0
    assert (first + out).count(b"\n") == POINTS
    assert b"Traceback" not in err
    filler.unlink()
    small.ok("sync")
    small.check()
    assert small.show()["status"] == "completed"
    assert [step for step, _ in small.curve()] == list(range(POINTS))


def _as_nobody(mlops: Mlops) -> dict[str, object]:
    """Root may write everywhere: such tests run as somebody else, who must be able to read this checkout."""
    if os.geteuid() != 0:
        return {}
    try:
        subprocess.run([sys.executable, "-c", "import mlops_cli"], user=65534, check=True, cwd="/", capture_output=True)
    except (subprocess.CalledProcessError, OSError):
        pytest.skip("this checkout cannot be read by an unprivileged user")
    for folder in (mlops.cwd, *mlops.cwd.parents[:2]):
        folder.chmod(0o755)
    mlops.cwd.chmod(0o777)
    return {"user": 65534}


def test_a_home_that_cannot_be_made_is_said_in_one_line(mlops: Mlops, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    mlops = mlops.with_home(tmp_path / "file" / "home")
    done = mlops("run", *_python("open('started', 'w')"))
    assert done.code in (2, 125)
    assert "MLOPS_HOME" in done.errors
    assert not (mlops.cwd / "started").exists()
    for words in (("ls",), ("status",), ("show",)):
        done = mlops(*words)
        assert "Traceback" not in done.errors
        assert "inside mlops" not in done.errors
    assert mlops("ls").code in (2, 4, 6)


def test_a_home_that_cannot_be_written_is_said_in_one_line(mlops: Mlops, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    who = _as_nobody(mlops)
    mlops = mlops.with_home(locked / "home").with_env(HOME=str(mlops.cwd))
    done = mlops("run", "true", **who)
    assert done.code == 125
    assert "Permission denied" in done.errors
    assert "MLOPS_HOME" in done.errors
    done = mlops("ls", **who)
    assert (done.code, done.out) == (4, b"")
    assert "MLOPS_HOME" in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.needs_root
def test_a_store_on_a_disk_that_may_only_be_read_can_be_looked_at(small: Mlops) -> None:
    small.ok("run", *_python("print('step=1 loss=0.5')"))
    mount = str(small.home.parent)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    assert len(small.ok("ls", "--json").json) == 1
    assert small.ok("logs", "@latest").text == "step=1 loss=0.5\n"
    small.ok("show", "@latest")
    small.ok("status")
    done = small("tag", "@latest", "base")
    assert done.code == 4
    assert "MLOPS_HOME" in done.errors
    done = small("run", *_python("open('started', 'w')"))
    assert done.code == 125
    assert "MLOPS_HOME" in done.errors
    assert not (small.cwd / "started").exists()
    subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
    small.ok("tag", "@latest", "base")


def test_what_is_kept_is_for_its_owner_alone(mlops: Mlops) -> None:
    mlops.with_env().ok("run", "true")
    assert mlops.home.stat().st_mode & 0o077 == 0


def test_a_store_of_a_newer_program_is_refused(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    connection = sqlite3.connect(mlops.home / "store.db")
    with connection:
        connection.execute("UPDATE meta SET value = '9999' WHERE key IN ('version', 'oldest_reader')")
    connection.close()
    done = mlops("ls", "--json")
    assert done.code == 5
    assert "newer mlops" in done.errors
    assert "pip install -U" in done.errors
    # The program comes first: it runs, and its record waits for a program that may write it.
    process = mlops.start("run", *_python("print('step=1 loss=2', flush=True); import time; time.sleep(0.5)"))
    assert process.stdout is not None
    assert process.stdout.readline() == b"step=1 loss=2\n"
    _, err = _give_up(mlops, process)
    assert process.returncode == 0
    assert b"newer mlops" in err
    connection = sqlite3.connect(mlops.home / "store.db")
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(migrate.latest()),))
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'oldest_reader'")
    connection.close()
    mlops.ok("sync")
    assert mlops.curve() == [(1, 2.0)]


def _old_store(mlops: Mlops, version: int) -> None:
    """The store as a program made it that knew only the first steps."""
    mlops.home.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(mlops.home / "store.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    for path in sorted(migrate.STEPS.glob("*.sql"))[:version]:
        connection.executescript(path.read_text())
    facts = {"version": version, "oldest_reader": 1, "oldest_writer": 1}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in facts.items()])
    connection.close()


def test_a_store_of_an_older_program_is_migrated_after_a_backup(mlops: Mlops) -> None:
    version = migrate.latest() - 1
    _old_store(mlops, version)
    mlops.ok("run", "true")
    assert mlops.sql("SELECT value FROM meta WHERE key = 'version'") == [(str(migrate.latest()),)]
    backup = sqlite3.connect(mlops.home / f"store.db.v{version}.bak")
    assert backup.execute("SELECT value FROM meta WHERE key = 'version'").fetchall() == [(str(version),)]
    backup.close()
    assert mlops.show()["status"] == "completed"


def test_no_store_is_migrated_beside_a_live_run_of_an_older_program(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    held = mlops.start("run", *_python("import time; print('step=1 loss=1', flush=True); time.sleep(60)"))
    try:
        assert held.stdout is not None
        held.stdout.readline()
        deadline = time.monotonic() + 20
        while not mlops.ok("status", "--json").json["running"][0]["task"]:
            assert time.monotonic() < deadline
        # As if a program of another version had started it, and the store were its own.
        (run,) = mlops.live()
        lock = mlops.home / "runs" / run / "lock"
        lock.write_text(lock.read_text().replace(__version__, "0.0.1"))
        connection = sqlite3.connect(mlops.home / "store.db", timeout=10)
        with connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(migrate.latest() - 1),))
        connection.close()
        done = mlops("ls")
        assert done.code == 5
        assert "live run" in done.errors
        assert not list(mlops.home.glob("store.db.*bak"))
    finally:
        held.terminate()
        held.communicate(timeout=30)


def test_a_damaged_store_is_named_and_never_touched(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    broken = mlops.home / "store.db"
    for path in mlops.home.glob("store.db-*"):
        path.unlink()
    broken.write_bytes(b"This is no database at all." * 1000)
    before = broken.read_bytes()
    done = mlops("ls")
    assert done.code == 6
    assert "damaged" in done.errors
    process = mlops.start("run", *_python("print('on', flush=True); import time; time.sleep(0.5)"))
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    assert b"damaged" in _give_up(mlops, process)[1]
    assert broken.read_bytes() == before
    broken.unlink()
    mlops.ok("sync")
    assert [task["status"] for task in mlops.tasks()] == ["completed"]


def test_a_home_that_moves_takes_its_records_along(mlops: Mlops, tmp_path: Path) -> None:
    (mlops.cwd / "data.txt").write_text("kept")
    code = "import mlops_cli; run = mlops_cli.init(); run.artifact('data.txt')"
    mlops.ok("run", *_python(code))
    shutil.move(mlops.home, tmp_path / "moved")
    moved = mlops.with_home(tmp_path / "moved")
    (artifact,) = [item for item in moved.show()["execution"]["artifacts"] if item["key"] == "data.txt"]
    assert Path(artifact["uri"].removeprefix("file://")).read_text() == "kept"
