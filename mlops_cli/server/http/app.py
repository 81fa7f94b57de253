"""The ASGI application: routes a request to a call, a file or a page, and answers whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ...errors import Denied, MlopsError
from ..auth.gate import Gate
from ..auth.roles import OPEN
from ..dispatch import ENDPOINTS
from ..files.incoming import Limits, Room
from ..live import WAITS, Live, changed
from ..store.store import Caller, Store
from . import pages, wire
from .access import AccessLog
from .calls import Calls, cookie, is_service, parse_path
from .envelope import Called
from .exchange import Answer, Gone, Message, Receive, Request, Send, hang_up, read_body, read_scope, respond
from .files import FileServer, Missing
from .metrics import Metrics
from .names import bases

BODY_BYTES = 48 << 20
"""Clients cut their batches at 15 MiB; a call that is much larger is a mistake, or worse."""

STRANGER_BYTES = 64 << 10
"""What is read into memory for who has not said yet who that is."""

THREADS = 8


class Face(NamedTuple):
    """How the application behaves; where it listens is not its business."""

    behind_proxy: bool = False
    classic_ports: bool = False
    access_log: str = ""
    quota_bytes: int = 0
    reserve_bytes: int = 256 << 20
    body_bytes: int = BODY_BYTES


class Note:
    """What the log says of a request, gathered on its way."""

    __slots__ = ("endpoint", "received", "user")

    def __init__(self) -> None:
        self.endpoint = "other"
        self.user = ""
        self.received = 0


class App:
    def __init__(self, store: Store, face: Face) -> None:
        self._store = store
        self._face = face
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="mlops-work")
        self._log = AccessLog(face.access_log)
        self._gate = Gate(store)
        self._calls = Calls(store, self._gate, self._log)
        limits = Limits(face.quota_bytes, face.reserve_bytes)
        self._files = FileServer(store.files, Room(store.files.root, limits), self._work)
        self.live = Live()
        self.metrics = Metrics()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request, note = read_scope(scope, behind_proxy=self._face.behind_proxy), Note()
        self.metrics.in_flight += 1
        status, sent, subcode = 499, 0, 0
        try:
            answer = await self._answer(request, receive, note)
            status, subcode = answer.status, answer.subcode
            close = status in (408, 413) or (status >= 400 and (request.length or 0) > wire.PACKED_BYTES)
            sent = await respond(send, request, answer, close=close)
        except (Gone, OSError):
            # Nobody is there any more.
            status = 499
        finally:
            self.metrics.in_flight -= 1
            seconds = time.perf_counter() - started
            received = request.length or 0
            self.metrics.note(note.endpoint, status, seconds, received, sent)
            self._log.note(
                remote=request.origin,
                user=note.user,
                method=request.method,
                path=request.path[:500],
                status=status,
                subcode=subcode,
                ms=round(seconds * 1000, 2),
                received=received,
                sent=sent,
            )

    def close(self) -> None:
        """After the last answer: waits for the work that is under way."""
        self._pool.shutdown(wait=True)
        self._log.close()

    async def _answer(self, request: Request, receive: Receive, note: Note) -> Answer:
        called = parse_path(request.path)
        try:
            if request.path in pages.PATHS and request.method in ("GET", "HEAD"):
                return await self._page(request, note)
            if called is not None and self._is_call(called, request):
                # Only known names become labels of counters: a stranger must not fill the memory with new ones.
                note.endpoint = called.endpoint if called.endpoint in ENDPOINTS else "unknown"
                return await self._call(called, request, receive, note)
            note.endpoint = "files." + request.method.lower() if request.method in _METHODS else "files.other"
            return await self._file(request, receive, note)
        except Gone:
            raise
        except Exception as error:  # the outermost net of a request: it becomes an answer
            called = called or Called(f"files.{request.method.lower()}", "")
            return self._calls.refuse(called, request, error)

    async def _page(self, request: Request, note: Note) -> Answer:
        note.endpoint = "page"
        if request.path == "/":
            return pages.front()
        if request.path == "/health":
            return pages.health()
        if request.path == "/ready":
            return await self._work(pages.ready, self._store)  # type: ignore[no-any-return]
        return await self._work(pages.metrics, self._store, self.metrics)  # type: ignore[no-any-return]

    def _is_call(self, called: Called, request: Request) -> bool:
        """`/model.pt` looks like a call of the service `model`: then a file of that name goes first."""
        if is_service(called):
            return request.method in ("GET", "POST", "PUT", "HEAD")
        is_json = "json" in request.header(b"content-type")
        if request.method == "PUT":
            return is_json
        return request.method == "POST" or not self._files.exists(request.path.strip("/"))

    async def _call(self, called: Called, request: Request, receive: Receive, note: Note) -> Answer:
        if request.header(b"content-encoding") not in ("", "identity"):
            raise _Unsupported("Unsupported content encoding: send the body as it is")
        limit = self._face.body_bytes
        if b"transfer-encoding" in request.headers or (request.length or 0) > STRANGER_BYTES:
            limit = STRANGER_BYTES if called.endpoint in OPEN else limit
            try:
                await self._work(self._admit, called, request)
            except MlopsError:
                # Read, since most clients hear nothing while they send, and thrown away.
                await read_body(request, receive, limit, keep=False)
                raise
        raw = await read_body(request, receive, limit)
        urls = bases(request, classic=self._face.classic_ports)
        # One hop to a thread for a whole call: hops are what a small call mostly costs.
        done: _Done = await self._work(self._serve, called, request, raw, urls, note)
        if done.answer is not None:
            self.live.notify(changed(called.endpoint, done.body))
            return done.answer
        data = await self.live.repeat(
            called.endpoint,
            done.body,
            lambda: self._work(self._calls.run, called, done.body, done.caller, urls),
            lambda: hang_up(receive),
        )
        self.live.notify(changed(called.endpoint, done.body))
        return await self._work(self._calls.answer, called, request, data, done.caller)  # type: ignore[no-any-return]

    def _serve(self, called: Called, request: Request, raw: bytes, urls: tuple[str, ...], note: Note) -> _Done:
        caller = self._admit(called, request)
        note.user = caller.user_name
        kind = request.header(b"content-type").strip().lower()
        body = wire.decode(called.endpoint, kind, raw, request.query)
        if called.endpoint in WAITS and body.get("wait_s"):
            return _Done(caller, body, None)
        data = self._calls.run(called, body, caller, urls)
        return _Done(caller, body, self._calls.answer(called, request, data, caller))

    def _admit(self, called: Called, request: Request) -> Caller:
        with self._store.db.guard():
            return self._calls.admit(called, request)

    async def _file(self, request: Request, receive: Receive, note: Note) -> Answer:
        path = request.path.lstrip("/")
        if request.method not in _METHODS:
            return Answer(405, b"", headers=((b"allow", b"GET, HEAD, POST, PUT, DELETE"),))
        caller = await self._work(self._identify, request)
        note.user = caller.user_name
        if request.method not in ("GET", "HEAD") and caller.role == "viewer":
            raise Denied("Forbidden (role not allowed): a viewer does not change files", hint="ask an admin")
        if request.method in ("GET", "HEAD"):
            return await self._files.get(request, path)
        if request.method == "DELETE":
            return await self._files.delete(path)
        if request.method == "PUT":
            return await self._files.put(request, receive, path)
        if path == "delete_many":
            raw = await read_body(request, receive, self._face.body_bytes)
            return await self._files.delete_many(wire.decode("files.delete_many", "", raw, b""))
        if "multipart/" in request.header(b"content-type"):
            return await self._files.upload(request, receive)
        raise Missing(f"no such file: {path[:200]!a}")

    def _identify(self, request: Request) -> Any:
        with self._store.db.guard():
            return self._gate.identify(request.header(b"authorization"), cookie=cookie(request), origin=request.origin)

    async def _work(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)


class _Done(NamedTuple):
    """`answer` is None for a call that waits for news."""

    caller: Caller
    body: dict[str, Any]
    answer: Answer | None


class _Unsupported(MlopsError):
    http_status = 415
    code = "unsupported"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
