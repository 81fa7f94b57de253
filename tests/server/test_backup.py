"""Backups of a living store, and what comes back."""

from __future__ import annotations

import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.errors import Conflict, InvalidInput, NotFound
from mlops_cli.server.backup import back_up, restore
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.files.incoming import STALE_S, sweep_stale
from mlops_cli.server.running import claimed
from mlops_cli.server.store.store import Store, open_store
from mlops_cli.testing.store import make_running_task


def keep(store: Store, folder: Path, name: str) -> str:
    source = folder / name
    source.write_text(name * 100)
    task = make_running_task(store, name)
    artifact = {"key": "a", "type": "custom", "uri": store.files.absolute(store.files.put(source, name).uri)}
    dispatch(store, "tasks.add_or_update_artifacts", {"task": task, "artifacts": [artifact]})
    return task


def read(store: Store, task: str) -> str:
    document = dispatch(store, "tasks.get_by_id", {"task": task})["task"]
    return store.files.path_of(document["execution"]["artifacts"][0]["uri"]).read_text()


def test_a_store_comes_back_elsewhere_with_its_files(store: Store, tmp_path: Path) -> None:
    task = keep(store, tmp_path, "weights")
    taken = back_up(store, tmp_path / "b.tar")
    assert (taken.files, taken.uid) == (1, store.uid)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    new = tmp_path / "new"
    restore(tmp_path / "b.tar", new, files=new / "files")
    opened = open_store(new / "store.db", new / "files")
    try:
        assert read(opened, task) == "weights" * 100
        assert opened.uid == store.uid
        assert opened.db.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    finally:
        opened.close()
    assert sorted(path.name for path in new.iterdir() if not path.name.startswith("store.db-")) == [
        "files", "server.lock", "store.db"
    ]  # fmt: skip
    assert list((store.files.root / "incoming").iterdir()) == []


def test_two_names_of_one_content_come_back(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("the same")
    uris = [store.files.put(source, name).uri for name in ("first.pt", "second.pt")]
    back_up(store, tmp_path / "b.tar")
    new = tmp_path / "new"
    assert restore(tmp_path / "b.tar", new, files=new / "files").files == 2
    assert [(new / uri).read_text() for uri in uris] == ["the same"] * 2


@pytest.mark.parametrize("target", ["store.db", "files/../store.db", "/etc/passwd", "files/later"])
def test_a_link_to_anything_but_a_file_of_the_backup_is_refused(store: Store, tmp_path: Path, target: str) -> None:
    back_up(store, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar", "a") as archive:
        link = tarfile.TarInfo("files/named/x")
        link.type, link.linkname = tarfile.LNKTYPE, target
        archive.addfile(link)
    with pytest.raises(InvalidInput, match="not a backup"):
        restore(tmp_path / "b.tar", tmp_path / "new", files=tmp_path / "new" / "files")
    assert not (tmp_path / "new" / "store.db").exists()


def test_a_backup_under_load_holds_every_file_that_its_documents_name(store: Store, tmp_path: Path) -> None:
    tasks: list[str] = []
    is_over = threading.Event()

    def work() -> None:
        number = 0
        while not is_over.is_set():
            tasks.append(keep(store, tmp_path, f"file{number}"))
            number += 1
            if number % 3 == 0:
                dispatch(store, "tasks.delete", {"task": tasks.pop(0), "force": True})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(3):
            back_up(store, tmp_path / f"{number}.tar")
    finally:
        is_over.set()
        worker.join()
    named = 0
    for number in range(3):
        new = tmp_path / f"new{number}"
        restore(tmp_path / f"{number}.tar", new, files=new / "files")
        opened = open_store(new / "store.db", new / "files")
        try:
            for document in dispatch(opened, "tasks.get_all", {"only_fields": ["execution.artifacts"]})["tasks"]:
                for artifact in (document.get("execution") or {}).get("artifacts") or ():
                    assert opened.files.path_of(artifact["uri"]).stat().st_size > 0
                    named += 1
        finally:
            opened.close()
    assert named > 0


def test_a_store_is_replaced_only_by_force_and_kept_beside(store: Store, tmp_path: Path) -> None:
    keep(store, tmp_path, "one")
    back_up(store, tmp_path / "b.tar")
    new = tmp_path / "new"
    other = open_store(new / "store.db", new / "files")
    mine = make_running_task(other, "mine")
    other.close()
    with pytest.raises(Conflict, match="already"):
        restore(tmp_path / "b.tar", new, files=new / "files")
    restore(tmp_path / "b.tar", new, files=new / "files", force=True)
    old = next(path for path in new.glob("store.db.before-restore-*") if not path.name.endswith(("-wal", "-shm")))
    kept = open_store(old, new / "files")
    try:
        assert dispatch(kept, "tasks.get_by_id", {"task": mine})["task"]["name"] == "mine"
    finally:
        kept.close()


def test_nothing_is_restored_under_a_running_server(store: Store, tmp_path: Path) -> None:
    back_up(store, tmp_path / "b.tar")
    with claimed(tmp_path / "new"), pytest.raises(Conflict, match="runs already"):
        restore(tmp_path / "b.tar", tmp_path / "new", files=tmp_path / "new" / "files")


def test_nothing_is_restored_under_a_living_run(store: Store, tmp_path: Path) -> None:
    import fcntl

    back_up(store, tmp_path / "b.tar")
    runs = tmp_path / "new" / "runs"
    (runs / "live").mkdir(parents=True)
    (runs / "live" / "abc").touch()
    (runs / "abc").mkdir()
    with (runs / "abc" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="live run"):
            restore(tmp_path / "b.tar", tmp_path / "new", files=tmp_path / "new" / "files")
    restore(tmp_path / "b.tar", tmp_path / "new", files=tmp_path / "new" / "files")


def test_what_killed_uploads_and_backups_left_goes_after_a_day(store: Store) -> None:
    incoming = store.files.root / "incoming"
    for name, age in (("old", 2 * STALE_S), ("backup-1", 2 * STALE_S), ("young", 10)):
        path = incoming / name
        if name.startswith("backup"):
            (path / "files").mkdir(parents=True)
        else:
            incoming.mkdir(parents=True, exist_ok=True)
            path.touch()
        os.utime(path, (time.time() - age,) * 2)
    assert sweep_stale(store.files.root, time.time()) == 2
    assert [path.name for path in incoming.iterdir()] == ["young"]


def test_a_backup_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("precious")
    with pytest.raises(Conflict, match="exists"):
        back_up(store, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "precious"


def damaged(kind: str, path: Path) -> Any:
    if kind == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "flipped":
        data = bytearray(path.read_bytes())
        at = data.find(b"SQLite format 3")
        data[at + 5000] ^= 0xFF
        path.write_bytes(data)
    elif kind == "no tar":
        path.write_bytes(b"hello")
    elif kind == "missing":
        path.unlink()
    elif kind == "outside":
        with tarfile.open(path, "a") as archive:
            archive.addfile(tarfile.TarInfo("files/../../../evil"))
    elif kind == "link":
        with tarfile.open(path, "a") as archive:
            info = tarfile.TarInfo("files/link")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)


@pytest.mark.parametrize("kind", ["cut", "flipped", "no tar", "missing", "outside", "link"])
def test_a_damaged_or_hostile_backup_changes_nothing(store: Store, tmp_path: Path, kind: str) -> None:
    keep(store, tmp_path, "one")
    back_up(store, tmp_path / "b.tar")
    damaged(kind, tmp_path / "b.tar")
    with pytest.raises((Conflict, InvalidInput, NotFound)):
        restore(tmp_path / "b.tar", tmp_path / "new", files=tmp_path / "new" / "files")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["server.lock"]
    assert not (tmp_path / "evil").exists()
