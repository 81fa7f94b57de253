"""Anything at all over HTTP: never a 500, never a trace, never a hang; and the server goes on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.server.dispatch import ENDPOINTS
from mlops_cli.server.http.app import Face
from mlops_cli.server.http.metrics import resident_bytes
from mlops_cli.testing.server import Served, temporary_server

from .conftest import Client, connected

FIELDS = [
    "id", "task", "tasks", "ids", "name", "project", "projects", "model", "models", "queue", "worker", "user", "type",
    "status", "tags", "system_tags", "page", "page_size", "order_by", "only_fields", "scroll_id", "size", "start",
    "_any_", "_all_", "filters", "search_text", "events", "scalars", "console", "metrics", "metric", "variant", "iter",
    "samples", "key", "batch_size", "navigate_earlier", "from_timestamp", "hyperparams", "configuration", "execution",
    "script", "force", "models.input.model", "hyperparams.Args.lr.value", "last_metrics.a.b.value", "uri", "metadata",
    "artifacts", "wait_s", "token", "access_key", "label", "run", "stream", "offset", "next", "value", "msg", "refs",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "\ud800", "__$all", "__$not", "-x", "(a+)+$", "[", "../..", "'; DROP TABLE tasks",
                     "9" * 400, "training_stats_scalar", "log", "plot",
                     "2026-01-01", ">2026", "hyperparams.Args.lr.value"]),
)  # fmt: skip
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, -(2**63), 2**70, 10**30, 0, -1, 501]),
        st.floats(),
        texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)
SAFE = sorted(set(ENDPOINTS) - {"auth.revoke_credentials", "users.delete", "users.update"})
"""Those would lock the fuzzer itself out, rightly."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Client, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with (
        temporary_server(folder / "s", face=Face(access_log=str(folder / "log"))) as served,
        connected(served) as client,
    ):
        real = {"task": client("tasks.create", name="a task", type="training")["id"]}
        real["model"] = client("models.create", name="a model", uri="x")["id"]
        real["project"] = client("projects.create", name="a project", description="")["id"]
        client("tasks.started", task=real["task"])
        yield served, client, real


def check(answer: requests.Response) -> None:
    assert answer.status_code != 500, answer.text[:2000]
    assert answer.status_code in (200, 400, 401, 403, 404, 405, 408, 413, 415, 416), answer.text[:500]
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    if answer.headers["content-type"] == "application/json" and "meta" in answer.text[:10]:
        meta = answer.json()["meta"]
        assert meta["result_code"] == answer.status_code
        assert isinstance(meta["result_msg"], str)
        assert meta["result_msg"]


relaxed = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(endpoint=st.sampled_from(SAFE), body=bodies, real=st.booleans(), lines=st.booleans())
def test_no_body_breaks_an_endpoint(
    fuzzed: tuple[Served, Client, dict[str, str]], endpoint: str, body: dict[str, Any], real: bool, lines: bool
) -> None:
    _, client, known = fuzzed
    if real:
        body = {**body, **known, "wait_s": 0}
    if isinstance(body.get("wait_s"), (int, float)) and not math.isnan(float(body["wait_s"])):
        body["wait_s"] = min(body["wait_s"], 0.01)
    text = json.dumps(body)
    check(client.ask(endpoint, data=f"{text}\n{text}" if lines else text, timeout=20))


@relaxed
@given(endpoint=st.sampled_from([*SAFE, "x.y", "tasks.__class__"]), raw=st.binary(max_size=200), kind=st.sampled_from(
    ["application/json", "application/msgpack", "application/json-lines", "text/plain", "multipart/form-data"]
))  # fmt: skip
def test_no_bytes_break_an_endpoint(
    fuzzed: tuple[Served, Client, dict[str, str]], endpoint: str, raw: bytes, kind: str
) -> None:
    check(fuzzed[1].ask(endpoint, data=raw, headers={"Content-Type": kind}, timeout=20))


@relaxed
@given(
    path=st.text(alphabet=st.sampled_from("ab./\\%25ef0~:#? \t\u00fc&=;"), max_size=30),
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]),
    extra=st.sampled_from([{}, {"Range": "bytes=9-1"}, {"Range": "bytes=-"}, {"Range": "bytes=" + "9" * 30 + "-"},
                           {"Content-Type": "multipart/form-data"}, {"Host": "a/b@c"},
                           {"Cookie": "clearml_token_basic=a=b;;"}]),
)  # fmt: skip
def test_no_path_or_header_breaks_the_file_server(
    fuzzed: tuple[Served, Client, dict[str, str]], path: str, method: str, extra: dict[str, str]
) -> None:
    served, client, _ = fuzzed
    request = requests.Request(method, client.url, headers=extra, data=b"x", auth=client.session.auth)
    prepared = client.session.prepare_request(request)
    prepared.url = f"{client.url}/" + re.sub(r"[^!-~]", "", path)
    check(client.session.send(prepared, timeout=20))
    inside = served.store.files.root
    assert {entry.name for entry in inside.parent.iterdir()} <= {"files", "store.db", "store.db-wal", "store.db-shm"}


def test_floods_leave_memory_and_labels_bounded(fuzzed: tuple[Served, Client, dict[str, str]]) -> None:
    _, client, _ = fuzzed
    client.ask("tasks.get_all", data=json.dumps({"tags": ["x" * 100] * 100_000}))
    before = resident_bytes()
    for number in range(30):
        nested = "[" * 5000 + "]" * 5000
        check(client.ask("tasks.get_all", data=json.dumps({"tags": ["x" * 100] * 50_000}), timeout=20))
        check(client.ask("tasks.get_all", data='{"filters":' + nested + "}", timeout=20))
        check(client.ask(f"made_up_{number}.thing", timeout=20))
        check(client.ask(f"tasks.made_up_{number}", timeout=20))
    assert resident_bytes() - before < 60 << 20
    assert "made_up" not in requests.get(f"{client.url}/metrics", timeout=5).text


def test_a_slow_pattern_cannot_hang_the_server(fuzzed: tuple[Served, Client, dict[str, str]]) -> None:
    _, client, _ = fuzzed
    client("tasks.create", name="a" * 40 + "!", type="training")
    for pattern in ("(a+)+$", "(a|a)*b", "(.*a){20}", "(a*)*c"):
        check(client.ask("tasks.get_all", {"name": pattern}, timeout=10))
        check(client.ask("tasks.get_all", {"_any_": {"fields": ["name", "id"], "pattern": pattern}}, timeout=10))
