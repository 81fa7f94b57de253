"""The follower writes what others left into the spool, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_cli.follow.follower import Follower
from mlops_cli.follow.printed import PrintedMetrics
from mlops_cli.follow.tensorboard import EventFile

tensorboardX = pytest.importorskip("tensorboardX")
np = pytest.importorskip("numpy")


class Ledger:
    """Keeps what is written, as the spool's writer would."""

    def __init__(self) -> None:
        self.points: list[tuple[str, str, int, float]] = []
        self.notes: list[dict[str, Any]] = []

    def scalar(self, metric: str, variant: str, step: int, value: float, time_ms: int | None = None) -> None:
        self.points.append((metric, variant, step, value))

    def note(self, note: dict[str, Any]) -> None:
        self.notes.append(note)

    def kind(self, kind: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["k"] == kind]


def follower(tmp_path: Path, ledger: Ledger, **more: Any) -> Follower:
    return Follower(ledger, folders=[tmp_path / "work"], files=tmp_path / "files", since=0, **more)


def test_files_are_discovered_and_read_once(tmp_path: Path) -> None:
    ledger = Ledger()
    following = follower(tmp_path, ledger)
    with tensorboardX.SummaryWriter(str(tmp_path / "work" / "tb")) as writer:
        writer.add_scalar("loss/train", 0.5, 1)
        writer.add_image("img", np.zeros((3, 4, 4), dtype=np.uint8), 1)
        writer.add_histogram("w", np.arange(1000.0), 1)
        writer.add_text("note", "hello", 1)
    assert following.tick(0.0) == 4
    assert following.tick(100.0) == 0
    assert ledger.points == [("loss", "train", 1, 0.5)]
    (image,) = ledger.kind("image")
    assert Path(image["path"]).read_bytes().startswith(b"\x89PNG")
    (plot,) = ledger.kind("plot")
    assert sum(plot["plot"]["data"][0]["y"]) == 1000
    assert len(plot["plot"]["data"][0]["x"]) <= 64
    assert ledger.kind("text")[0]["text"] == "hello"


def test_the_next_follower_goes_on_from_the_mark(tmp_path: Path) -> None:
    first, second = Ledger(), Ledger()
    with tensorboardX.SummaryWriter(str(tmp_path / "work")) as writer:
        writer.add_scalar("loss", 1.0, 1)
        writer.add_scalar("loss", 2.0, 2)
    (path,) = (tmp_path / "work").iterdir()
    whole = path.read_bytes()
    start = EventFile(path)
    start.read(max_bytes=1)
    path.write_bytes(whole[: start.offset])
    follower(tmp_path, first).tick(0.0)
    (mark,) = first.kind("mark")
    path.write_bytes(whole)
    follower(tmp_path, second, marks={mark["file"]: mark["at"]}).tick(0.0)
    assert first.points == [("loss", "loss", 1, 1.0)]
    assert second.points == [("loss", "loss", 2, 2.0)]


def test_two_splits_with_one_tag_are_told_apart(tmp_path: Path) -> None:
    ledger = Ledger()
    for split in ("train", "validation"):
        with tensorboardX.SummaryWriter(str(tmp_path / "work" / "logs" / split)) as writer:
            writer.add_scalar("epoch_loss", 1.0, 1)
    follower(tmp_path, ledger).tick(0.0)
    assert sorted(point[:2] for point in ledger.points) == [("epoch_loss", "train"), ("epoch_loss", "validation")]


def test_a_broken_file_is_reported_once(tmp_path: Path) -> None:
    ledger = Ledger()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "x.tfevents.1").write_bytes(b"\xff" * 64)
    following = follower(tmp_path, ledger)
    for now in range(5):
        following.tick(now * 100.0)
    assert len(ledger.kind("left_out")) == 1


def test_printed_metrics_survive_any_cut(tmp_path: Path) -> None:
    text = "starting\nstep=1 val/acc=0.5\nstep=2 val/acc=0.75"
    for size in range(1, len(text)):
        ledger = Ledger()
        following = follower(tmp_path, ledger, printed=PrintedMetrics())
        for start in range(0, len(text), size):
            following.printed(text[start : start + size])
        following.printed("", is_last=True)
        assert ledger.points == [("val", "acc", 1, 0.5), ("val", "acc", 2, 0.75)]
