"""The only door to `requests`: one session, what may be repeated and when, and errors that name the hop that failed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
import requests.auth
from requests import exceptions

from ..errors import MlopsError, TimedOut
from .address import is_below
from .answers import Away

CONNECT_S = 6.0
TRIES = 4
PAUSE_S = 0.2
PATIENCE_S = 20.0
"""The longest that one call waits between its tries, all together; a run's supervisor tries again later anyway."""

WAIT_CODES = frozenset({429, 502, 503, 504})
MAX_REDIRECTS = 5


class Answer(NamedTuple):
    """One answer, read whole."""

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str]


class _NoAuth(requests.auth.AuthBase):
    """Without an `auth` the library looks into ~/.netrc, and overwrites our header with what it finds there."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Requests to one server and the hosts beside it, over kept connections. Threads may share it."""

    def __init__(self, server: str, *, verify: bool | str = True, timeout_s: float = 60.0, tries: int = TRIES) -> None:
        self.server = server
        self._verify: bool | str = verify
        if verify is True:
            # Given here, since the library lets these variables win over a session's own setting.
            self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._timeout = (min(CONNECT_S, timeout_s), timeout_s)
        self._tries = tries
        self._session = requests.Session()
        self._session.auth = _NoAuth()
        self._session.headers["User-Agent"] = "mlops"
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=8)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        if self._verify is False:
            import urllib3  # noqa: PLC0415 - the person said so; a warning on every call tells nothing new

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Any = None,
        repeatable: bool,
        timeout_s: float | None = None,
    ) -> Answer:
        """One request and its whole answer, tried again where that is safe.

        `repeatable`: the server does the same once or twice, so it may be sent again when nobody knows whether it
        arrived. Raises Unreachable and TimedOut that name the hop; any answer of the server is returned.
        """
        give_up = time.monotonic() + PATIENCE_S
        for attempt in range(1, self._tries + 1):
            try:
                with self._open(method, url, headers, body, timeout_s) as response:
                    answer = Answer(
                        response.status_code,
                        response.headers.get("Content-Type", ""),
                        response.content,
                        response.headers,
                    )
            except exceptions.RequestException as exc:
                wait = _pause(attempt)
                may = repeatable or _was_not_sent(exc)
                if not may or not _is_passing(exc) or attempt == self._tries or time.monotonic() + wait > give_up:
                    raise self._explain(exc, url) from exc
            else:
                asked = retry_after(answer.headers)
                wait = _pause(attempt) if asked is None else asked
                # A 502 or 504 may come from a proxy after the server did the work.
                may = repeatable or answer.status in (429, 503) or asked is not None
                out_of_time = attempt == self._tries or time.monotonic() + wait > give_up
                if answer.status not in WAIT_CODES or not may or out_of_time:
                    return answer
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], trusted: Iterable[str] = (), token: str = ""
    ) -> Iterator[requests.Response]:
        """One request whose answer is read piece by piece. The token goes to `trusted` hosts only, redirects included.

        Raises Unreachable when it cannot be reached; what breaks while reading is turned by `reading`.
        """
        for _ in range(MAX_REDIRECTS + 1):
            sent = dict(headers)
            if token and any(is_below(url, base) for base in trusted):
                sent["Authorization"] = f"Bearer {token}"
            try:
                response = self._open(method, url, sent, None, None)
            except exceptions.RequestException as exc:
                raise self._explain(exc, url) from exc
            if not response.is_redirect:
                try:
                    yield response
                finally:
                    response.close()
                return
            target = requests.compat.urljoin(url, response.headers["Location"])
            response.close()
            if url.startswith("https:") and target.startswith("http:"):
                raise Away(f"{url} leads to a place without encryption: {target}", hint="fetch it by hand")
            url = target
        raise Away(f"{url} leads from place to place without end", hint="look at the address")

    def pieces(self, response: requests.Response, size: int) -> Iterator[bytes]:
        """The bytes of a streamed answer as they came; a cut is raised as Unreachable."""
        try:
            # Not `iter_content`: it would unpack what the server sends packed, and the digest is of what is stored.
            yield from response.raw.stream(size, decode_content=False)
        except Exception as exc:
            if not isinstance(exc, (OSError, exceptions.RequestException)) and "urllib3" not in type(exc).__module__:
                raise
            raise Away(f"the connection to {_host(response.url)} was cut: {_reason(exc)}") from exc

    def close(self) -> None:
        self._session.close()

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, timeout_s: float | None
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body() if callable(body) else body,
                timeout=self._timeout if timeout_s is None else (self._timeout[0], timeout_s),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
        except OSError as exc:
            # The library's own errors are of this kind, too; a bare one is its word for a file that is not there.
            if isinstance(exc, exceptions.RequestException) or not isinstance(self._verify, str):
                raise
            raise Away(f"there is no file of certificates {self._verify}", hint=_TRUST) from exc

    def _explain(self, error: exceptions.RequestException, url: str) -> MlopsError:
        """Which hop failed, and which setting changes it."""
        host, why = _host(url), _reason(error)
        if isinstance(error, exceptions.ProxyError):
            proxy = self._proxy_of(url)
            return Away(
                f"the proxy {proxy} for {host} failed: {why}",
                hint=f"HTTPS_PROXY and HTTP_PROXY name it; NO_PROXY={host.partition(':')[0]} goes past it",
            )
        if isinstance(error, exceptions.SSLError):
            return self._explain_tls(host, why)
        if isinstance(error, exceptions.ReadTimeout):
            return TimedOut(
                f"{host} did not answer within {self._timeout[1]:g} s", hint="MLOPS_TIMEOUT=120 waits longer"
            )
        if isinstance(error, (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema)):
            return Away(f"{url} is no address: {why}", hint="MLOPS_SERVER=https://HOST[:PORT]")
        if _is_name(error):
            return Away(f"no machine is called {host.partition(':')[0]}: {why}", hint=_LOOK)
        if isinstance(error, exceptions.ConnectTimeout):
            return Away(f"{host} does not answer: no connection within {self._timeout[0]:g} s", hint=_LOOK)
        if _was_not_sent(error):
            return Away(f"nobody listens at {host}: {why}", hint=_LOOK)
        return Away(f"the connection to {host} was cut: {why}", hint="`mlops doctor` looks at it")

    def _explain_tls(self, host: str, why: str) -> MlopsError:
        """Whose certificate is wrong, and in which way: each is mended elsewhere."""
        hint = _TRUST
        if "no certificate or crl" in why.lower():
            return Away(f"{self._verify} holds no certificate", hint="MLOPS_CACERT=FILE names a file in PEM form")
        if "expired" in why or "not yet valid" in why:
            hint = "the server needs a new certificate, or a clock is wrong: the server's or this machine's"
        elif "mismatch" in why.lower() or "doesn't match" in why:
            hint = "MLOPS_SERVER must have a name that is in the server's certificate"
        return Away(f"{host} does not prove who it is: {why}", hint=hint)

    def _proxy_of(self, url: str) -> str:
        found = requests.utils.get_environ_proxies(url)
        proxy = found.get(url.partition(":")[0]) or found.get("all") or "?"
        # A proxy's address may hold a password.
        return proxy.rpartition("@")[2].rpartition("//")[2]


_TRUST = "MLOPS_CACERT=FILE trusts your own authority; check that the address should be https"
_LOOK = "is MLOPS_SERVER right, and the server up? `MLOPS_SERVER=embedded` uses this machine's store"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait, in seconds; None when it does not, or says it as no number."""
    try:
        return min(max(float(headers["Retry-After"]), 0.0), PATIENCE_S * 10)
    except (KeyError, ValueError):
        return None


def _pause(attempt: int) -> float:
    """Doubling, with jitter: a hundred runs that lose a server at once must not come back at once."""
    return PAUSE_S * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


def _was_not_sent(error: exceptions.RequestException) -> bool:
    """Whether the request certainly never left: there was no connection."""
    if isinstance(error, (exceptions.ConnectTimeout, exceptions.ProxyError, exceptions.SSLError)):
        return True
    return any(type(cause).__name__ in ("NewConnectionError", "NameResolutionError") for cause in _causes(error))


def _is_passing(error: exceptions.RequestException) -> bool:
    """Whether trying again may help: not with a wrong certificate or name, and not where the server is slow."""
    if isinstance(error, (exceptions.SSLError, exceptions.ReadTimeout)) or _is_name(error):
        return False
    return isinstance(error, (exceptions.ConnectionError, exceptions.ChunkedEncodingError))


def _is_name(error: BaseException) -> bool:
    return any(type(cause).__name__ in ("NameResolutionError", "gaierror") for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those inside it; the libraries nest them in `args`, `reason` and `__context__`."""
    todo, seen = [error], set()
    while todo:
        found = todo.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        inner = [*found.args, getattr(found, "reason", None), found.__cause__, found.__context__]
        todo += [item for item in inner if isinstance(item, BaseException)]


def _reason(error: BaseException) -> str:
    """The innermost words: those of the operating system or of OpenSSL."""
    best = plain = ""
    for cause in _causes(error):
        if isinstance(cause, OSError) and getattr(cause, "strerror", None):
            best = str(cause.strerror)
            verify = getattr(cause, "verify_message", "")
            if verify:
                return str(verify)
        plain = str(cause) or plain
    return best or plain.rpartition(": ")[2] or type(error).__name__


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url
