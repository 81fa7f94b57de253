"""Under which addresses our own files are known to the client that asks: whatever host it used to reach us. Pure."""

from __future__ import annotations

import re

from .exchange import Request

API_PORT, WEB_PORT, FILES_PORT = 8008, 8080, 8081
"""The three ports of the classical deployment."""

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%]{2,60}\])(?::(\d{1,5}))?\Z")


def bases(request: Request, *, classic: bool) -> tuple[str, ...]:
    """The address that files are named below, first; then the others that mean us, too."""
    found = _HOST.match(request.header(b"host"))
    if found is None:
        return (f"{request.scheme}://localhost:{request.port}",)
    host = found[1]
    own = f"{request.scheme}://{found[0]}"
    if not classic:
        return (own,)
    others = [f"{request.scheme}://{host}:{port}" for port in (FILES_PORT, API_PORT, WEB_PORT)]
    # On a classical port the client has the files' port configured, and sends its token there only.
    is_classic = found[2] is not None and int(found[2]) in (API_PORT, WEB_PORT, FILES_PORT)
    return tuple(dict.fromkeys([*others, own] if is_classic else [own, *others]))
