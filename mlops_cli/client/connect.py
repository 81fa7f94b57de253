"""From settings to an `Api`: the server that they name, or the embedded store of this machine."""

from __future__ import annotations

from ..config.settings import Settings
from . import embedded
from .api import Api


def connect(settings: Settings) -> Api:
    """The API that these settings mean; nothing is opened or sent before the first call."""
    if settings.server is None:
        return embedded.open_api(settings.paths)
    from .remote import open_remote  # noqa: PLC0415 - the HTTP library costs 100 ms, which the embedded store need not pay

    return open_remote(settings)


def connect_to(server: str, settings: Settings) -> Api:
    """The API of the server that an earlier run was meant for, whatever these settings name now.

    What the environment says of credentials belongs to the server that it names: for another one only what was kept
    for it counts.
    """
    from ..config.settings import for_server  # noqa: PLC0415

    return connect(for_server(settings, server))
