"""From settings to an `Api`."""

from __future__ import annotations

from ..config.settings import Settings
from ..errors import Unreachable
from . import embedded
from .api import Api


def connect(settings: Settings) -> Api:
    """The API that these settings mean; nothing is opened before the first call.

    Raises Unreachable when they name a server: this version talks to the embedded store only.
    """
    if settings.server is not None:
        origin = settings.origin("server")
        raise Unreachable(
            f"server = {settings.server} (from {origin}): this version talks to the embedded store only",
            hint="use this machine's store: `MLOPS_SERVER=embedded`, or `mlops config set server embedded`",
        )
    return embedded.open_api(settings.paths)
