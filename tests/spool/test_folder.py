"""The run folder: made whole, found while live, locked by one living process, read back as it was written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_cli.errors import NotFound
from mlops_cli.spool.folder import FAR_HOLDER_S, RunFolder, new_run_id, prune


def test_a_new_folder_is_private_whole_and_live(tmp_path: Path) -> None:
    runs = tmp_path / "data" / "runs"
    folder = RunFolder.create(runs, spec={"argv": ["pythön", "\udcff"]})
    assert folder.path.stat().st_mode & 0o777 == 0o700
    shown = sorted(entry.name for entry in folder.path.iterdir() if not entry.name.startswith("."))
    assert shown == ["console", "files", "spec.json", "spool"]
    assert folder.read_json("spec.json") == {"argv": ["pythön", "\udcff"]}
    assert [found.run_id for found in RunFolder.live(runs)] == [folder.run_id]
    assert folder.is_live
    folder.finish()
    folder.finish()
    assert RunFolder.live(runs) == []
    assert RunFolder.open(folder.path).run_id == folder.run_id


def test_a_run_id_is_a_random_uuid() -> None:
    import uuid

    made = {new_run_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(uuid.UUID(one).version == 4 and len(one) == 32 for one in made)


def test_a_run_id_is_taken_once(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    with pytest.raises(FileExistsError):
        RunFolder.create(tmp_path, folder.run_id)


def test_live_lists_the_oldest_first_and_forgets_markers_without_a_folder(tmp_path: Path) -> None:
    made = [RunFolder.create(tmp_path) for _ in range(3)]
    for age, folder in enumerate(made):
        os.utime(folder.marker, (1000 - age, 1000 - age))
    lost = tmp_path / "live" / "gone"
    lost.touch()
    assert [folder.run_id for folder in RunFolder.live(tmp_path)] == [folder.run_id for folder in reversed(made)]
    assert not lost.exists()
    assert RunFolder.live(tmp_path / "nowhere") == []


def test_opening_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        RunFolder.open(tmp_path / "none")


def test_a_broken_file_reads_as_none(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    for text in ("", "{", "[1]", "\x00" * 20):
        (folder.path / "end.json").write_text(text)
        assert folder.read_json("end.json") is None
    assert folder.read_json("state.json") is None


def test_a_failed_write_leaves_the_old_value_and_no_rubbish(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    folder.write_json("state.json", {"n": 1}, durable=True)
    (folder.path / "end.json").mkdir()
    with pytest.raises(IsADirectoryError):
        folder.write_json("end.json", {"n": 2})
    assert folder.read_json("state.json") == {"n": 1}
    assert not [entry for entry in folder.path.iterdir() if entry.name.endswith(".tmp")]


HOLD = """
import sys, time
from mlops_cli.spool.folder import RunFolder
lock = RunFolder(sys.argv[1]).lock()
print("held" if lock else "refused", flush=True)
time.sleep(60)
"""


def test_one_process_holds_the_lock_until_it_is_killed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    assert not folder.is_locked()
    assert folder.holder() == {}
    with subprocess.Popen([sys.executable, "-c", HOLD, folder.path], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert folder.is_locked()
            assert folder.lock() is None
            assert folder.holder()["pid"] == holder.pid
        finally:
            holder.send_signal(signal.SIGKILL)
    assert not folder.is_locked()
    lock = folder.lock()
    assert lock is not None
    with lock:
        assert folder.is_locked()
        assert folder.holder()["pid"] == os.getpid()
    assert not folder.is_locked()
    assert folder.holder() == {}


def test_many_who_only_look_do_not_keep_the_lock_from_its_taker(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    lock = folder.lock()
    assert lock is not None
    lock.release()
    code = "for _ in range(20000): RunFolder(sys.argv[1]).is_locked()"
    look = f"import sys\nfrom mlops_cli.spool.folder import RunFolder\n{code}"
    with subprocess.Popen([sys.executable, "-c", look, folder.path], stderr=subprocess.DEVNULL) as looker:
        until = time.monotonic() + 0.5
        while looker.poll() is None and time.monotonic() < until:
            taken = folder.lock()
            assert taken is not None
            taken.release()
        looker.kill()


def test_a_beating_holder_on_another_machine_is_believed_for_a_while(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    (folder.path / "lock").write_text(json.dumps({"host": "elsewhere", "boot_id": "other", "pid": 1}))
    assert folder.is_locked()
    assert folder.lock() is None
    old = time.time() - FAR_HOLDER_S - 1
    os.utime(folder.path / "lock", (old, old))
    assert not folder.is_locked()
    folder.beat()
    assert folder.is_locked()
    os.utime(folder.path / "lock", (old, old))
    assert folder.lock() is not None


def test_pruning_deletes_what_is_old_or_too_much_and_never_what_is_live_or_held(tmp_path: Path) -> None:
    made = [RunFolder.create(tmp_path) for _ in range(6)]
    live, held, *done = made
    now = time.time()
    for age, folder in enumerate(made):
        (folder.files / "data").write_bytes(bytes(100_000))
        if folder is not live:
            folder.finish()
        os.utime(folder.path, (now - age * 86400 - 3600, now - age * 86400 - 3600))
    lock = held.lock()
    assert lock is not None
    with lock:
        assert prune(tmp_path, keep_days=100, keep_bytes=10**9) == 0
        assert prune(tmp_path, keep_days=4, keep_bytes=10**9) >= 200_000
        assert [folder.path.exists() for folder in made] == [True, True, True, True, False, False]
        assert prune(tmp_path, keep_days=4, keep_bytes=250_000) >= 100_000
        assert [folder.path.exists() for folder in made] == [True, True, True, False, False, False]
        assert prune(tmp_path, keep_days=4, keep_bytes=0) >= 100_000
    assert [folder.path.exists() for folder in (live, held, *done)] == [True, True, False, False, False, False]
    assert (tmp_path / "live").is_dir()


def test_pruning_spares_a_run_that_is_just_being_made(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    folder.marker.unlink()  # as between the folder and its marker
    assert prune(tmp_path, keep_days=1, keep_bytes=0) == 0
    assert folder.path.exists()


@pytest.mark.needs_root
def test_how_a_run_ended_is_kept_on_a_full_disk(tmp_path: Path) -> None:
    options = ["-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        folder = RunFolder.create(tmp_path / "runs")
        with pytest.raises(OSError, match="No space"), (tmp_path / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(OSError, match="No space"):
            folder.write_json("recording.json", {"phase": "x"})
        folder.write_json("exit.json", {"code": 3})
        assert folder.read_json("exit.json") == {"code": 3}
        with pytest.raises(OSError, match="No space"):  # what was set aside is used up
            folder.write_json("exit.json", {"code": 4})
        assert folder.read_json("exit.json") == {"code": 3}
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
