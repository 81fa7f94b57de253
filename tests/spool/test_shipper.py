"""What streams hold, sent to the real embedded store: once each, whatever dies or refuses in between."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.errors import InvalidInput, Unreachable
from mlops_cli.hook.records import Writer
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store, open_store
from mlops_cli.spool import shipper
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.reader import segments, streams
from mlops_cli.spool.shipper import Shipper

Json = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with_store = open_store(tmp_path / "store" / "store.db", tmp_path / "store" / "files")
    yield with_store
    with_store.close()


class Sender:
    """A supervisor's two ends: the real store, and the notes that it was handed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.task = dispatch(store, "tasks.create", {"name": "test", "type": "training"})["id"]
        dispatch(store, "tasks.started", {"task": self.task})
        self.notes: list[Json] = []
        self.bodies: list[Json] = []

    def send(self, body: Json) -> Json:
        self.bodies.append(body)
        return dispatch(self.store, "events.add_columns", {**body, "task": self.task, "worker": "here"})

    def shipper(self, folder: RunFolder, **options: Any) -> Shipper:
        return Shipper(folder, self.send, self.notes.append, **options)

    def points(self, metric: str = "loss", variant: str = "loss") -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        scroll = None
        while True:
            body = {"task": self.task, "metric": {"metric": metric, "variants": [variant]}, "batch_size": 5000}
            answer = dispatch(self.store, "events.scalar_metrics_iter_raw", {**body, "scroll_id": scroll})
            if not answer["returned"]:
                return found
            columns = answer["variants"][variant]
            found += zip(columns["iter"], map(float, columns["y"]), strict=True)
            scroll = answer["scroll_id"]

    def count(self) -> int:
        rows = self.store.db.connection.execute("SELECT coalesce(sum(size), 0) FROM chunks").fetchone()
        return int(rows[0])

    def events(self, kind: str) -> list[Json]:
        body = {"task": self.task, "event_type": kind, "batch_size": 1000}
        return list(dispatch(self.store, "events.get_task_events", body)["events"])


@pytest.fixture
def sender(store: Store) -> Sender:
    return Sender(store)


def test_points_arrive_exactly(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    for step in range(10_000):
        writer.log({"loss": step * 0.1, "val/acc": -step}, step)
    ship = sender.shipper(folder)
    assert ship.pending() > 20_000 * 32
    drained = ship.drain()
    assert (drained.points, drained.is_complete, drained.torn) == (20_000, True, 0)
    assert sender.points() == [(step, step * 0.1) for step in range(10_000)]
    assert sender.points("val", "acc") == [(step, -float(step)) for step in range(10_000)]
    assert ship.pending() == shipper.pending(folder) == 0
    sent = len(sender.bodies)
    assert ship.drain().points == 0
    assert len(sender.bodies) == sent
    writer.log({"loss": math.inf}, 10_000)
    assert shipper.pending(folder) == 32
    assert ship.drain().points == 1
    assert sender.count() == 20_001


def test_notes_become_events_or_are_handed_over(folder: RunFolder, sender: Sender) -> None:
    (folder.files / "a.png").write_bytes(b"\x89PNG")
    writer = Writer(folder.path)
    plot = {"data": [{"y": [1.0, math.nan, math.inf], "type": "scatter"}], "layout": {"title": "ü"}}
    told = {"k": "params", "section": "Args", "items": {"lr": {"value": 0.1}}}
    for note in (
        told,
        {"k": "plot", "metric": "roc", "variant": "v", "iter": 3, "plot": plot, "ts": 5},
        {"k": "image", "metric": "sample", "variant": "v", "iter": 4, "path": "a.png", "ts": 6},
        {"k": "text", "metric": "says", "variant": "v", "iter": 5, "text": "hellö", "ts": 7},
        {"k": "summary", "name": "best", "value": 0.5, "ts": 8},
        {"k": "summary", "name": "why", "value": "because"},
        {"k": "console", "level": "error", "text": "oops\n", "ts": 9},
        {"k": "image", "metric": "lost", "variant": "v", "iter": 4, "path": "none.png", "ts": 6},
        {"k": "plot", "plot": {}},
        {"k": "unheard of"},
    ):
        writer.note(note)
    uploaded: list[Path] = []

    def upload(path: Path) -> str:
        uploaded.append(path)
        return f"file:///kept/{len(path.read_bytes())}"

    drained = sender.shipper(folder, upload=upload).drain()
    assert (drained.events, drained.points, drained.is_complete) == (3, 0, True)
    [stored] = sender.events("plot")
    assert json.loads(stored["plot_str"]) == {
        "data": [{"y": [1.0, None, None], "type": "scatter"}],
        "layout": {"title": "ü"},
    }
    assert (stored["iter"], stored["timestamp"], stored["metric"]) == (3, 5, "roc")
    images = {event["metric"]: event["url"] for event in sender.events("training_debug_image")}
    assert images == {"sample": "file:///kept/4", "says": "file:///kept/6"}
    assert uploaded[0].name == "a.png"
    [values] = dispatch(sender.store, "events.get_task_single_value_metrics", {"tasks": [sender.task]})["tasks"]
    assert [(value["metric"], value["variant"], value["value"]) for value in values["values"]] == [
        ("Summary", "best", 0.5)
    ]
    log = dispatch(sender.store, "events.get_task_log", {"task": sender.task})["events"]
    assert [(event["level"], event["msg"], event["timestamp"]) for event in log] == [("error", "oops\n", 9)]
    assert sender.notes[:2] == [told, {"k": "summary", "name": "why", "value": "because"}]
    assert [note.get("what") for note in sender.notes[2:]] == ["image lost", "plot", None]


def test_a_batch_keeps_to_its_bound_and_a_deadline_leaves_the_rest(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    for step in range(50_000):
        writer.log({"loss": step}, step)
    ship = sender.shipper(folder, batch_bytes=1 << 16)
    assert not ship.drain(time.monotonic() - 1).is_complete
    assert not sender.bodies
    assert ship.drain().is_complete
    assert max(len(column["iter"]) for body in sender.bodies for column in body["scalars"]) <= (1 << 16) // 32
    assert len(sender.points()) == 50_000


def test_what_cannot_be_sent_stays_and_notes_are_not_repeated_meanwhile(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    writer.log({"loss": 1}, 1)
    writer.note({"k": "params", "section": "Args", "items": {}})

    def refuse(_: Json) -> Json:
        raise Unreachable("the server is away")

    notes: list[Json] = []
    away = Shipper(folder, refuse, notes.append)
    for _ in range(3):
        with pytest.raises(Unreachable):
            away.drain()
    assert notes == []
    assert shipper.pending(folder) > 0
    assert sender.shipper(folder).drain().is_complete
    assert sender.points() == [(1, 1.0)]
    assert len(sender.notes) == 1


def test_an_answer_that_was_lost_is_no_second_point(folder: RunFolder, sender: Sender) -> None:
    """The store took it, we never heard: the same again is skipped, more than that goes on behind it."""
    writer = Writer(folder.path)

    def deaf(body: Json) -> Json:
        sender.send(body)
        raise Unreachable("the line went dead")

    for step in range(5):
        writer.log({"loss": step}, step)
        writer.note({"k": "open", "path": f"file{step}", "mode": "r"})
        with pytest.raises(Unreachable):
            Shipper(folder, deaf, sender.notes.append).drain()
    assert sender.shipper(folder).drain().is_complete
    assert sender.points() == [(step, float(step)) for step in range(5)]
    assert sender.count() == 5
    assert [note["path"] for note in sender.notes] == [f"file{step}" for step in range(5)]


def test_a_store_that_went_back_gets_what_it_lost(folder: RunFolder, sender: Sender, tmp_path: Path) -> None:
    writer = Writer(folder.path)
    writer.log({"loss": 1}, 1)
    ship = sender.shipper(folder)
    ship.drain()
    sender.store.db.connection.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    for step in range(2, 9):
        writer.log({"loss": step}, step)
        ship.drain()
    restored = Sender.__new__(Sender)
    restored.store = open_store(tmp_path / "backup.db", tmp_path / "files")
    restored.task, restored.notes, restored.bodies = sender.task, [], []
    writer.log({"loss": 9}, 9)
    assert restored.shipper(folder).drain().is_complete
    assert restored.points() == [(step, float(step)) for step in range(1, 10)]
    restored.store.close()


def test_a_store_that_never_agrees_is_an_error_not_a_loop(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    for step in range(20):
        writer.log({"loss": 1}, step)

    def confused(body: Json) -> Json:
        raise InvalidInput("no", data={"expected": body["offset"] + 32})

    with pytest.raises(InvalidInput):
        Shipper(folder, confused, print).drain()


def test_a_torn_end_is_told_once_and_only_at_the_end(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    writer.log({"loss": 1}, 1)
    writer.log({"loss": 2}, 2)
    [stream] = streams(folder.spool)
    [(_, path)] = segments(stream)
    data = bytearray(path.read_bytes())
    end = len(data.rstrip(b"\0"))
    data[end - 2] ^= 0xFF
    path.write_bytes(data)
    ship = sender.shipper(folder)
    assert (ship.drain().torn, sender.notes) == (0, [])
    assert ship.drain(final=True).torn == 32
    assert [note["k"] for note in sender.notes] == ["left_out"]
    assert ship.drain(final=True).torn == 0
    assert sender.points() == [(1, 1.0)]


def test_sent_segments_are_deleted_after_a_while_and_never_the_last(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    for step in range(20_000):
        writer.log({"loss": step}, step)
    [stream] = streams(folder.spool)
    before = segments(stream)
    assert len(before) > 2
    assert shipper.sweep(folder, {}, older_than_s=-1) == 0
    ship = sender.shipper(folder)
    ship.drain()
    offsets = shipper.acknowledged(folder)
    assert shipper.sweep(folder, offsets, older_than_s=3600) == 0
    assert shipper.sweep(folder, offsets, older_than_s=-1) > 0
    assert segments(stream) == before[-1:]
    writer.log({"loss": 0}, 20_000)
    assert sender.shipper(folder).drain().points == 1
    assert sender.count() == 20_001


def test_a_living_run_is_on_the_disk_once_a_second(
    folder: RunFolder, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fdatasync = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    monkeypatch.setattr(shipper, "SYNC_S", 0.0)
    writer = Writer(folder.path)
    ship = sender.shipper(folder)
    writer.log({"loss": 1}, 0)
    ship.drain()
    assert synced == ["0000000000000000.seg"]
    for step in range(1, 20_000):
        writer.log({"loss": 1}, step)
    ship.drain()
    [stream] = streams(folder.spool)
    assert synced[1:] == [path.name for _, path in segments(stream)]
    before = len(synced)
    ship.drain()
    assert len(synced) == before + 1
    ship.drain(final=True)
    assert len(synced) == before + 1


LOG = """
import sys
from mlops_cli.hook.records import Writer
writer = Writer(sys.argv[1])
for step in range(400_000):
    writer.log({"loss": step}, step)
    if step % 100 == 0:
        writer.note({"k": "open", "path": str(step), "mode": "r"})
"""

SHIP = """
import os, sys
from pathlib import Path
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.shipper import Shipper
folder, task, home = RunFolder(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
store = open_store(home / "store.db", home / "files")
ledger = os.open(home / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def send(body):
    return dispatch(store, "events.add_columns", {**body, "task": task, "worker": "w"})
def on_note(note):
    os.write(ledger, note["path"].encode() + b"\\n")
shipper = Shipper(folder, send, on_note, batch_bytes=1 << 15)
print("ready", flush=True)
while True:
    drained = shipper.drain()
    if sys.argv[4] == "last" and drained.is_complete:
        break
"""


@pytest.mark.parametrize("seed", range(3))
def test_shippers_killed_again_and_again_lose_and_double_nothing(
    folder: RunFolder, sender: Sender, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    home = tmp_path / "store"
    command = [sys.executable, "-c", SHIP, folder.path, sender.task, home]
    with subprocess.Popen([sys.executable, "-c", LOG, folder.path]) as logging:
        for _ in range(4):
            with subprocess.Popen([*command, "on"], stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                child.stdout.readline()
                time.sleep(chance.random() * 0.15)
                child.send_signal(signal.SIGKILL)
        assert logging.wait(30) == 0
    subprocess.run([*command, "last"], check=True, timeout=60)
    assert sender.points() == [(step, float(step)) for step in range(400_000)]
    handed = [int(line) for line in (home / "notes").read_text().split()]
    assert sorted(set(handed)) == list(range(0, 400_000, 100))
    stored = sender.store.db.connection.execute("SELECT next FROM streams").fetchall()
    assert [row[0] for row in stored] == list(shipper.acknowledged(folder).values())
    assert os.path.exists(folder.path / "state.json")


def test_what_was_only_printed_yields_to_what_was_logged(folder: RunFolder, sender: Sender) -> None:
    logged, printed = Writer(folder.path, stream="1-1"), Writer(folder.path, stream="printed")
    logged.log({"loss": 1 / 3}, 7)
    for name, value in (("loss", 0.33), ("rate", 0.1)):
        printed.scalar(name, name, 7, value)
    assert sender.shipper(folder).drain().is_complete
    logged.close()
    # Another supervisor, after the logging process has ended.
    printed.scalar("loss", "loss", 9, 0.44)
    assert sender.shipper(folder).drain(final=True).is_complete
    assert sender.points() == [(7, 1 / 3)]
    assert sender.points("rate", "rate") == [(7, 0.1)]


def test_texts_are_cleaned_before_they_are_stored(folder: RunFolder, sender: Sender) -> None:
    writer = Writer(folder.path)
    for kind in ("text", "console"):
        writer.note({"k": kind, "metric": "m", "variant": "v", "text": "key: hush"})
    sender.shipper(folder, clean=lambda text: text.replace("hush", "...")).drain()
    assert [path.read_text() for path in folder.files.glob("text-*")] == ["key: ..."]
    assert [entry["raw"] for body in sender.bodies for entry in body["console"]] == [b"key: ..."]
