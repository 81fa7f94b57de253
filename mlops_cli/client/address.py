"""Where a server is: its address made regular, the hosts beside it, and whether a link points there. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from ..errors import InvalidInput

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


def clean_url(text: str, *, setting: str = "MLOPS_SERVER") -> str:
    """`HTTP://Host:8008/` as `http://host:8008`; a bare host is https, a bare local one http.

    Raises InvalidInput for what is no address of a web server, and for one that carries a password: addresses are
    shown and logged.
    """
    raw = text.strip()
    if "://" not in raw:
        host = raw.partition("/")[0].rpartition(":")[0] or raw.partition("/")[0]
        raw = ("http" if host in ("localhost", "127.0.0.1", "[::1]") else "https") + "://" + raw
    try:
        parts = urlsplit(raw)
        port = parts.port
    except ValueError as exc:
        raise InvalidInput(f"{text!r} is no server's address: {exc}", hint=f"{setting}=https://HOST[:PORT]") from exc
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        raise InvalidInput(f"{text!r} is no server's address", hint=f"{setting}=https://HOST[:PORT]")
    if parts.username or parts.password:
        raise InvalidInput(
            "an address with a password in it would be shown and logged",
            hint=f"{setting}=https://HOST[:PORT], and `mlops auth login`",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    scheme = parts.scheme.lower()
    netloc = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    return urlunsplit((scheme, netloc, parts.path.rstrip("/"), "", ""))


def origin_of(url: str) -> Origin | None:
    """Scheme, host and port; None for what is no web address, or what two readers take for two hosts."""
    # `http://a\@b/` is the user `a\` at b here, and the host a for the library that connects.
    if "\\" in url or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme not in _PORTS or not parts.hostname:
            return None
        return Origin(scheme, parts.hostname.lower(), parts.port or _PORTS[scheme])
    except ValueError:
        return None


def is_below(url: str, base: str) -> bool:
    """Whether a link leads to this base: same scheme, host and port, and below its path. Who may see the token."""
    here, there = origin_of(url), origin_of(base)
    if here is None or here != there:
        return False
    prefix = urlsplit(base).path.rstrip("/")
    path = urlsplit(url).path or "/"
    return not prefix or path == prefix or path.startswith(prefix + "/")


def sibling(server: str, kind: str) -> str | None:
    """The `files` or `app` host that belongs to an API host by the classical names and ports; None when neither."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port
    if host.startswith("api."):
        return urlunsplit((parts.scheme, parts.netloc.replace("api.", f"{kind}.", 1), "", "", ""))
    if port == 8008:
        other = {"files": 8081, "app": 8080}[kind]
        return urlunsplit((parts.scheme, parts.netloc.rpartition(":")[0] + f":{other}", "", "", ""))
    return None
