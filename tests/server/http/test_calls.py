"""Calls of the API over real sockets: paths, methods, bodies, the envelope, refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import requests

from mlops_cli.server.http.metrics import resident_bytes
from mlops_cli.testing.server import Served

Ask = Callable[..., Any]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ["tasks.get_all", "tasks.get_all/", "v2.23/tasks.get_all", "v2.5/tasks.get_all/"])
def test_every_method_and_path_means_the_same(client: Any, make_task: Ask, method: str, path: str) -> None:
    wanted = make_task("the one")
    make_task("another")
    answer = client.ask(path, {"name": "^the\\ one$", "method": method.lower()}, method=method)
    assert answer.status_code == 200
    assert [task["id"] for task in answer.json()["data"]["tasks"]] == [wanted]


def test_the_envelope_is_what_strict_clients_parse(client: Any) -> None:
    meta = client.ask("v2.23/debug.ping").json()["meta"]
    assert set(meta) == {
        "id", "trx", "endpoint", "result_code", "result_subcode", "result_msg", "error_stack", "error_data"
    }  # fmt: skip
    assert meta["endpoint"] == {"name": "debug.ping", "requested_version": "2.23", "actual_version": "2.23"}
    assert (meta["result_code"], meta["result_subcode"], meta["result_msg"]) == (200, 0, "OK")


@pytest.mark.parametrize(
    ("endpoint", "data", "status", "subcode"),
    [
        ("nope.get", b"{}", 404, 0),
        ("tasks.nope", b"{}", 404, 0),
        ("tasks.get_all", b"{", 400, 0),
        ("tasks.get_all", b"[1]", 400, 0),
        ("tasks.get_all", b"\xff\xfe", 400, 0),
        ("tasks.get_all", b"[" * 200_000, 400, 0),
        ("tasks.get_all", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, 0),
        ("tasks.get_all", b'{"page": 1' + b"0" * 5000 + b"}", 400, 0),
        ("tasks.get_by_id", b'{"task": "unknown"}', 400, 101),
        ("tasks.get_by_id", b'{"task": "\\ud800"}', 400, 12),
        ("tasks.create", b'{"name": "x"}', 400, 11),
        ("tasks.get_all", b'{"only_fields": ["nope"]}', 400, 14),
        ("events.add_batch", b"", 400, 17),
        ("events.add_batch", b'{"type": "log"}\n{"type', 400, 0),
    ],
)
def test_refusals_carry_the_codes_of_the_api(
    client: Any, endpoint: str, data: bytes, status: int, subcode: int
) -> None:
    answer = client.ask(endpoint, data=data)
    meta = answer.json()["meta"]
    assert (answer.status_code, meta["result_code"], meta["result_subcode"]) == (status, status, subcode)
    assert meta["result_msg"]
    assert answer.json()["data"] == {}
    assert "Traceback" not in answer.text


def test_an_error_carries_our_code_and_hint_as_data(client: Any, make_task: Ask) -> None:
    task = make_task()
    told = client.ask("tasks.delete", {"task": task}).json()["meta"]["error_data"]
    assert told["code"] == "conflict"
    assert told["hint"]


def test_the_query_string_is_merged_into_the_body(client: Any, make_task: Ask) -> None:
    first, second = make_task("one"), make_task("two")
    answer = client.ask(f"tasks.get_all?id={first}&id={second}&page=0&page_size=1&order_by=-name")
    assert [task["id"] for task in answer.json()["data"]["tasks"]] == [second]
    ping = client.ask("debug.ping?flag=true&a.b.c=7&text=07x").json()["data"]
    assert (ping["flag"], ping["a"], ping["text"]) == (True, {"b": {"c": 7}}, "07x")
    assert client.ask("debug.ping?a=1&a.b=2").status_code == 400


def test_batches_are_one_object_a_line_with_words_for_odd_numbers(client: Any, make_task: Ask) -> None:
    task = make_task()
    common = {"task": task, "type": "training_stats_scalar", "metric": "loss", "variant": "train", "method": "post"}
    rows = [(1, 0.5), (2, float("nan")), (3, float("inf"))]
    lines = "\n".join(json.dumps({**common, "iter": step, "value": value}) for step, value in rows)
    answer = client.ask("events.add_batch", data=lines, headers={"Content-Type": "application/json-lines"})
    assert answer.json()["data"]["added"] == 3
    curve = client("events.scalar_metrics_iter_histogram", task=task)["loss"]["train"]
    assert (curve["x"], curve["y"]) == ([1, 2, 3], [0.5, "NaN", "Infinity"])


def test_columns_and_raw_output_travel_as_msgpack(client: Any, make_task: Ask) -> None:
    from array import array

    task = make_task()
    scalar = {"metric": "loss", "variant": "train"}
    for name, column in (("iter", array("q", [1, 2])), ("value", array("d", [0.5, float("nan")]))):
        scalar[name] = column.tobytes()
    scalar["timestamp"] = array("q", [5, 6]).tobytes()
    console = [{"timestamp": 7, "level": "out", "raw": b"\xff\x00raw\n"}]
    batch = {"task": task, "run": "r", "stream": "s", "offset": 0, "next": 9, "scalars": [scalar], "console": console}
    kind = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
    answer = client.ask("events.add_columns", data=msgspec.msgpack.encode(batch), headers=kind)
    assert answer.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(answer.content)["data"]["added"] == 3
    told = client.ask("events.get_console", {"task": task}, headers={"Accept": "application/msgpack"})
    assert msgspec.msgpack.decode(told.content)["data"]["chunks"][0]["raw"] == b"\xff\x00raw\n"
    plain = client("events.get_console", task=task)["chunks"][0]["raw"]
    assert base64.b64decode(plain) == b"\xff\x00raw\n"
    assert client("events.get_curve", task=task, metric="loss", variant="train")["total"] == 2
    broken = {**batch, "offset": 9, "next": 12, "scalars": [{**scalar, "iter": b"\x01"}]}
    answer = client.ask("events.add_columns", data=msgspec.msgpack.encode(broken), headers=kind)
    assert answer.status_code == 400


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_long_answers_are_compressed_as_the_client_takes_it(client: Any, make_task: Ask, coding: str) -> None:
    for number in range(20):
        make_task(f"task number {number}")
    plain = client.ask("tasks.get_all", headers={"Accept-Encoding": "identity"})
    packed = client.ask("tasks.get_all", headers={"Accept-Encoding": coding})
    assert packed.headers["content-encoding"] == coding
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.json()["data"] == plain.json()["data"]
    assert "content-encoding" not in client.ask("debug.ping", headers={"Accept-Encoding": coding}).headers


def test_a_compressed_request_is_not_understood(client: Any) -> None:
    assert client.ask("debug.ping", data=b"{}", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_a_request_that_is_too_large_is_refused_before_it_is_read(client: Any) -> None:
    answer = client.ask("debug.ping", data=b" " * (49 << 20))
    assert answer.status_code == 413
    assert client.ask("debug.ping").status_code == 200


def test_a_stranger_fills_no_memory_and_hears_why(client: Any) -> None:
    url = urlsplit(client.url)
    before = resident_bytes()
    held = [HTTPConnection(str(url.hostname), url.port, timeout=20) for _ in range(4)]
    for connection in held:
        connection.putrequest("POST", "/tasks.get_all")
        connection.putheader("Content-Length", str(40 << 20))
        connection.endheaders()
        connection.send(b" " * (39 << 20))
    assert resident_bytes() - before < 60 << 20
    for connection in held:
        connection.send(b" " * (1 << 20))
        assert connection.getresponse().status == 401
        connection.close()
    large = HTTPConnection(str(url.hostname), url.port, timeout=20)
    large.putrequest("POST", "/debug.ping")
    large.putheader("Content-Length", str(65 << 10))
    large.endheaders()
    assert large.getresponse().status == 413
    large.close()


def test_the_log_of_a_task_is_a_download(client: Any, make_task: Ask) -> None:
    task = make_task()
    client("events.add_batch", {"type": "log", "task": task, "msg": "hello", "level": "info", "timestamp": 1})
    answer = client.ask("events.download_task_log", {"task": task, "line_type": "text", "line_format": "{msg}"})
    assert answer.text == "hello\n"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_health_and_readiness_need_no_login_and_metrics_count(served: Served, client: Any) -> None:
    client("debug.ping")
    client.ask("strange.name")
    assert requests.get(f"{served.url}/health", timeout=5).json()["status"] == "ok"
    assert requests.get(f"{served.url}/ready", timeout=5).json()["status"] == "ready"
    page = requests.get(served.url, timeout=5)
    assert (page.status_code, "mlops server" in page.text) == (200, True)
    text = requests.get(f"{served.url}/metrics", timeout=5).text
    assert 'mlops_http_requests_total{endpoint="debug.ping",code="200"} 1' in text
    assert 'mlops_http_requests_total{endpoint="unknown",code="404"} 1' in text
    assert "strange" not in text


def test_what_breaks_inside_is_told_by_an_id_only(served: Served, client: Any, capfd: Any) -> None:
    # A real inner failure: a table that the code relies on is gone.
    served.store.db.connection.execute("ALTER TABLE users RENAME COLUMN company TO other")
    answer = client.ask("users.get_all")
    meta = answer.json()["meta"]
    assert (answer.status_code, meta["result_code"]) in ((500, 500), (503, 503))
    assert "Traceback" not in answer.text
    assert "column" not in answer.text or "/" not in meta["result_msg"]
