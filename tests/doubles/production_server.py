"""A server of the API that is not ours: our own dispatch behind HTTP, with the manners of a production server.

It is older (API 2.20), lacks our extensions and some newer calls, knows no (run, stream, offset), cuts pages at 500,
refuses large bodies, takes one HTTP method if told so, and misbehaves on demand: `mishaps` says how, call by call.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_cli.errors import MlopsError
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store

KEY, SECRET = "ACCESSKEY", "a/secret+key"
OURS_ALONE = {
    "events.add_columns", "events.get_curve", "events.get_console", "tasks.restore_begin", "tasks.restore_finish",
    "tasks.edit_runtime", "projects.get_unique_metric_variants",
}  # fmt: skip
Mishap = Callable[["Handler", str, dict[str, Any]], bool]
"""Given the request; true when it has answered (or cut) by itself."""


class Production:
    """`with Production(folder) as server:`; `server.dispatch(...)` looks inside, `server.seen` lists what was asked."""

    def __init__(self, folder: Path, *, lacks: set[str] = frozenset(), method: str = "", ranges: bool = True) -> None:
        self.store = open_store(folder / "store.db", folder / "store-files")
        self.files = folder / "served"
        self.files.mkdir(parents=True, exist_ok=True)
        self.lacks = OURS_ALONE | set(lacks)
        self.method = method
        self.ranges = ranges
        self.max_bytes = 15 << 20
        self.page_cap = 500
        self.tokens: set[str] = set()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.mishaps: list[tuple[str, Mishap]] = []
        self.lock = threading.RLock()
        self.open: set[socket.socket] = set()
        self._port = 0
        self.start()

    def start(self) -> None:
        self.http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self.http.daemon_threads = True
        self.http.owner = self  # type: ignore[attr-defined]
        self._port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Away: nobody listens any more. `start` comes back at the same address."""
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(2)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """What an existing set-up has in its environment."""
        return {
            "CLEARML_API_HOST": self.url,
            "CLEARML_FILES_HOST": self.url,
            "CLEARML_API_ACCESS_KEY": KEY,
            "CLEARML_API_SECRET_KEY": SECRET,
        }

    def __enter__(self) -> Production:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.store.close()

    def dispatch(self, endpoint: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with self.lock:
            return dispatch(self.store, endpoint, body or {})

    def calls(self, endpoint: str = "") -> list[str]:
        found = [path.rpartition("/")[2] for _, path, _ in self.seen]
        return [name for name in found if name == endpoint] if endpoint else found

    def log_lines(self, task: str) -> list[str]:
        body = {"task": task, "batch_size": 10_000, "navigate_earlier": False}
        events = self.dispatch("events.get_task_log", body)["events"]
        return [line for event in events for line in event["msg"].rstrip("\n").split("\n")]

    def once(self, endpoint: str, mishap: Mishap) -> None:
        self.mishaps.append((endpoint, mishap))

    def issue(self) -> str:
        claims = {"exp": time.time() + 86400, "api_version": "2.20", "server_version": "1.9.0", "n": len(self.tokens)}
        claims["identity"] = {"user": self.store.owner.user, "company": "c", "user_name": "somebody"}
        token = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
        )
        token += ".x"
        self.tokens.add(token)
        return token


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer

    def setup(self) -> None:
        super().setup()
        self.owner.open.add(self.connection)

    def finish(self) -> None:
        self.owner.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    @property
    def owner(self) -> Production:
        return self.server.owner  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        self.answer("GET")

    def do_POST(self) -> None:
        self.answer("POST")

    def do_PUT(self) -> None:
        self.plain(405, b"")

    def answer(self, method: str) -> None:
        owner = self.owner
        path = urlsplit(self.path).path
        owner.seen.append((method, path, dict(self.headers)))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = re.fullmatch(r"/(?:v(\d+)\.(\d+)/)?([a-z]+\.[a-z_]+)", path)
        if found is None:
            self.file(method, path, raw)
            return
        endpoint = found[3]
        if owner.method and method != owner.method:
            self.plain(405, b"method not allowed", "text/plain")
        elif len(raw) > owner.max_bytes:
            self.plain(413, b"<html>too large</html>", "text/html")
        elif found[1] and (int(found[1]), int(found[2])) > (2, 20):
            self.envelope(endpoint, 404, 0, f"Unsupported version {found[1]}.{found[2]}")
        else:
            self.call(endpoint, raw)

    def call(self, endpoint: str, raw: bytes) -> None:
        owner = self.owner
        if endpoint == "events.add_batch":
            body: dict[str, Any] = {
                "events": [json.loads(line, parse_constant=_refuse) for line in raw.split(b"\n") if line]
            }
        else:
            body = json.loads(raw or b"{}", parse_constant=_refuse)
        with owner.lock:
            for at, (name, mishap) in enumerate(owner.mishaps):
                if name == endpoint:
                    del owner.mishaps[at]
                    if mishap(self, endpoint, body):
                        return
                    break
        if endpoint == "auth.login":
            good = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            if self.headers.get("Authorization") == good:
                self.envelope(endpoint, 200, 0, "OK", {"token": owner.issue()})
            else:
                self.envelope(endpoint, 401, 22, "Unauthorized (invalid credentials)")
        elif (self.headers.get("Authorization") or "").removeprefix("Bearer ") not in owner.tokens:
            self.envelope(endpoint, 401, 30, "Unauthorized (invalid token)")
        elif endpoint in owner.lacks:
            self.envelope(endpoint, 404, 0, f"Unable to find endpoint for name {endpoint} and version 2.20")
        else:
            self.run(endpoint, body)

    def run(self, endpoint: str, body: dict[str, Any]) -> None:
        if "page_size" in body:
            body = {**body, "page_size": min(int(body["page_size"]), self.owner.page_cap)}
        try:
            data = self.owner.dispatch(endpoint, body)
        except MlopsError as exc:
            self.envelope(endpoint, exc.http_status, exc.subcode, exc.message)
            return
        if endpoint == "server.info":
            data = {**data, "build": "613", "api_version": "2.20"}
        self.envelope(endpoint, 200, 0, "OK", data)

    def file(self, method: str, path: str, raw: bytes) -> None:
        """The classical file server: multipart uploads whose field name is the path, ranged downloads."""
        owner = self.owner
        if owner.mishaps and owner.mishaps[0][0] == "file":
            _, mishap = owner.mishaps.pop(0)
            if mishap(self, path, {}):
                return
        if (self.headers.get("Authorization") or "").removeprefix("Bearer ") not in owner.tokens:
            self.plain(401, b"", "text/plain")
        elif method == "POST":
            boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
            head, _, rest = raw.partition(b"\r\n\r\n")
            name = re.search(rb'name="(.*?)"', head)
            assert name is not None
            target = owner.files / name[1].decode().lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(rest[: rest.rindex(b"\r\n--" + boundary)])
            self.plain(200, json.dumps([name[1].decode().lstrip("/")]).encode())
        else:
            self.serve(owner.files / unquote(path).lstrip("/"))

    def serve(self, path: Path) -> None:
        if not path.is_file():
            self.plain(404, b"", "text/plain")
            return
        data = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None or not self.owner.ranges:
            self.plain(200, data, "application/octet-stream")
            return
        start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if start >= len(data):
            self.plain(416, b"", "text/plain", {"Content-Range": f"bytes */{len(data)}"})
            return
        extra = {
            "Content-Range": f"bytes {start}-{end}/{len(data)}",
            "ETag": f'"{len(data)}-{path.stat().st_mtime_ns}"',
        }
        self.plain(206, data[start : end + 1], "application/octet-stream", extra)

    def envelope(self, endpoint: str, code: int, subcode: int, message: str, data: Any = None) -> None:
        meta = {
            "id": "0" * 32, "trx": "0" * 32, "endpoint": {"name": endpoint, "requested_version": "2.20"},
            "result_code": code, "result_subcode": subcode, "result_msg": message, "error_stack": None,
        }  # fmt: skip
        self.plain(code, json.dumps({"meta": meta, "data": data or {}}, default=_plain).encode())

    def plain(
        self, status: int, body: bytes, kind: str = "application/json", extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def cut(self) -> bool:
        """The connection ends without an answer."""
        self.close_connection = True
        self.connection.shutdown(2)
        return True

    def log_message(self, *_: object) -> None:
        return


# Mishaps.


def cut_before(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    """Nothing was done, and nobody says so."""
    return handler.cut()


def cut_after(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    """All was done, and nobody says so."""
    handler.owner.dispatch(endpoint, body)
    return handler.cut()


def cut_in_the_middle(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    """Half of a batch was stored, and nobody says so."""
    half = body["events"][: (len(body["events"]) + 1) // 2]
    handler.owner.dispatch(endpoint, {"events": half})
    return handler.cut()


def nonsense(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    handler.plain(200, b"<html><h1>Welcome to the hotel</h1></html>", "text/html")
    return True


def unavailable(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    handler.plain(503, b"busy", "text/plain", {"Retry-After": "0.05"})
    return True


def token_ended(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
    handler.owner.tokens.clear()
    handler.envelope(endpoint, 401, 30, "Unauthorized (invalid token): token expired")
    return True


def slow(seconds: float) -> Mishap:
    def wait(handler: Handler, endpoint: str, body: dict[str, Any]) -> bool:
        time.sleep(seconds)
        return False

    return wait


def half_a_file(handler: Handler, path: str, body: dict[str, Any]) -> bool:
    """The length of the whole, the bytes of a part, and the connection ends."""
    data = (handler.owner.files / unquote(path).lstrip("/")).read_bytes()
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "")
    assert asked is not None
    start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
    handler.send_header("ETag", f'"{len(data)}-{(handler.owner.files / unquote(path).lstrip("/")).stat().st_mtime_ns}"')
    handler.send_header("Content-Length", str(end + 1 - start))
    handler.end_headers()
    handler.wfile.write(data[start : start + (end - start) // 2])
    handler.wfile.flush()
    return handler.cut()


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
