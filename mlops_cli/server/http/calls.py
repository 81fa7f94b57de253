"""One call of the API over HTTP: who, what, and the answer in the envelope. Runs in a worker thread."""

from __future__ import annotations

import re
import traceback
from http.cookies import CookieError, SimpleCookie
from typing import Any

from ...errors import MlopsError
from ..auth import gate, roles
from ..dispatch import ENDPOINTS, UnknownEndpoint, dispatch
from ..store.store import Caller, Store
from ..version import API_VERSION
from . import wire
from .envelope import Called, failure, status_of, success, unexpected
from .exchange import Answer, Request

PATH = re.compile(r"/(?:v(\d{1,3}\.\d{1,3})/)?([A-Za-z_]\w{0,60})\.([A-Za-z_]\w{0,60})/?\Z", re.ASCII)
SERVICES = frozenset(endpoint.partition(".")[0] for endpoint in ENDPOINTS)
_PARENTHESES = re.compile(r" \([^()]*/[^()]*\)")


def parse_path(path: str) -> Called | None:
    """The endpoint that a path names, or None when it can be none."""
    found = PATH.match(path)
    return Called(f"{found[2]}.{found[3]}", found[1] or API_VERSION) if found else None


def is_service(called: Called) -> bool:
    return called.endpoint.partition(".")[0] in SERVICES


class Calls:
    def __init__(self, store: Store, door: gate.Gate, log: Any) -> None:
        self._store = store
        self._gate = door
        self._log = log

    def admit(self, called: Called, request: Request) -> Caller:
        worker = request.header(b"x-clearml-worker") or request.header(b"x-trains-worker")
        caller = self._gate.admit(
            called.endpoint,
            request.header(b"authorization"),
            # The browser keeps its cookie from a foreign page's POST, but not from its links.
            cookie=cookie(request) if request.method == "POST" or roles.is_safe_link(called.endpoint) else "",
            origin=request.origin,
            worker=worker[:200],
        )
        if called.endpoint not in ENDPOINTS:
            raise UnknownEndpoint(f"Unable to find endpoint for name {called.endpoint}")
        return caller

    def run(self, called: Called, body: dict[str, Any], caller: Caller, urls: tuple[str, ...]) -> dict[str, Any]:
        """`data` of the answer; the store names its files below the address that the client used."""
        return dispatch(self._store._replace(files=self._store.files.at(urls)), called.endpoint, body, caller=caller)

    def answer(self, called: Called, request: Request, data: dict[str, Any], caller: Caller) -> Answer:
        if called.endpoint == "events.download_task_log":
            return _download(data, caller)
        may_hold_nan = called.endpoint.startswith("events.")
        body, kind = wire.encode(success(called, data), accepts=request.header(b"accept"), may_hold_nan=may_hold_nan)
        body, packed = wire.pack(body, request.header(b"accept-encoding"))
        headers = [(b"vary", b"accept-encoding")]
        if packed:
            headers.append((b"content-encoding", packed.encode()))
        if called.endpoint == "auth.login":
            secure = "; Secure" if request.scheme == "https" else ""
            value = f"{gate.COOKIE}={data['token']}; Path=/; HttpOnly; SameSite=Lax{secure}"
            headers.append((b"set-cookie", value.encode()))
        return Answer(200, body, kind, tuple(headers), user=caller.user_name)

    def refuse(self, called: Called, request: Request, error: Exception) -> Answer:
        """Any failure as an answer. What we did not expect is logged with its traceback, and not told."""
        if isinstance(error, MlopsError):
            status = status_of(error)
            # Where the store lies is nobody's business outside this machine.
            message = _PARENTHESES.sub("", error.message) if status >= 500 else error.message
            envelope = failure(called, error, message)
            subcode = error.subcode
        else:
            status, subcode = 500, 0
            envelope = unexpected(called)
            self._log.problem(envelope["meta"]["id"], called.endpoint, traceback.format_exception(error))
        body, kind = wire.encode(envelope, accepts=request.header(b"accept"), may_hold_nan=False)
        headers: list[tuple[bytes, bytes]] = []
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="mlops"'))
        if status in (429, 503):
            after = error.data.get("retry_after", 1) if isinstance(error, MlopsError) else 1
            headers.append((b"retry-after", str(after).encode()))
        return Answer(status, body, kind, tuple(headers), subcode=subcode)


def cookie(request: Request) -> str:
    text = request.header(b"cookie")
    if gate.COOKIE not in text:
        return ""
    try:
        found = SimpleCookie(text).get(gate.COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _download(data: dict[str, Any], caller: Caller) -> Answer:
    disposition = f'attachment; filename="{data["filename"]}"'
    return Answer(
        200,
        data["text"].encode("utf-8", "replace"),
        data["content_type"],
        ((b"content-disposition", disposition.encode()),),
        user=caller.user_name,
    )
