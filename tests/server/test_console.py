from __future__ import annotations

import json
import random
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store import console
from mlops_cli.server.store.console import EVENT, Entry
from mlops_cli.server.store.store import open_store


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "store.db", tmp_path / "files")
    yield opened
    opened.close()


@pytest.fixture
def call(store):
    return lambda endpoint, **body: dispatch(store, endpoint, body)


@pytest.fixture
def task(call):
    return call("tasks.create", name="a task", type="training")["id"]


def write(store, task, *entries):
    with store.db.write() as connection:
        return console.append(connection, task, entries)


def raw(text, timestamp=1, level="info"):
    return Entry(timestamp, level, "host", text)


def read_all(call, task, **body):
    chunks, answer = [], call("events.get_console", task=task, **body)
    while True:
        chunks += answer["chunks"]
        if not answer["more"]:
            return chunks
        answer = call(
            "events.get_console", task=task, after=answer["last"], limit_bytes=body.get("limit_bytes", 1 << 20)
        )


def log(task, msg, timestamp, **more):
    return {"type": "log", "task": task, "msg": msg, "timestamp": timestamp, "level": "info", "worker": "w", **more}


ENTRIES = st.lists(st.binary(max_size=300), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(batches=st.lists(ENTRIES, max_size=5), limit=st.integers(1, 2000))
def test_raw_bytes_come_back_exactly_and_in_order(store, call, task, monkeypatch, batches, limit):
    store.db.connection.execute("DELETE FROM console")
    with monkeypatch.context() as patch:
        patch.setattr(console, "BLOCK_BYTES", 500)
        patch.setattr(console, "ENTRY_BYTES", 128)
        for batch in batches:
            write(store, task, *map(raw, batch))
    chunks = read_all(call, task, limit_bytes=limit)
    assert b"".join(chunk["raw"] for chunk in chunks) == b"".join(text for batch in batches for text in batch)
    assert [chunk["id"] for chunk in chunks] == list(range(len(chunks)))


def test_a_follower_goes_on_after_the_last_id_while_the_block_grows(store, call, task):
    write(store, task, raw(b"one\n"), raw(b"two\n"))
    first = call("events.get_console", task=task)
    assert [chunk["raw"] for chunk in first["chunks"]] == [b"one\n", b"two\n"]
    assert call("events.get_console", task=task, after=first["last"]) == {
        "chunks": [],
        "last": 1,
        "more": False,
        "ended": False,
    }
    write(store, task, raw(b"three\n", 9, "error"))
    assert call("events.get_console", task=task, after=first["last"])["chunks"] == [
        {"id": 2, "timestamp": 9, "level": "error", "worker": "host", "raw": b"three\n"}
    ]


def test_an_empty_console_is_followed_from_its_beginning(store, call, task):
    nothing = call("events.get_console", task=task)
    assert nothing == {"chunks": [], "last": -1, "more": False, "ended": False}
    write(store, task, raw(b"x"))
    assert len(call("events.get_console", task=task, after=nothing["last"])["chunks"]) == 1


def test_slow_output_grows_one_block(store, task):
    for number in range(200):
        write(store, task, raw(b"line %d\n" % number))
    assert [block.size for block in console.blocks(store.db.connection, task)] == [200]


def test_a_block_of_empty_entries_is_full_some_day(store, task):
    write(store, task, *[Entry(1, "", "", b"", EVENT)] * 5000)
    assert len(console.blocks(store.db.connection, task)) > 2
    assert console.count(store.db.connection, task) == 5000


@pytest.mark.parametrize("lines", [0, 1, 2, 7, 1000, 5000])
def test_a_tail_has_at_least_the_lines_asked_for(store, call, task, lines):
    text = b"".join(b"line %d %s\n" % (i, b"x" * (i % 90)) for i in range(4000))
    pieces = [text[start : start + 777] for start in range(0, len(text), 777)]
    write(store, task, *map(raw, pieces))
    found = b"".join(chunk["raw"] for chunk in read_all(call, task, tail_lines=lines))
    assert text.endswith(found)
    wanted = text.splitlines()[max(0, 4000 - lines) :]
    assert found.splitlines()[len(found.splitlines()) - len(wanted) :] == wanted
    if lines < 1000:
        assert len(found) < (lines + 1) * 110 + 2 * 777


def test_a_tail_opens_only_the_last_blocks(store, call, task, monkeypatch):
    write(store, task, *[raw(b"%d %s\n" % (i, b"x" * 2000)) for i in range(1000)])
    opened = []
    unpack = console._unpack
    monkeypatch.setattr(console, "_unpack", lambda data: opened.append(1) or unpack(data))
    read_all(call, task, tail_lines=10)
    assert 1 <= len(opened) <= 3


# ---- as log events of the API


def test_log_events_come_back_as_they_were_sent(call, task):
    events = [log(task, "one\ntwo", 10), log(task, "10%\r20%", 11, level="ERROR"), log(task, "", 12)]
    call("events.add_batch", events=events)
    found = call("events.get_task_log", task=task, order="asc")
    assert found == {"events": events, "returned": 3, "total": 3}
    assert [chunk["raw"] for chunk in call("events.get_console", task=task)["chunks"]] == [
        b"one\ntwo\n", b"10%\r20%\n", b"\n",
    ]  # fmt: skip


def test_raw_output_is_shown_as_folded_text(store, call, task):
    write(store, task, raw("5%\r50%\r100% é\n".encode() + b"\xff\n"))
    assert call("events.get_task_log", task=task)["events"][0]["msg"] == "100% é\n\ufffd\n"
    assert call("events.get_console", task=task)["chunks"][0]["raw"] == "5%\r50%\r100% é\n".encode() + b"\xff\n"


def test_a_character_cut_between_two_pieces_is_whole_in_the_later(call, task):
    text = "naïve €uro 😀!".encode()
    for cut in range(1, len(text)):
        console_pieces = [
            {"timestamp": 1, "level": "out", "raw": text[:cut]},
            {"timestamp": 1, "level": "err", "raw": b"|"},
            {"timestamp": 2, "level": "out", "raw": text[cut:]},
        ]
        call("events.add_columns", task=task, run="r", stream=str(cut), offset=0, next=1, console=console_pieces)
    chunks = [chunk for chunk in read_all(call, task) if chunk["level"] == "out"]
    assert b"".join(chunk["raw"] for chunk in chunks) == text * (len(text) - 1)
    assert all("\ufffd" not in chunk["raw"].decode("utf-8", "replace") for chunk in chunks)


def stamps(found):
    return [event["timestamp"] for event in found["events"]]


def test_the_log_is_walked_backwards_from_the_newest(call, task):
    call("events.add_batch", events=[log(task, str(i), i) for i in range(10)])
    first = call("events.get_task_log", task=task, batch_size=4)
    assert (stamps(first), first["returned"], first["total"]) == ([9, 8, 7, 6], 4, 10)
    assert stamps(call("events.get_task_log", task=task, batch_size=4, from_timestamp=6)) == [5, 4, 3, 2]
    assert stamps(call("events.get_task_log", task=task, batch_size=4, order="asc")) == [6, 7, 8, 9]
    assert stamps(call("events.get_task_log", task=task, from_timestamp=0)) == []


def test_the_log_is_walked_forwards_from_the_oldest(call, task):
    call("events.add_batch", events=[log(task, str(i), i) for i in range(10)])
    body = {"task": task, "navigate_earlier": False}
    assert stamps(call("events.get_task_log", **body, batch_size=3)) == [0, 1, 2]
    assert stamps(call("events.get_task_log", **body, batch_size=3, from_timestamp=2)) == [3, 4, 5]
    assert stamps(call("events.get_task_log", **body, batch_size=3, order="desc")) == [2, 1, 0]
    assert stamps(call("events.get_task_log", **body, from_timestamp=9)) == []


def test_events_of_one_millisecond_stay_together(call, task):
    call("events.add_batch", events=[log(task, str(i), i // 4) for i in range(12)])
    back = call("events.get_task_log", task=task, batch_size=2)
    assert [event["msg"] for event in back["events"]] == ["11", "10", "9", "8"]
    on = call("events.get_task_log", task=task, batch_size=5, navigate_earlier=False)
    assert [event["msg"] for event in on["events"]] == [str(i) for i in range(8)]


TIMES = st.lists(st.integers(0, 30), min_size=1, max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(times=TIMES, size=st.integers(1, 9), earlier=st.booleans())
def test_walking_by_timestamps_meets_every_event_once(store, task, monkeypatch, times, size, earlier):
    connection = store.db.connection
    connection.execute("DELETE FROM console")
    with monkeypatch.context() as patch:
        patch.setattr(console, "BLOCK_BYTES", 300)
        write(store, task, *[Entry(moment, "", "", str(i).encode(), EVENT) for i, moment in enumerate(times)])
    seen, beyond = [], None
    while True:
        page = console.page(connection, task, size, earlier=earlier, beyond=beyond)
        if not page:
            break
        seen += [(entry.timestamp, number) for number, entry in page]
        beyond = page[-1][1].timestamp
    assert seen == sorted(((moment, i) for i, moment in enumerate(times)), reverse=earlier)


def test_the_log_is_downloaded_as_text_or_json(call, task):
    call("events.add_batch", events=[log(task, "é one\n", 1_795_300_361_123), log(task, "{level}", 1_795_300_361_124)])
    text = call("events.download_task_log", task=task, line_type="text")
    assert text["text"] == ("2026-11-21T22:32:41.123Z w info é one\n2026-11-21T22:32:41.124Z w info {level}\n")
    assert (
        call("events.download_task_log", task=task, line_type="text", line_format="{msg}")["text"] == "é one\n{level}\n"
    )
    lines = call("events.download_task_log", task=task)["text"].splitlines()
    assert [json.loads(line)["msg"] for line in lines] == ["é one", "{level}"]


# ---- clearing


def test_clearing_keeps_the_numbers_going(store, call, task):
    write(store, task, *[raw(b"%d\n" % i, i) for i in range(5)])
    assert call("events.clear_task_log", task=task) == {"deleted": 5}
    assert call("events.get_task_log", task=task)["total"] == 0
    assert call("events.get_console", task=task, after=4)["chunks"] == []
    write(store, task, raw(b"new\n"))
    (chunk,) = call("events.get_console", task=task, after=4)["chunks"]
    assert (chunk["id"], chunk["raw"]) == (5, b"new\n")
    assert call("events.clear_task_log", task=task) == {"deleted": 1}


def test_clearing_what_is_old_leaves_the_rest(call, task):
    now = time.time_ns() // 1_000_000
    call("events.add_batch", events=[log(task, str(i), now - age * 1000) for i, age in enumerate([900, 5, 800, 1])])
    assert call("events.clear_task_log", task=task, threshold_sec=60) == {"deleted": 2}
    assert [event["msg"] for event in call("events.get_task_log", task=task, order="asc")["events"]] == ["1", "3"]
    ids = [chunk["id"] for chunk in read_all(call, task)]
    assert ids == [2, 3]


# ---- much of it


@pytest.mark.slow
def test_a_hundred_megabytes_go_in_and_come_out_in_bounded_memory(call, task):
    draw = random.Random(3)
    piece = b"".join(b"epoch %d loss=%.6f\n" % (i, draw.random()) for i in range(45_000))[: 1 << 20]
    tracemalloc.start()
    for number in range(100):
        body = {"timestamp": number, "level": "info", "raw": piece}
        call("events.add_columns", task=task, run="r", stream="console", offset=number, next=number + 1, console=[body])
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.reset_peak()
    size, after = 0, -1
    while True:
        answer = call("events.get_console", task=task, after=after)
        size += sum(len(chunk["raw"]) for chunk in answer["chunks"])
        after = answer["last"]
        if not answer["more"]:
            break
    assert size == 100 * len(piece)
    tail = call("events.get_console", task=task, tail_lines=10)
    assert sum(len(chunk["raw"]) for chunk in tail["chunks"]) <= 2 * console.ENTRY_BYTES
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
