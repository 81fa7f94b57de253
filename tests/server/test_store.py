"""Opening the store: made once, migrated after a backup, refused when it must be, shared by processes."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops_cli.errors import Busy, Conflict, Denied, MlopsError, Refused, Unreachable
from mlops_cli.server.db import filesystem, migrate
from mlops_cli.server.db.sqlite import Database
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.spool.folder import RunFolder
from mlops_cli.testing.store import make_task, temporary_store


def reopen(folder: Path):
    return open_store(folder / "store.db", folder / "files")


def set_meta(folder: Path, **facts: int) -> None:
    connection = sqlite3.connect(folder / "store.db")
    for key, value in facts.items():
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(value)))
    connection.commit()
    connection.close()


@pytest.fixture
def made(tmp_path):
    with temporary_store(tmp_path) as store:
        make_task(store, "kept task")
    return tmp_path


def old_store(folder: Path, monkeypatch, version: int = 1) -> None:
    """A store as the program of that version made it."""
    steps = [step for step in migrate._steps() if step[0] <= version]
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_steps", lambda: steps)
        store = reopen(folder)
        make_task(store, "old task")
        store.close()


def test_ids_of_the_store_its_user_and_company_stay(made):
    first, second = reopen(made), reopen(made)
    assert (first.uid, first.owner) == (second.uid, second.owner)
    assert first.uid != first.owner.user != first.owner.company
    assert dispatch(first, "users.get_current_user")["user"]["id"] == first.owner.user


def test_only_the_owner_may_look_into_a_new_folder(tmp_path):
    reopen(tmp_path / "new").close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_the_file_is_in_wal_mode_and_whole(made):
    store = reopen(made)
    assert store.db.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store.db.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_steps_are_numbered_without_gaps():
    numbers = [number for number, _ in migrate._steps()]
    assert numbers == list(range(1, migrate.latest() + 1))


def test_statements_are_split_where_they_end():
    script = "CREATE TABLE a (x TEXT DEFAULT ';');\n-- a; b\n"
    script += "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\nEND;\n"
    connection = sqlite3.connect(":memory:")
    found = list(migrate.statements(script))
    assert len(found) == 2
    for statement in found:
        connection.execute(statement)


def test_an_older_store_is_migrated_after_a_whole_backup(tmp_path, monkeypatch):
    old_store(tmp_path, monkeypatch)
    store = reopen(tmp_path)
    assert [task["name"] for task in dispatch(store, "tasks.get_all")["tasks"]] == ["old task"]
    assert int(migrate.read_meta(store.db.connection)["version"]) == migrate.latest()
    backup = sqlite3.connect(tmp_path / "store.db.v1.bak")
    assert backup.execute("SELECT name FROM tasks").fetchall() == [("old task",)]
    assert backup.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() == ("1",)
    assert not list(tmp_path.glob("*.part"))


def test_a_migration_that_fails_leaves_the_old_store(tmp_path, monkeypatch):
    old_store(tmp_path, monkeypatch)
    bad = tmp_path / "0002_bad.sql"
    bad.write_text("CREATE TABLE half_done (x);\nCREATE TABLE broken (;\n")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_steps", lambda: [(2, bad)])
        with pytest.raises(MlopsError):
            reopen(tmp_path)
    connection = sqlite3.connect(tmp_path / "store.db")
    assert connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() == ("1",)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half_done'").fetchall()
    connection.close()
    reopen(tmp_path).close()


def test_no_store_is_migrated_while_a_live_run_holds_it(tmp_path, monkeypatch):
    old_store(tmp_path, monkeypatch)
    run = tmp_path / "runs" / "ab12"
    run.mkdir(parents=True)
    (tmp_path / "runs" / "live").mkdir()
    (tmp_path / "runs" / "live" / "ab12").touch()
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="ab12") as caught:
            reopen(tmp_path)
        assert caught.value.hint
    reopen(tmp_path).close()


def test_a_run_of_this_version_holds_no_migration_up_and_one_of_another_version_does(tmp_path, monkeypatch):
    old_store(tmp_path, monkeypatch)
    folder = RunFolder.create(tmp_path / "runs")
    with folder.lock():
        holder = json.loads((folder.path / "lock").read_text())
        (folder.path / "lock").write_text(json.dumps({**holder, "version": "0.0.1"}))
        with pytest.raises(Conflict, match="another version"):
            reopen(tmp_path)
        (folder.path / "lock").write_text(json.dumps(holder))
        reopen(tmp_path)


def test_a_newer_store_is_refused_read_or_used_as_it_allows(made):
    newer = migrate.latest() + 1
    set_meta(made, version=newer, oldest_reader=newer, oldest_writer=newer)
    with pytest.raises(Conflict, match="newer"):
        reopen(made)
    set_meta(made, oldest_reader=1)
    store = reopen(made)
    assert len(dispatch(store, "tasks.get_all")["tasks"]) == 1
    with pytest.raises(Conflict, match="read only"):
        make_task(store)
    set_meta(made, oldest_writer=1)
    make_task(reopen(made))


def test_a_folder_on_a_network_is_refused_with_the_remedy(tmp_path, monkeypatch):
    mounts = f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / {tmp_path} rw,relatime shared:1 - nfs4 host:/x rw\n"
    assert filesystem.kind_of(tmp_path / "sub", mounts) == "nfs4"
    assert filesystem.kind_of(Path(f"{tmp_path}er"), mounts) == "ext4"
    covered = mounts + f"3 2 8:1 / {tmp_path} rw - xfs /dev/sdb rw\n"
    assert filesystem.kind_of(tmp_path, covered) == "xfs"
    spaced = "1 0 8:1 / / rw - ext4 a rw\n2 1 0:9 / /mnt/my\\040disk rw - fuse.sshfs host: rw\n"
    assert filesystem.kind_of(Path("/mnt/my disk/x"), spaced) == "fuse.sshfs"
    monkeypatch.setattr(filesystem, "kind_of", lambda folder: "nfs4")
    with pytest.raises(Refused, match="nfs4") as caught:
        reopen(tmp_path)
    assert "MLOPS_HOME" in caught.value.hint
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.rclone", "lustre", "gpfs", "9p"])
def test_network_file_systems_are_known(kind):
    assert filesystem.is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuseblk"])
def test_local_file_systems_are_known(kind):
    assert not filesystem.is_network(kind)


@pytest.fixture
def nobody():
    """Root may write everywhere, so for the length of a test we are somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unwritable_home_is_explained(tmp_path, nobody):
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
    with pytest.raises(Denied) as caught:
        reopen(tmp_path / "sub")
    assert "MLOPS_HOME" in caught.value.hint


def test_a_store_that_may_only_be_read_is_explained_when_it_is_written(made, request):
    for path in (made, made.parent, made.parent.parent):
        path.chmod(0o755)
    (made / "store.db").chmod(0o444)
    made.chmod(0o555)
    request.getfixturevalue("nobody")
    with pytest.raises(Denied) as caught:
        make_task(reopen(made))
    assert "MLOPS_HOME" in caught.value.hint


def test_a_backup_is_not_overwritten_by_one_who_comes_late(made):
    store = reopen(made)
    migrate._back_up(store.db, 1)
    assert not list(made.glob("*.bak")) and not list(made.glob("*.part"))


@pytest.mark.parametrize(
    "query",
    [
        {"order_by": [f"last_metrics.{n}.b.value" for n in range(100)]},
        {"_any_": {"fields": ["name"] * 3000, "pattern": "x"}},
        {"order_by": ["name"] * 3000},
        {"filters": {"tags": {"all": {"include": [str(n) for n in range(3000)]}}}},
        {"tags": ["__$all", *(str(n) for n in range(3000))]},
        {"id": ["x" * 100] * 50_000},
    ],
)
def test_a_query_that_asks_for_more_than_a_statement_holds_is_refused_or_answered(made, query):
    try:
        assert dispatch(reopen(made), "tasks.get_all", query)["tasks"] is not None
    except MlopsError as exc:
        assert (exc.http_status, exc.subcode) == (400, 12)


def test_a_home_that_is_a_file_or_holds_no_store_is_explained(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unreachable, match="cannot make"):
        reopen(tmp_path / "file" / "sub")
    (tmp_path / "store.db").write_bytes(b"this is no database at all, but long enough to be read as one" * 20)
    with pytest.raises(Unreachable, match="damaged"):
        reopen(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "store.db").mkdir()
    with pytest.raises(Denied, match="opened"):
        reopen(tmp_path / "other")


def test_a_full_disk_is_explained_and_loses_nothing_that_was_there(made):
    store = reopen(made)
    pages = store.db.connection.execute("PRAGMA page_count").fetchone()[0]
    store.db.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unreachable, match="disk is full") as caught:
        make_task(store, "x" * 100_000, script={"diff": "y" * 1_000_000})
    assert caught.value.hint
    assert [task["name"] for task in dispatch(store, "tasks.get_all")["tasks"]] == ["kept task"]


def test_a_store_held_by_somebody_else_is_waited_for_and_then_reported(made):
    store = reopen(made)
    impatient = Database(made / "store.db", busy_s=0.05)
    with store.db.write(), pytest.raises(Busy, match="another process"), impatient.write():
        pytest.fail("two writers at once")
    with impatient.write():
        pass


def test_a_nested_transaction_joins_the_outer_one_and_fails_with_it(made):
    store = reopen(made)
    with pytest.raises(ZeroDivisionError), store.db.write():
        make_task(store, "never there")
        raise ZeroDivisionError
    assert len(dispatch(store, "tasks.get_all")["tasks"]) == 1


def test_threads_share_a_store(made):
    store = reopen(made)
    threads = [
        threading.Thread(target=lambda n=n: [make_task(store, f"t{n} {i}") for i in range(20)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(dispatch(store, "tasks.get_all")["tasks"]) == 81


def test_processes_that_make_a_store_at_once_make_one_store(tmp_path):
    program = (
        "import sys, pathlib; from mlops_cli.testing.store import temporary_store, make_task\n"
        "with temporary_store(pathlib.Path(sys.argv[1])) as store:\n"
        "    for i in range(10): make_task(store, f'{sys.argv[2]} {i}', project=None)\n"
        "    print(store.uid, store.owner.user)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), f"p{n}"], stdout=subprocess.PIPE, text=True)
        for n in range(6)
    ]
    answers = {child.communicate(timeout=60)[0] for child in children}
    assert all(child.returncode == 0 for child in children) and len(answers) == 1
    store = reopen(tmp_path)
    assert len(dispatch(store, "tasks.get_all", {"page_size": 500})["tasks"]) == 60
    assert len(dispatch(store, "users.get_all")["users"]) == 1


def test_reading_loads_neither_msgspec_nor_other_costly_modules(made):
    program = (
        "import sys, pathlib\n"
        "from mlops_cli.server.store.store import open_store\n"
        "from mlops_cli.server.dispatch import dispatch\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "store = open_store(folder / 'store.db', folder / 'files')\n"
        "query = {'order_by': ['-started'], 'status': ['created'], 'system_tags': ['-archived'], 'page_size': 20,\n"
        "         'name': '^kept', 'only_fields': ['name', 'status', 'hyperparams', 'last_metrics', 'project.name']}\n"
        "(task,) = dispatch(store, 'tasks.get_all_ex', query)['tasks']\n"
        "dispatch(store, 'tasks.get_all', query), dispatch(store, 'tasks.get_by_id', {'task': task['id']})\n"
        "print(*sorted(sys.modules))\n"
    )
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", program, str(made)], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    heavy = {"msgspec", "rich", "requests", "platformdirs", "subprocess", "tempfile", "shutil", "ctypes", "getpass"}
    assert not heavy & loaded
    ours = {name for name in loaded if name.startswith("mlops_cli.server.")}
    assert not {
        name for name in ours if "change" in name or "events" in name or name.endswith((".models", ".task_status"))
    }
