"""Runs the application: sockets, the event loop, slow connections, signals, and an end that drops nothing."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ...errors import InvalidInput, MlopsError, Unreachable
from ..files.incoming import sweep_stale
from ..store import task_status
from ..store.store import Store
from .app import App, Face
from .names import API_PORT, FILES_PORT, WEB_PORT

HEADERS_S = 20.0
"""A request whose headers are not complete after this time is cut off."""

KEEP_ALIVE_S = 75
GRACE_S = 30
"""What is under way at the end gets this long."""

BACKLOG = 2048
DESCRIPTORS = 65536

WATCH_S = 300.0
"""So often the server looks for tasks of which nothing was heard for hours."""


class Listen(NamedTuple):
    """Where to listen. Port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = API_PORT
    certificate: Path | None = None
    key: Path | None = None


class Service:
    """One server: `run` until `stop` (from any thread), SIGTERM or SIGINT."""

    def __init__(self, store: Store, listen: Listen, face: Face) -> None:
        """Listens at once, answers from `run` on. Raises Unreachable (port taken), InvalidInput (certificate)."""
        self._sockets = open_sockets(listen, classic=face.classic_ports)
        self.ports: list[int] = [item.getsockname()[1] for item in self._sockets]
        try:
            self._app = App(store, face)
            self._server = _Server(_config(self._app, listen), self._app)
        except BaseException:
            self._close()
            raise
        self._store = store

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """`on_ready` is called once requests are answered."""
        sweep_stale(self._store.files.root, time.time())
        _raise_descriptors()
        self._server.on_ready = on_ready
        over = threading.Event()
        watchdog = threading.Thread(target=_watch, args=(self._store, over), name="mlops-watchdog", daemon=True)
        watchdog.start()
        try:
            self._server.run(sockets=self._sockets)
        finally:
            over.set()
            watchdog.join()
            self._close()
            self._app.close()

    def stop(self) -> None:
        """Lets what is under way finish; returns at once."""
        self._server.should_exit = True

    def _close(self) -> None:
        for item in self._sockets:
            item.close()


def _raise_descriptors() -> None:
    """A connection is a descriptor, and the usual limit of 1024 is soft: a team's clients may be more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, DESCRIPTORS) if hard != resource.RLIM_INFINITY else DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_sockets(listen: Listen, *, classic: bool) -> list[socket.socket]:
    """The main port first; then those of the classical deployment that are asked for."""
    ports = [listen.port]
    if classic:
        ports += [port for port in (API_PORT, WEB_PORT, FILES_PORT) if port not in ports]
    found: list[socket.socket] = []
    try:
        for port in ports:
            found.append(_bind(listen.host, port))
    except BaseException:
        for item in found:
            item.close()
        raise
    return found


def _watch(store: Store, over: threading.Event) -> None:
    # Nobody could tell anything while there was no server: after a start all have the whole time anew.
    wait_s: float = task_status.WATCHDOG_S
    while not over.wait(wait_s):
        with contextlib.suppress(MlopsError):  # a full disk or a busy store: the next round sees the same tasks
            task_status.stop_silent(store, time.time())
        wait_s = WATCH_S


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, proto)
    except (OSError, OverflowError) as exc:
        raise InvalidInput(f"cannot listen on {host}:{port}: {exc}", hint="mlops server up --host 127.0.0.1") from exc
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every connection: an answer in two packets would cost a client 40 ms.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.bind(address)
        found.listen(BACKLOG)
        found.setblocking(False)
    except OSError as exc:
        found.close()
        raise Unreachable(
            f"cannot listen on {host}:{port}: {exc.strerror}", hint="choose another port with --port; 0 is any free one"
        ) from exc
    return found


def _config(app: App, listen: Listen) -> uvicorn.Config:
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    config = uvicorn.Config(
        app,
        loop="uvloop" if has_uvloop else "asyncio",
        http=_Patient,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    try:
        config.load()
    except (OSError, ValueError) as exc:  # ssl's errors are OSErrors
        raise InvalidInput(
            f"cannot use the certificate {listen.certificate}: {exc}", hint="both must be PEM files that fit"
        ) from exc
    return config


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app
        self.on_ready: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Who waits for news is answered now, else they would hold up the end.
        self._app.live.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As the base does, but a signal that ended us well is not raised again: the exit code is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Joined:
    """A transport that writes once what is written to it in one turn of the loop: headers and body are one packet."""

    __slots__ = ("_loop", "_parts", "_transport")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return int(self._transport.get_write_buffer_size()) + sum(map(len, self._parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


_Base: Any = AutoHTTPProtocol


class _Patient(_Base):  # type: ignore[misc]
    """The protocol of uvicorn, cutting off who opens a connection, or begins a request, and does not go on."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Joined(transport, self.loop))
        self._arm()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._disarm()
        elif self._timer is None and (before is None or before.response_complete):
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.transport.get_write_buffer_size() == 0:
            # A TLS client that does not say goodbye would hold up the end for half a minute.
            self.loop.call_later(1.0, self.transport.abort)

    def _arm(self) -> None:
        self._timer = self.loop.call_later(HEADERS_S, self.transport.close)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
