"""Files behind web addresses: opened for reading, with the token for those hosts alone that may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import Denied, NotFound, Unauthorized, Unreachable
from .address import is_below
from .transport import Transport, retry_after

BLOCK = 1 << 18


class Web:
    """`trusted` are the addresses below which a link may see the token; `token` and `renew` give one when needed."""

    def __init__(
        self,
        transport: Transport,
        *,
        trusted: Callable[[], tuple[str, ...]] = tuple,
        token: Callable[[], str] | None = None,
        renew: Callable[[str], str] | None = None,
    ) -> None:
        self.transport = transport
        self._trusted = trusted
        self._token = token
        self._renew = renew

    def owns(self, uri: object) -> bool:
        """Whether this is a file of the server, and no link to somewhere else."""
        return isinstance(uri, str) and any(is_below(uri, base) for base in self._trusted())

    @contextmanager
    def opened(self, uri: str, headers: dict[str, str]) -> Iterator[tuple[Any, Iterator[bytes]]]:
        """The answer to a GET and its bytes. Raises NotFound, Denied and Unreachable by its status."""
        trusted = self._trusted()
        token = self._token() if self._token is not None and self.owns(uri) else ""
        for attempt in (1, 2):
            with self.transport.stream("GET", uri, headers=headers, trusted=trusted, token=token) as response:
                if response.status_code == 401 and token and self._renew is not None and attempt == 1:
                    token = self._renew(token)
                    continue
                _check(response, uri)
                yield response, self.transport.pieces(response, BLOCK)
                return


def plain() -> Web:
    """For links of the embedded store: no server, so no token."""
    return Web(Transport(""))


def _check(response: Any, uri: str) -> None:
    status = response.status_code
    if status in (200, 206, 416):
        return
    if status in (404, 410):
        raise NotFound(f"the file is gone: {uri}", hint="the experiment has the link, the file server not the file")
    if status == 401:
        raise Unauthorized(f"the file server wants a login for {uri}", hint="mlops auth login")
    if status == 403:
        raise Denied(f"the file server does not give us {uri} (HTTP 403)")
    wait = retry_after(response.headers)
    raise Unreachable(
        f"the file server answered HTTP {status} for {uri}",
        hint="try again in a while",
        data={"retry_after": wait} if wait is not None else None,
    )
