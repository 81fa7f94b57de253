"""The only door to the server: its dispatch function, called in this process on the user's own store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config.paths import Paths
from .api import Api

if TYPE_CHECKING:
    from ..server.store.store import Store


def open_api(paths: Paths) -> Api:
    """The embedded store of these paths; it is opened, and made if need be, by the first call."""
    door = _Door(paths)
    return Api(door.call, files=lambda: door.store.files, close=door.close)


class _Door:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        if self._store is None:
            from ..server.store.store import open_store

            self._store = open_store(self._paths.store, self._paths.files)
        return self._store

    def call(self, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
        from ..server.dispatch import dispatch

        return dispatch(self.store, endpoint, body)

    def close(self) -> None:
        if self._store is not None:
            store, self._store = self._store, None
            store.close()
