"""Files over HTTP: whole or not at all, resumed, verified, and the token for those hosts alone that may see it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import production_server as production
import pytest
from production_server import Production

from mlops_cli.client import download
from mlops_cli.client.api import Api
from mlops_cli.client.assets import find_model
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from mlops_cli.errors import Ambiguous, Conflict, Denied, InvalidInput, NotFound, Unreachable

SIZE = (9 << 20) + 123


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    with Production(tmp_path / "production") as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def api(server: Production) -> Iterator[Api]:
    with connect(load_settings()) as found:
        yield found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data set ä#1.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_goes_up_as_a_form_and_comes_back_the_same(api: Api, source: Path, tmp_path: Path) -> None:
    stored = api.files.put(source, under="a" * 32)
    assert (stored.sha256, stored.size_bytes) == (digest(source), SIZE)
    assert api.files.owns(stored.uri) and "a" * 32 in stored.uri and " " not in stored.uri
    again = api.files.put(source, under="a" * 32)
    assert again.uri == stored.uri
    got = api.files.fetch(stored.uri, tmp_path / "deep" / "got.bin", digest=stored.sha256)
    assert got.read_bytes() == source.read_bytes()
    assert [entry.name for entry in got.parent.iterdir()] == ["got.bin"]
    assert digest(api.files.locate(stored.uri)) == stored.sha256


def test_an_empty_file_is_a_file(api: Api, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    stored = api.files.put(empty)
    assert api.files.fetch(stored.uri, tmp_path / "got", digest=stored.sha256).read_bytes() == b""


def test_a_cut_is_gone_on_from(server: Production, api: Api, source: Path, tmp_path: Path) -> None:
    stored = api.files.put(source)
    server.once("file", production.half_a_file)
    got = api.files.fetch(stored.uri, tmp_path / "got", digest=stored.sha256)
    assert digest(got) == stored.sha256
    asked = [headers.get("Range") for method, _, headers in server.seen if method == "GET"]
    assert asked[0] == f"bytes=0-{download.CHUNK_BYTES - 1}"
    assert asked[1] == f"bytes={(download.CHUNK_BYTES - 1) // 2}-{download.CHUNK_BYTES - 1}"


def test_a_server_without_ranges_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    with Production(tmp_path / "p", ranges=False) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        with connect(load_settings()) as api:
            stored = api.files.put(source)
            assert digest(api.files.fetch(stored.uri, tmp_path / "got")) == stored.sha256


def test_large_files_come_over_several_connections(
    api: Api, server: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PARALLEL_BYTES", 4 << 20)
    monkeypatch.setattr(download, "CHUNK_BYTES", 1 << 20)
    large = tmp_path / "large"
    large.write_bytes(os.urandom((7 << 20) + 5))
    stored = api.files.put(large)
    told: list[tuple[int, int | None]] = []
    got = api.files.fetch(
        stored.uri, tmp_path / "got", digest=stored.sha256, progress=lambda here, size: told.append((here, size))
    )
    assert digest(got) == stored.sha256
    assert sum(method == "GET" for method, _, _ in server.seen) == 8
    assert told[-1] == ((7 << 20) + 5, (7 << 20) + 5)


KILLED = """
import os, sys
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from pathlib import Path
def progress(here, size):
    if here > (5 << 20):
        os.kill(os.getpid(), 9)
from mlops_cli.client import download
download.SAVE_S = 0.0
connect(load_settings()).files.fetch(sys.argv[1], Path(sys.argv[2]), progress=progress)
"""


def test_a_fetch_that_was_killed_is_gone_on_with_by_the_next(
    api: Api, server: Production, source: Path, tmp_path: Path
) -> None:
    stored, target = api.files.put(source), tmp_path / "out" / "got"
    done = subprocess.run([sys.executable, "-c", KILLED, stored.uri, str(target)], check=False)
    assert done.returncode == -9 and not target.exists()
    before = len(server.seen)
    assert digest(api.files.fetch(stored.uri, target, digest=stored.sha256)) == stored.sha256
    first = next(headers["Range"] for method, _, headers in server.seen[before:] if method == "GET")
    assert int(first.removeprefix("bytes=").partition("-")[0]) > 4 << 20
    assert [entry.name for entry in target.parent.iterdir()] == ["got"]


def test_a_file_that_changed_between_two_tries_is_not_glued_together(
    api: Api, server: Production, source: Path, tmp_path: Path
) -> None:
    stored, target = api.files.put(source), tmp_path / "out" / "got"
    subprocess.run([sys.executable, "-c", KILLED, stored.uri, str(target)], check=False)
    [served] = [path for path in server.files.rglob("*") if path.is_file()]
    fresh = os.urandom(SIZE)
    served.write_bytes(fresh)
    assert api.files.fetch(stored.uri, target).read_bytes() == fresh


def test_other_bytes_than_recorded_are_refused_and_leave_nothing(api: Api, source: Path, tmp_path: Path) -> None:
    stored = api.files.put(source)
    with pytest.raises(Conflict, match="not what was recorded"):
        api.files.fetch(stored.uri, tmp_path / "out" / "got", digest="0" * 64)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_fetched_is_told_and_leaves_nothing(api: Api, server: Production, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the file is gone"):
        api.files.fetch(f"{server.url}/none", tmp_path / "out" / "got")
    with pytest.raises(InvalidInput, match="s3"):
        api.files.fetch("s3://bucket/x", tmp_path / "out" / "got")
    server.stop()
    with pytest.raises(Unreachable, match="nobody listens"):
        api.files.fetch(f"{server.url}/none", tmp_path / "out" / "got")
    server.start()
    assert list((tmp_path / "out").iterdir()) == []


class Foreign:
    """A host of somebody else, which sends everybody on if it is told where."""

    def __init__(self) -> None:
        seen: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(dict(self.headers))
                self.send_response(302 if outer.target else 200)
                if outer.target:
                    self.send_header("Location", outer.target)
                self.send_header("Content-Length", "0" if outer.target else "5")
                self.end_headers()
                if not outer.target:
                    self.wfile.write(b"bytes")

            def log_message(self, *_: Any) -> None:
                return

        self.target = ""
        self.seen = seen
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/model.bin"


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    found = Foreign()
    yield found
    found.http.shutdown()
    found.http.server_close()


def test_no_foreign_host_ever_sees_the_token(
    api: Api, foreign: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login me password geheim\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert api.files.fetch(foreign.url, tmp_path / "got").read_bytes() == b"bytes"
    assert [headers for headers in foreign.seen if "Authorization" in headers] == []


def test_a_redirect_takes_no_token_along(
    api: Api, server: Production, foreign: Foreign, tmp_path: Path, source: Path
) -> None:
    def away(handler: production.Handler, path: str, body: dict[str, Any]) -> bool:
        handler.plain(302, b"", "text/plain", {"Location": foreign.url})
        return True

    stored = api.files.put(source)
    server.once("file", away)
    assert api.files.fetch(stored.uri, tmp_path / "got").read_bytes() == b"bytes"
    assert len(foreign.seen) == 1 and "Authorization" not in foreign.seen[0]


def test_a_foreign_host_cannot_send_us_round_for_ever(api: Api, foreign: Foreign, tmp_path: Path) -> None:
    foreign.target = foreign.url
    with pytest.raises(Unreachable, match="without end"):
        api.files.fetch(foreign.url, tmp_path / "got")


def test_the_embedded_store_follows_plain_addresses_too(
    foreign: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(load_settings()) as api:
        assert api.files.fetch(foreign.url, tmp_path / "got").read_bytes() == b"bytes"


def test_artifacts_and_models_come_by_name_from_the_command_line(
    cli: Any, api: Api, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task = api.tasks.create({"name": "maker", "type": "training"})
    assert cli("artifact", "put", task, str(source), "--key", "data").out.startswith("http://")
    assert cli("artifact", "ls", task, "--json").json[0]["hash"] == digest(source)
    path = Path(cli("artifact", "get", task, "data", "--to", "got/").out.strip())
    assert path == Path("got") / source.name and digest(path) == digest(source)
    assert cli.run("artifact", "get", task, "dat").err.count("did you mean `data`") == 1
    uri = api.files.put(source).uri
    facts = {"sha256": {"key": "sha256", "type": "str", "value": digest(source)}}
    model = api.models.create({"name": "detector", "uri": uri, "task": task, "metadata": facts})
    api.tasks.add_model(task, "detector", model)
    for word in ("detector", model, model[:8], task):
        assert digest(Path(cli("model", "get", word, "--to", "m.bin", "--force").out.strip())) == digest(source)
    assert cli("model", "show", "detector", "--json").json["id"] == model
    assert [item["name"] for item in cli("model", "ls", "--json").json] == ["detector"]
    api.models.create({"name": "detector", "uri": uri})
    with pytest.raises(Ambiguous):
        find_model(api, "detector")
    assert cli.run("model", "get", "detektor").code == 3


def test_a_refused_upload_is_told_with_its_reason(api: Api, server: Production, source: Path) -> None:
    def refuse(handler: production.Handler, path: str, body: dict[str, Any]) -> bool:
        handler.plain(403, b"read only", "text/plain")
        return True

    server.once("file", refuse)
    with pytest.raises(Denied, match="read only"):
        api.files.put(source)
