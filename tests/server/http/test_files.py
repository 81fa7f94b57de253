"""The file store over HTTP, in the manners of the classical file server."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mlops_cli.server.http.app import Face
from mlops_cli.server.http.metrics import resident_bytes
from mlops_cli.testing.server import Served, temporary_server

from .conftest import connected

PATH = "proj/.datasets/a ü #1 50% task.0123/artifacts/x:y/a b.json"


def upload(client: Any, *files: tuple[str, bytes]) -> Any:
    parts = [(f"/{path}", (f"/{path}", data, "application/octet-stream")) for path, data in files]
    return client.session.post(client.url, files=parts, timeout=30)


def get(client: Any, path: str, method: str = "GET", **options: Any) -> Any:
    return client.session.request(method, f"{client.url}/{quote(path)}", timeout=30, **options)


def raw(served: Served, text: bytes, *, wait_s: float = 10) -> bytes:
    """What a raw socket gets back."""
    with socket.create_connection(("127.0.0.1", served.service.ports[0]), timeout=wait_s) as connection:
        connection.sendall(text)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_what_is_uploaded_comes_back_under_its_path(client: Any) -> None:
    answer = upload(client, (PATH, b'{"a": 1}'), ("proj/other/two.bin", b"\x00\xff"))
    assert (answer.status_code, answer.json()) == (200, [PATH, "proj/other/two.bin"])
    found = get(client, PATH)
    assert (found.status_code, found.content) == (200, b'{"a": 1}')
    assert found.headers["content-length"] == "8"
    assert found.headers["content-type"] == "application/json"
    assert get(client, "proj/other/two.bin").content == b"\x00\xff"


def test_an_upload_replaces_what_was_there(client: Any) -> None:
    upload(client, ("proj/a", b"old and longer"))
    upload(client, ("proj/a", b"new"))
    assert get(client, "proj/a").content == b"new"


def test_parts_without_a_name_are_ignored_and_an_empty_file_is_a_file(client: Any) -> None:
    assert upload(client, ("", b"nobody"), ("proj/empty", b"")).json() == ["proj/empty"]
    assert get(client, "proj/empty").content == b""
    assert get(client, "proj/empty", "HEAD").headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("wish", "status", "expected", "where"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
    ],
)
def test_ranges(client: Any, wish: str, status: int, expected: bytes, where: str | None) -> None:
    upload(client, ("proj/a", b"0123456789"))
    answer = get(client, "proj/a", headers={"Range": wish})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, expected, where)


def test_a_download_is_resumed_only_while_the_file_is_the_same(client: Any) -> None:
    upload(client, ("proj/a", b"0123456789"))
    etag = get(client, "proj/a", "HEAD").headers["etag"]
    again = {"Range": "bytes=5-", "If-Range": etag}
    assert get(client, "proj/a", headers=again).content == b"56789"
    upload(client, ("proj/a", b"abcdefghij"))
    answer = get(client, "proj/a", headers=again)
    assert (answer.status_code, answer.content) == (200, b"abcdefghij")


def test_what_is_packed_stays_packed(client: Any) -> None:
    packed = gzip.compress(b"a,b\n" * 1000)
    upload(client, ("proj/x.csv.gz", packed))
    answer = get(client, "proj/x.csv.gz")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in answer.headers
    assert answer.content == packed
    assert answer.headers["x-content-sha256"] == hashlib.sha256(packed).hexdigest()
    asked = client.session.get(f"{client.url}/proj/x.csv.gz?download", timeout=5)
    assert asked.headers["content-disposition"] == "attachment; filename*=UTF-8''x.csv.gz"


def test_deleted_is_gone_and_deleting_again_is_404(client: Any, served: Served) -> None:
    upload(client, (PATH, b"1"))
    answer = get(client, PATH, "DELETE")
    assert (answer.status_code, answer.json()) == (200, quote(PATH))
    assert [get(client, PATH, method).status_code for method in ("GET", "HEAD", "DELETE")] == [404, 404, 404]
    assert get(client, "proj", "DELETE").status_code == 404
    assert list((served.store.files.root / "named").rglob("*")) == []


def test_a_file_that_went_with_its_task_may_be_deleted_once_more(client: Any) -> None:
    upload(client, (PATH, b"1"))
    artifact = {"key": "a", "type": "custom", "mode": "output", "uri": f"{client.url}/{quote(PATH)}"}
    task = client("tasks.create", {"name": "a task", "type": "training", "execution": {"artifacts": [artifact]}})
    client("tasks.delete", {"task": task["id"], "force": True})
    assert get(client, PATH).status_code == 404
    assert [get(client, PATH, "DELETE").status_code for _ in range(2)] == [200, 404]


def test_a_name_that_its_sender_has_quoted_stays_quoted(client: Any) -> None:
    path = "proj/a %22b%22 %41/c"
    assert upload(client, (path, b"1")).json() == [path]
    assert get(client, path).content == b"1"


def test_folders_are_deleted_with_everything_below(client: Any) -> None:
    upload(client, ("proj/t.1/a", b"1"), ("proj/t.1/b/c d", b"2"), ("proj/t.2/a", b"3"))
    asked = ["proj/t.1", f"{client.url}/proj/t.2/a", "proj/none"]
    answer = client.session.post(f"{client.url}/delete_many", json={"files": asked}, timeout=5).json()
    assert set(answer["deleted"]) == set(asked[:2])
    assert answer["errors"] == {"Not found": ["proj/none"]}
    assert get(client, "proj/t.1/b/c d").status_code == 404
    assert client.session.post(f"{client.url}/delete_many", json={}, timeout=5).status_code == 400


HOSTILE = [
    "../x", "a/../../x", "..", "a/./b", "a//b", "a/\x00b", "a/b\n", "%2e%2e/x\x01", "x" * 256, "a/" * 1100 + "b",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_that_leave_the_store_are_refused(client: Any, served: Served, path: str) -> None:
    before = sorted(served.store.files.root.parent.rglob("*"))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="' + path.encode() + b'"; filename="y"\r\n\r\nhello\r\n--x--\r\n'
    )
    answer = client.ask("", data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code in (400, 404), answer.text
    after = [path for path in sorted(served.store.files.root.parent.rglob("*")) if path.name != "incoming"]
    assert [path for path in after if path not in before and path.is_file()] == []


@pytest.mark.parametrize(
    "path",
    ["/../../store.db", "/%2e%2e/store.db", "/a/%2e%2e%2f%2e%2e/store.db", "/..%5cstore.db", "//etc/passwd", "/%00",
     "/files/../store.db", "/named/x", "/a%2f..%2f..%2fstore.db"],
)  # fmt: skip
def test_hostile_urls_find_nothing(served: Served, client: Any, path: str) -> None:
    import base64

    key = base64.b64encode(f"{served.access_key}:{served.secret_key}".encode())
    for method in (b"GET", b"DELETE"):
        answer = raw(
            served,
            method + b" " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic "
            + key + b"\r\n\r\n",
        )  # fmt: skip
        assert answer.split(b" ", 2)[1] == b"404", answer
    assert served.store.db.path.exists()


def test_links_in_the_store_are_not_followed(client: Any, served: Served, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    upload(client, ("proj/a", b"1"))
    named = served.store.files.root / "named"
    (named / "proj" / "out").symlink_to(outside)
    (named / "proj" / "leaf").symlink_to(outside / "secret")
    assert get(client, "proj/out/secret").status_code == 404
    assert get(client, "proj/leaf").status_code == 404
    assert upload(client, ("proj/out/new", b"1")).status_code == 400
    assert get(client, "proj/out/secret", "DELETE").status_code == 404
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_a_file_cannot_stand_where_a_folder_is(client: Any) -> None:
    upload(client, ("proj/a", b"1"))
    assert upload(client, ("proj/a/b", b"2")).status_code == 400
    assert upload(client, ("proj", b"2")).status_code == 400
    assert get(client, "proj/a").content == b"1"


def test_plain_bytes_are_put_by_path_or_by_content(client: Any) -> None:
    told = get(client, "proj/plain bytes", "PUT", data=b"hello").json()
    digest = hashlib.sha256(b"hello").hexdigest()
    assert told == {"uri": "proj/plain%20bytes", "sha256": digest, "size_bytes": 5}
    path = f"files/{digest[:2]}/{digest}/best model.pt"
    assert get(client, path, "HEAD").status_code == 404
    assert get(client, path, "PUT", data=b"hello").status_code == 200
    assert get(client, path).content == b"hello"
    wrong = get(client, path, "PUT", data=b"other")
    assert wrong.status_code == 400
    assert get(client, path).content == b"hello"


def test_our_own_links_are_kept_relative_and_named_for_whoever_asks(
    client: Any, served: Served, make_task: Callable[..., str]
) -> None:
    upload(client, (PATH, b"1"))
    task = make_task()
    uri = f"{client.url}/{quote(PATH)}"
    artifact = {"key": "x", "type": "custom", "uri": uri, "hash": "0"}
    client("tasks.add_or_update_artifacts", task=task, artifacts=[artifact])
    stored = served.store.db.connection.execute("SELECT execution FROM task_sections").fetchone()[0]
    assert client.url not in stored

    def read(**headers: str) -> str:
        answer = client.ask("tasks.get_by_id", {"task": task}, headers=headers).json()
        return str(answer["data"]["task"]["execution"]["artifacts"][0]["uri"])

    assert read() == uri
    assert read(Host="gpu01.lab:9000") == f"http://gpu01.lab:9000/{quote(PATH)}"
    assert read(Host='evil" onload=', **{"X-Forwarded-Host": "elsewhere"}).startswith("http://localhost:")
    client("tasks.edit", task=task, force=True, execution={"artifacts": [{**artifact, "uri": "s3://b/k"}]})
    assert read() == "s3://b/k"


def test_deleting_a_task_takes_the_files_that_nobody_else_names(client: Any, make_task: Callable[..., str]) -> None:
    upload(client, ("proj/mine", b"1"), ("proj/shared", b"2"))
    first, second = make_task("first"), make_task("second")
    for task, names in ((first, ["mine", "shared"]), (second, ["shared"])):
        artifacts = [{"key": name, "type": "custom", "uri": f"{client.url}/proj/{name}"} for name in names]
        client("tasks.add_or_update_artifacts", task=task, artifacts=artifacts)
    client("tasks.delete", task=first, force=True)
    assert [get(client, f"proj/{name}").status_code for name in ("mine", "shared")] == [404, 200]


def test_files_need_a_login_and_viewers_do_not_change_them(client: Any, served: Served) -> None:
    upload(client, ("proj/a", b"1"))
    user = client("users.create", name="reader", role="viewer")["id"]
    made = client("auth.create_credentials", user=user)["credentials"]
    with connected(served, (made["access_key"], made["secret_key"])) as viewer:
        assert get(viewer, "proj/a").content == b"1"
        assert upload(viewer, ("proj/b", b"1")).status_code == 403
        assert [get(viewer, "proj/a", method).status_code for method in ("PUT", "DELETE")] == [403, 403]
    with connected(served, ("nobody", "wrong")) as stranger:
        assert get(stranger, "proj/a").status_code == 401
    token = client("auth.login")["token"]
    import requests

    bearer = requests.get(f"{client.url}/proj/a", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    cookie = requests.get(f"{client.url}/proj/a", cookies={"clearml_token_basic": token}, timeout=5)
    assert (bearer.content, cookie.content) == (b"1", b"1")


def test_an_upload_that_is_cut_off_leaves_nothing(served: Served, client: Any) -> None:
    import base64
    import time

    key = base64.b64encode(f"{served.access_key}:{served.secret_key}".encode())
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + key + b"\r\nContent-Length: 5000000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="/proj/cut"; filename="y"\r\n\r\n' + b"z" * 2_000_000
    )
    with socket.create_connection(("127.0.0.1", served.service.ports[0]), timeout=5) as connection:
        connection.sendall(head)
    incoming = served.store.files.root / "incoming"
    deadline = time.monotonic() + 10
    while any(incoming.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(incoming.glob("*")) == []
    assert get(client, "proj/cut").status_code == 404


def test_memory_stays_flat_while_large_files_go_both_ways(client: Any) -> None:
    size = 256 << 20

    class Zeros:
        """Bytes that nobody holds: only the server's memory could grow."""

        def __init__(self) -> None:
            self.left = size

        def __len__(self) -> int:
            return size

        def read(self, count: int = -1) -> bytes:
            part = min(self.left, count if count > 0 else 1 << 20, 1 << 20)
            self.left -= part
            return bytes(part)

    get(client, "proj/small", "PUT", data=b"1")
    peak = [resident_bytes()]
    start = peak[0]
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            peak[0] = max(peak[0], resident_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert get(client, "proj/large", "PUT", data=Zeros()).json()["size_bytes"] == size
        with get(client, "proj/large", stream=True) as answer:
            assert sum(len(part) for part in answer.iter_content(1 << 20)) == size
    finally:
        is_over.set()
        watcher.join()
    assert peak[0] - start < 48 << 20


def test_the_quota_is_kept_and_freed_by_deleting(tmp_path: Path) -> None:
    with temporary_server(tmp_path, face=Face(quota_bytes=100_000)) as served, connected(served) as client:
        assert get(client, "proj/a", "PUT", data=bytes(60_000)).status_code == 200
        refused = get(client, "proj/b", "PUT", data=bytes(60_000))
        assert refused.status_code == 507
        assert "quota" in refused.text
        assert get(client, "proj/a", "PUT", data=bytes(30_000)).status_code == 200
        assert get(client, "proj/b", "PUT", data=bytes(60_000)).status_code == 200
        get(client, "proj/b", "DELETE")
        assert get(client, "proj/c", "PUT", data=bytes(60_000)).status_code == 200
        assert sorted(os.listdir(served.store.files.root / "named" / "proj")) == ["a", "c"]


def test_no_file_is_taken_that_would_fill_the_disk(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with temporary_server(tmp_path, face=Face(reserve_bytes=free * 2)) as served, connected(served) as client:
        answer = get(client, "proj/a", "PUT", data=b"1")
        assert "disk" in answer.json()["meta"]["result_msg"]
        assert client.ask("debug.ping").status_code == 200
