"""Long polling, slow and odd clients, and an end that drops nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.server import live
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.http import exchange, serve
from mlops_cli.server.http.app import Face
from mlops_cli.server.store import task_status
from mlops_cli.testing.server import Served, temporary_server

from .conftest import connected

Make = Callable[..., str]


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.service.ports[0]), timeout=20)


def line(task: str, text: str) -> dict[str, Any]:
    return {"type": "log", "task": task, "msg": text, "level": "info", "timestamp": int(time.time() * 1000)}


def later(seconds: float, function: Callable[[], Any]) -> threading.Timer:
    timer = threading.Timer(seconds, function)
    timer.start()
    return timer


def test_a_follower_waits_for_news_and_gets_it_at_once(
    served: Served, client: Any, make_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_S", 60.0)  # it must be woken, not look for itself
    task = make_task()
    with connected(served) as other:
        timer = later(0.3, lambda: other("events.add_batch", line(task, "news")))
        started = time.monotonic()
        chunks = client("events.get_console", task=task, wait_s=20)["chunks"]
        took = time.monotonic() - started
        timer.join()
    assert len(chunks) == 1
    assert 0.25 < took < 10
    last = chunks[0]["id"]
    started = time.monotonic()
    assert client("events.get_console", task=task, after=last, wait_s=0.4)["chunks"] == []
    assert 0.35 < time.monotonic() - started < 10
    assert client("events.get_task_log", task=task, wait_s=20)["events"][0]["msg"] == "news"


def test_a_worker_waits_for_a_task_and_gets_it_at_once(served: Served, client: Any) -> None:
    queue = client("queues.get_default")["id"]
    task = client("tasks.create", name="a task", type="training")["id"]
    with connected(served) as other:
        timer = later(0.3, lambda: other("tasks.enqueue", task=task))
        started = time.monotonic()
        assert client("queues.get_next_task", queue=queue, wait_s=20)["entry"]["task"] == task
        assert 0.25 < time.monotonic() - started < 0.9
        timer.join()
    assert client("queues.get_next_task", queue=queue, wait_s=0.2) == {}


def test_a_worker_that_hung_up_while_it_waited_takes_no_task_with_it(served: Served, client: Any) -> None:
    queue = client("queues.get_default")["id"]
    body = json.dumps({"queue": queue, "wait_s": 20}).encode()
    key = base64.b64encode(f"{served.access_key}:{served.secret_key}".encode()).decode()
    with connect(served) as connection:
        head = f"POST /queues.get_next_task HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.3)
    time.sleep(0.1)
    task = client("tasks.create", name="a task", type="training")["id"]
    client("tasks.enqueue", task=task)
    time.sleep(0.2)
    assert client("queues.get_next_task", queue=queue)["entry"]["task"] == task


def test_the_server_ends_what_was_silent_but_not_right_after_its_own_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_status, "WATCHDOG_S", 1)
    monkeypatch.setattr(serve, "WATCH_S", 0.1)
    with temporary_server(tmp_path / "watched") as served, connected(served) as client:
        task = client("tasks.create", name="a task", type="training")["id"]
        client("tasks.started", task=task)
        with served.store.db.write() as connection:
            connection.execute("UPDATE tasks SET last_update = '2026-01-01T00:00:00.000000+00:00'")
        time.sleep(0.4)
        assert client("tasks.get_by_id", task=task)["task"]["status"] == "in_progress"
        until = time.monotonic() + 10
        while client("tasks.get_by_id", task=task)["task"]["status"] != "stopped":
            assert time.monotonic() < until
            time.sleep(0.05)


def test_what_another_process_writes_is_noticed_too(served: Served, client: Any, make_task: Make) -> None:
    task = make_task()
    # Straight into the store, as the command line of the same machine does it.
    timer = later(0.3, lambda: dispatch(served.store, "events.add_batch", {"events": [line(task, "embedded")]}))
    started = time.monotonic()
    assert client("events.get_console", task=task, wait_s=20)["chunks"]
    assert time.monotonic() - started < 3
    timer.join()


def test_many_followers_do_not_hold_up_other_calls(served: Served, client: Any, make_task: Make) -> None:
    task = make_task()
    found: list[int] = []

    def follow() -> None:
        with connected(served) as follower:
            found.append(len(follower("events.get_console", task=task, wait_s=20)["chunks"]))

    threads = [threading.Thread(target=follow) for _ in range(30)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    client("debug.ping")
    assert time.monotonic() - started < 5
    client("events.add_batch", line(task, "news"))
    for thread in threads:
        thread.join(10)
    assert found == [1] * 30


@pytest.mark.parametrize("wait", [-1, "long", None, True, 0, float("nan")])
def test_an_odd_wait_is_no_wait(client: Any, make_task: Make, wait: Any) -> None:
    task = make_task()
    body = json.dumps({"task": task, "wait_s": wait})
    started = time.monotonic()
    assert client.ask("events.get_console", data=body).json()["data"]["chunks"] == []
    assert time.monotonic() - started < 10


def test_a_stop_answers_who_waits_and_what_is_under_way(tmp_path: Path) -> None:
    answers: list[Any] = []
    with temporary_server(tmp_path) as served, connected(served) as client:
        task = client("tasks.create", name="a task", type="training")["id"]

        def follow() -> None:
            answers.append(client.ask("events.get_console", {"task": task, "wait_s": 40}))

        waiting = threading.Thread(target=follow)
        waiting.start()
        time.sleep(0.3)
        started = time.monotonic()
        served.service.stop()
        waiting.join(10)
    assert time.monotonic() - started < 5
    assert [answer.status_code for answer in answers] == [200]


def test_who_is_slow_with_the_headers_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEADERS_S", 0.4)
    with temporary_server(tmp_path) as served:  # noqa: SIM117 - the sockets end first
        with connect(served) as silent, connect(served) as slow, connect(served) as second:
            second.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in second.recv(65536)
            second.sendall(b"GET /hea")
            started = time.monotonic()
            try:
                for _ in range(40):
                    slow.sendall(b"G")
                    time.sleep(0.05)
                pytest.fail("it was never cut off")
            except OSError:
                pass
            assert time.monotonic() - started < 2
            assert silent.recv(100) == b""
            assert second.recv(100) == b""


def test_who_is_slow_with_the_body_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.chunks, "__kwdefaults__", {"idle_s": 0.3})
    with temporary_server(tmp_path) as served, connect(served) as slow:
        slow.sendall(b"POST /debug.ping HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = slow.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /debug.ping HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /debug.ping HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /debug.ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /debug.ping HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xff\r\n"
        b'Cookie: clearml_token_basic="\xff;;=\r\n\r\n',
    ],
)
def test_odd_bytes_do_no_harm(served: Served, client: Any, text: bytes) -> None:
    with connect(served) as odd:
        odd.settimeout(3)
        try:
            odd.sendall(text)
            odd.shutdown(socket.SHUT_WR)
            answer = odd.recv(65536)
        except OSError:
            answer = b""
    assert b"Traceback" not in answer
    assert b" 500 " not in answer[:20]
    assert client.ask("debug.ping").status_code == 200


def test_chunked_bodies_and_pipelined_requests_are_understood(served: Served) -> None:
    with connect(served) as connection:
        connection.sendall(
            b"POST /debug.ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'7\r\n{"a": 1\r\n1\r\n}\r\n0\r\n\r\n'
            b"GET /debug.ping HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
            b'{"b": 2}'
        )
        found = b""
        while part := connection.recv(65536):
            found += part
    assert found.count(b"HTTP/1.1 200") == 2
    assert found.index(b'"a":1') < found.index(b'"b":2')


def test_what_is_written_in_one_turn_is_one_packet_and_closing_loses_none() -> None:
    class Recorder(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.writes: list[bytes] = []
            self.is_closed = False

        def write(self, data: Any) -> None:
            self.writes.append(data)

        def close(self) -> None:
            self.is_closed = True

        def is_closing(self) -> bool:
            return self.is_closed

        def get_write_buffer_size(self) -> int:
            return 0

    async def run() -> list[bytes]:
        below = Recorder()
        joined = serve.Joined(below, asyncio.get_running_loop())
        joined.write(b"head")
        joined.write(b"body")
        assert joined.get_write_buffer_size() == 8
        await asyncio.sleep(0)
        joined.write(b"last")
        joined.close()
        await asyncio.sleep(0)
        assert below.is_closed
        return below.writes

    assert asyncio.run(run()) == [b"headbody", b"last"]


def test_a_proxy_is_believed_only_when_asked_to(tmp_path: Path) -> None:
    forwarded = {
        "X-Forwarded-Proto": "https", "X-Forwarded-Host": "mlops.lab", "X-Forwarded-For": "6.6.6.6, 10.1.2.3"
    }  # fmt: skip
    for trusts, expected, origin in ((False, None, "127.0.0.1"), (True, "https://mlops.lab", "10.1.2.3")):
        log = tmp_path / f"{trusts}.log"
        face = Face(behind_proxy=trusts, access_log=str(log))
        with temporary_server(tmp_path / str(trusts), face=face) as served, connected(served) as client:
            model = client("models.create", name="a model", uri=f"{served.url}/a/b.pt", framework="x")["id"]
            told = client.ask("models.get_by_id", {"model": model}, headers=forwarded).json()["data"]["model"]["uri"]
            assert told == f"{expected or served.url}/a/b.pt"
        assert json.loads(log.read_text().splitlines()[-1])["remote"] == origin
