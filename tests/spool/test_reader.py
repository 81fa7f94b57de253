"""Records written by the real writer, read back: exact values, offsets that hold, damage passed over and counted."""

from __future__ import annotations

import math
import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.hook import records
from mlops_cli.hook.records import Writer, encode
from mlops_cli.spool import reader
from mlops_cli.spool.folder import RunFolder
from mlops_cli.spool.reader import Batch, StreamReader, segments, streams


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs")


def read_all(folder: RunFolder, limit: int = 1 << 22, *, final: bool = False) -> list[Batch]:
    found = []
    for stream in streams(folder.spool):
        follow, offset = StreamReader(stream), 0
        while not (batch := follow.read(offset, limit, final=final)).is_empty:
            found.append(batch)
            assert batch.offset == offset
            offset = batch.next
    return found


def points(batches: list[Batch]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    joined: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for batch in batches:
        for key, (iters, values, times) in batch.scalars.items():
            assert len(iters) == len(values) == len(times)
            joined.setdefault(key, []).extend(zip(iters, values, strict=True))
    return joined


def notes(batches: list[Batch]) -> list[dict[str, object]]:
    return [note for batch in batches for note in batch.notes]


def only_segment(folder: RunFolder) -> Path:
    [stream] = streams(folder.spool)
    [(_, path)] = segments(stream)
    return path


def test_points_come_back_exactly(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    values = [0.1, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, True, 7, 2**53 + 1]
    for step, value in enumerate(values):
        writer.log({"train/loss": value}, step)
    writer.scalar("train", "loss", -(2**63), math.nan, time_ms=1_700_000_000_123)
    writer.scalar("train", "loss", 2**63 - 1, 1)
    [batch] = read_all(folder)
    iters, numbers, times = batch.scalars["train", "loss"]
    assert list(iters) == [*range(len(values)), -(2**63), 2**63 - 1]
    assert list(numbers[: len(values)]) == [float(value) for value in values]
    assert math.copysign(1, numbers[1]) == -1
    assert math.isnan(numbers[len(values)])
    assert times[len(values)] == 1_700_000_000_123
    assert list(times[: len(values)]) == sorted(times[: len(values)])
    assert writer.dropped == 0


NAMES = st.text(st.characters(codec=None), max_size=12)
NUMBERS = st.floats(allow_nan=False) | st.integers(-(10**20), 10**20) | st.booleans()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
LINES = st.tuples(st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=5), st.integers(-(2**63), 2**63 - 1))
ACTIONS = st.lists(LINES | st.dictionaries(NAMES, JSON, max_size=4), max_size=60)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS, repeat=st.integers(1, 30), limit=st.sampled_from([32, 4096, 1 << 22]))
def test_any_mixture_of_points_and_notes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, actions: list[object], repeat: int, limit: int
) -> None:
    folder = RunFolder.create(tmp_path_factory.mktemp("mixed"))
    writer = Writer(folder.path)
    logged: dict[tuple[str, str], list[tuple[int, float]]] = {}
    noted: list[object] = []
    for action in actions * repeat:
        if isinstance(action, tuple):
            values, step = action
            writer.log(values, step)
            for name, value in values.items():
                logged.setdefault(records.split_name(name), []).append((step, float(value)))
        else:
            writer.note(action)
            noted.append(action)
    batches = read_all(folder, limit)
    assert points(batches) == logged
    assert notes(batches) == noted
    assert writer.dropped == 0
    assert sum(batch.torn for batch in batches) == 0


@pytest.mark.parametrize("limit", [32, 1000, 1 << 16, 1 << 22])
def test_a_stream_goes_on_through_segments_and_every_offset_is_a_place_to_start(folder: RunFolder, limit: int) -> None:
    writer = Writer(folder.path)
    count = 3000 if limit < 1000 else 30_000
    for step in range(count):
        writer.log({"a": step, "b/c": -step}, step)
    [stream] = streams(folder.spool)
    assert len(segments(stream)) > 1
    batches = read_all(folder, limit)
    assert points(batches)["a", "a"] == [(step, float(step)) for step in range(count)]
    assert points(batches)["b", "c"] == [(step, float(-step)) for step in range(count)]
    chosen = random.Random(1).choice(batches)
    again = reader.read(stream, chosen.offset, limit)
    assert (again.scalars, again.next) == (chosen.scalars, chosen.next)


def test_segments_that_were_sent_can_be_deleted(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    for step in range(20_000):
        writer.log({"a": step}, step)
    [stream] = streams(folder.spool)
    (_, first), (second, _), *_ = segments(stream)
    first.unlink()
    batch = reader.read(stream, second)
    assert batch.torn == 0
    assert batch.scalars["a", "a"][0][0] > 0
    assert reader.read(stream, 0).torn == second


def test_a_note_larger_than_any_segment_comes_back(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    large = {"k": "plot", "plot": {"data": ["ü" * 3_000_000]}}
    writer.log({"a": 1}, 1)
    writer.note(large)
    writer.log({"a": 2}, 2)
    for limit in (32, 1 << 22):
        batches = read_all(folder, limit)
        assert notes(batches) == [large]
        assert points(batches) == {("a", "a"): [(1, 1.0), (2, 2.0)]}


def test_reading_waits_where_writing_stopped(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    writer.log({"a": 1}, 1)
    [stream] = streams(folder.spool)
    follow = StreamReader(stream)
    first = follow.read(0)
    assert follow.read(first.next).is_empty
    assert follow.read(first.next, final=True).is_empty
    writer.log({"a": 2, "b": 3}, 2)
    second = follow.read(first.next)
    assert points([second]) == {("a", "a"): [(2, 2.0)], ("b", "b"): [(2, 3.0)]}


def test_a_torn_last_record_is_left_while_it_may_be_finished_then_counted(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    for step in range(3):
        writer.log({"a": step}, step)
    path = only_segment(folder)
    data = bytearray(path.read_bytes())
    end = len(data.rstrip(b"\0"))
    end += -end % 32
    data[end - 4 : end] = bytes(4)  # its CRC had not been written
    path.write_bytes(data)
    live = reader.read(path.parent)
    assert points([live])["a", "a"] == [(0, 0.0), (1, 1.0)]
    assert live.torn == 0
    final = reader.read(path.parent, live.next, final=True)
    assert (final.points, final.torn) == (0, 32)
    assert reader.read(path.parent, final.next, final=True).is_empty


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damage_anywhere_costs_only_what_it_touched(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    chance = random.Random(seed)
    folder = RunFolder.create(tmp_path_factory.mktemp("damaged"))
    writer = Writer(folder.path)
    expected = []
    for step in range(200):
        writer.log({"a": step}, step)
        expected.append((step, float(step)))
        if step % 7 == 0:
            writer.note({"k": "mark", "at": "x" * chance.randrange(90)})
    path = only_segment(folder)
    data = bytearray(path.read_bytes())
    used = len(data.rstrip(b"\0"))
    at = chance.randrange(64 + 32, used)  # behind the header and the name of the series
    data[at] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    batches = read_all(folder, final=True)
    found = points(batches)["a", "a"]
    lost = set(expected) - set(found)
    assert len(lost) <= 1
    assert found == [point for point in expected if point not in lost]
    assert sum(batch.torn for batch in batches) >= 32 or at >= used - 32


def test_a_hole_before_the_next_segment_is_passed_over_while_the_run_lives(folder: RunFolder) -> None:
    writer = Writer(folder.path)
    for step in range(5000):
        writer.log({"a": step}, step)
    [stream] = streams(folder.spool)
    path = segments(stream)[0][1]
    data = bytearray(path.read_bytes())
    data[-64:] = bytes(64)
    path.write_bytes(data)
    batches = read_all(folder)
    assert sum(batch.torn for batch in batches) == 64
    assert len(points(batches)["a", "a"]) == 5000 - 2


@settings(max_examples=200, deadline=None)
@given(value=JSON)
def test_our_json_is_what_the_json_module_reads(value: object) -> None:
    import json

    assert json.loads(encode(value)) == value
    assert encode(value) == json.dumps(value, separators=(",", ":"))


def test_json_of_what_json_does_not_know() -> None:
    class Scalar:
        def item(self) -> float:
            return 1.5

    class Odd:
        def __str__(self) -> str:
            return "odd"

    value = {"path": Path("a/b"), "n": Scalar(), 3: {4}, "odd": Odd(), "nan": [math.nan, math.inf, -math.inf]}
    assert encode(value) == '{"path":"a/b","n":1.5,"3":[4],"odd":"odd","nan":[NaN,Infinity,-Infinity]}'


def test_a_block_is_whole_exactly_when_its_crc_is_the_seed() -> None:
    import zlib

    rows = b"".join(records.frame(records.NOTE, os.urandom(length)) for length in (0, 1, 23, 24, 25, 56, 1000))
    assert zlib.crc32(rows, records.SEED) == records.SEED
    assert len(rows) % records.SLOT == 0
    assert zlib.crc32(rows[:40] + b"!" + rows[41:], records.SEED) != records.SEED
    assert zlib.crc32(bytes(32), records.SEED) != records.SEED


def test_the_format_is_what_its_description_says(folder: RunFolder) -> None:
    """A reader written from the description alone, so that both sides cannot be wrong together."""
    import zlib

    Writer(folder.path).scalar("m", "v", 5, 2.5, time_ms=7)
    data = only_segment(folder).read_bytes()
    assert struct.unpack_from("<I8sq", data) == (3 << 28 | 24, b"mlopsp01", 0)
    assert struct.unpack_from("<III2s", data, 32) == (2 << 28 | 10, 0, 1, b"mv")
    assert struct.unpack_from("<Iqdq", data, 64) == (0x80000000, 5, 2.5, 7_000_000)
    assert struct.unpack_from("<I", data, 92) == (zlib.crc32(data[64:92], 0x2144DF1C),)
    assert not any(data[96:])
