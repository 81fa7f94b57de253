"""Event files written by a real writer are read back whole, as they grow, and when they are torn or broken."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from mlops_cli.follow.tensorboard import (
    EventFile,
    Histogram,
    Hyperparameters,
    Image,
    Item,
    Scalar,
    Text,
    parse_event,
)

np = pytest.importorskip("numpy")
tensorboardX = pytest.importorskip("tensorboardX")


def read_all(file: EventFile) -> list[Item]:
    items: list[Item] = []
    while found := file.read():
        items += found
    return items


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*tfevents*")
    return path


def test_everything_that_a_writer_logs_comes_back(tmp_path: Path) -> None:
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss/train", 0.25, 3, walltime=1_700_000_000.5)
        writer.add_scalar("loss/train", float("nan"), 4)
        writer.add_histogram("weights", np.arange(100.0), 5)
        writer.add_image("sample", np.zeros((3, 4, 4), dtype=np.uint8), 6)
        writer.add_text("note", "grüß dich", 7)
    items = read_all(EventFile(the_file(tmp_path)))
    scalar, nan, histogram, image, text = items
    assert scalar == Scalar("loss/train", 3, 1_700_000_000_500, 0.25)
    assert isinstance(nan, Scalar)
    assert math.isnan(nan.value)
    assert isinstance(histogram, Histogram)
    assert sum(histogram.counts) == 100
    assert len(histogram.edges) == len(histogram.counts) + 1
    assert isinstance(image, Image)
    assert image.data.startswith(b"\x89PNG")
    assert image.step == 6
    assert isinstance(text, Text)
    assert (text.tag, text.text, text.step) == ("note", "grüß dich", 7)


def test_hyperparameters_keep_their_types(tmp_path: Path) -> None:
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        writer.add_hparams({"lr": 0.1, "layers": 3, "name": "net", "bn": True}, {"acc": 0.9}, name="run")
    items = [item for path in tmp_path.rglob("*tfevents*") for item in read_all(EventFile(path))]
    (found,) = [item for item in items if isinstance(item, Hyperparameters)]
    assert found.values == {"lr": 0.1, "layers": 3, "name": "net", "bn": True}
    assert Scalar in {type(item) for item in items}


def test_a_growing_file_is_read_from_where_it_was_left(tmp_path: Path) -> None:
    writer = tensorboardX.SummaryWriter(str(tmp_path), flush_secs=1)
    seen: list[Item] = []
    file: EventFile | None = None
    for step in range(20):
        writer.add_scalar("loss", float(step), step)
        writer.flush()
        file = file or EventFile(the_file(tmp_path))
        seen += read_all(file)
    writer.close()  # its queue is drained by a thread: only now is the last one surely there
    assert file is not None
    seen += read_all(file)
    assert [item.step for item in seen if isinstance(item, Scalar)] == list(range(20))
    again = EventFile(file.path, file.offset)
    assert read_all(again) == []


def test_a_torn_tail_waits_for_its_rest(tmp_path: Path) -> None:
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        for step in range(5):
            writer.add_scalar("loss", float(step), step)
    whole = the_file(tmp_path).read_bytes()
    torn = tmp_path / "torn.tfevents"
    for cut in range(len(whole) - 60, len(whole)):
        torn.write_bytes(whole[:cut])
        file = EventFile(torn)
        first = read_all(file)
        torn.write_bytes(whole)
        rest = read_all(file)
        assert [item.step for item in first + rest if isinstance(item, Scalar)] == list(range(5))
        assert not file.problem


def test_a_broken_frame_stops_reading_and_says_where(tmp_path: Path) -> None:
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 1)
    path = the_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\xff" * 40)
    file = EventFile(path)
    assert len(read_all(file)) == 1
    assert f"byte {len(whole)}" in file.problem


def test_a_message_that_is_no_event_is_skipped_alone(tmp_path: Path) -> None:
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 1)
    path = the_file(tmp_path)
    whole = path.read_bytes()
    junk = b"\x0a\xff\xff\xff\xff\xff"
    size = struct.pack("<Q", len(junk))
    from mlops_cli.follow.tensorboard import _masked_crc

    frame = size + struct.pack("<I", _masked_crc(size)) + junk + b"\0\0\0\0"
    path.write_bytes(frame + whole)
    file = EventFile(path)
    assert [type(item) for item in read_all(file)] == [Scalar]
    assert file.skipped == 1


def test_a_record_larger_than_one_read_is_read_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 200, 200), dtype=np.uint8)
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        writer.add_image("big", noise, 1)
        writer.add_scalar("after", 2.0, 2)
    file = EventFile(the_file(tmp_path))
    items: list[Item] = []
    while found := file.read(max_bytes=1024):
        items += found
    assert [type(item) for item in items] == [Image, Scalar]


def test_tensors_of_the_second_generation_are_understood() -> None:
    from tensorboardX.proto import event_pb2

    def event(plugin: str, dtype: int, step: int = 1, **tensor: object) -> bytes:
        message = event_pb2.Event(wall_time=1.0, step=step)
        value = message.summary.value.add(tag="t")
        value.metadata.plugin_data.plugin_name = plugin
        value.tensor.dtype = dtype
        for name, content in tensor.items():
            if isinstance(content, bytes):
                setattr(value.tensor, name, content)
            else:
                getattr(value.tensor, name).extend(content)
        return message.SerializeToString()

    assert list(parse_event(event("scalars", 1, tensor_content=struct.pack("<f", 0.5)))) == [Scalar("t", 1, 1000, 0.5)]
    assert list(parse_event(event("scalars", 2, double_val=[1e300]))) == [Scalar("t", 1, 1000, 1e300)]
    assert list(parse_event(event("scalars", 9, int64_val=[-7], step=-2))) == [Scalar("t", -2, 1000, -7.0)]
    rows = struct.pack("<6d", 0, 1, 5, 1, 2, 6)
    assert list(parse_event(event("histograms", 2, tensor_content=rows))) == [
        Histogram("t", 1, 1000, (0.0, 1.0, 2.0), (5.0, 6.0))
    ]
    png = b"\x89PNG..."
    assert list(parse_event(event("images", 7, string_val=[b"2", b"2", png]))) == [Image("t", 1, 1000, png)]
    assert list(parse_event(event("text", 7, string_val=[b"hi"]))) == [Text("t", 1, 1000, "hi")]
