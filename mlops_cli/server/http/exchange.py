"""One request and its answer, without the ASGI words around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from ...errors import InvalidInput, MlopsError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

IDLE_S = 30.0
"""A sender that is silent for so long is cut off."""

BODY_S = 120.0
"""A call's body has to be here in this time; files have no such limit, only that of silence."""


class TooLarge(InvalidInput):
    http_status = 413
    default_subcode = 0


class TooSlow(InvalidInput):
    http_status = 408
    default_subcode = 0


class Gone(MlopsError):
    """The client hung up: there is nobody to answer."""

    code = "gone"


class Request(NamedTuple):
    """`path` is decoded once; headers are lower-case names of the last value each."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    scheme: str
    origin: str
    port: int

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def length(self) -> int | None:
        text = self.header(b"content-length")
        return int(text) if text.isdigit() else None


class Answer(NamedTuple):
    """`stream`, when there is one, follows instead of `body`; its length is in the headers."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stream: AsyncIterator[bytes] | None = None
    subcode: int = 0
    user: str = ""


def read_scope(scope: MutableMapping[str, Any], *, behind_proxy: bool) -> Request:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    client, server = scope.get("client"), scope.get("server")
    scheme, origin = scope.get("scheme", "http"), client[0] if client else ""
    if behind_proxy:
        scheme = _last(headers, b"x-forwarded-proto") or scheme
        # The nearest proxy appends what it saw; what stands before it anybody may have written.
        origin = _last(headers, b"x-forwarded-for") or origin
        host = _last(headers, b"x-forwarded-host")
        if host:
            headers[b"host"] = host.encode("latin-1")
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"],
        headers,
        scheme if scheme in ("http", "https") else "http",
        origin,
        (server[1] or 0) if server else 0,
    )


async def chunks(receive: Receive, *, idle_s: float = IDLE_S) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TooSlow when nothing comes, Gone when the client hung up."""
    while True:
        try:
            message = await asyncio.wait_for(receive(), idle_s)
        except TimeoutError as exc:
            raise TooSlow("Request timed out: nothing was sent for too long") from exc
        if message["type"] != "http.request":
            raise Gone("the client hung up")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def read_body(request: Request, receive: Receive, limit: int, *, keep: bool = True) -> bytes:
    """The whole body, or nothing of it. Raises TooLarge before it is read, where the client tells its size."""
    if (request.length or 0) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in chunks(receive):
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                if keep:
                    parts.append(part)
    except TimeoutError as exc:
        raise TooSlow("Request timed out: it took too long to send") from exc
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def hang_up(receive: Receive) -> None:
    """Returns never: raises Gone when the client of a request that was read hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    raise Gone("nobody waits for the answer")


async def respond(send: Send, request: Request, answer: Answer, *, close: bool = False) -> int:
    """Sends the answer; returns how many bytes of body."""
    headers = [(b"content-type", answer.content_type.encode()), *answer.headers]
    if answer.stream is None:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None or request.method == "HEAD":
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        return len(body)
    size = 0
    async for part in answer.stream:
        size += len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return size


def _last(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").split(",")[-1].strip()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"Request too large: at most {limit} bytes", hint="send it in several smaller batches")
