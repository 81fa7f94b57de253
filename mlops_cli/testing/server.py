"""A real server on loopback, in a thread of this process, over a temporary store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..server.auth.first import first_key
from ..server.http.app import Face
from ..server.http.serve import Listen, Service
from ..server.store.store import Store
from .store import temporary_store


class Served(NamedTuple):
    """Where it listens, and the admin's key."""

    url: str
    access_key: str
    secret_key: str
    store: Store
    service: Service


@contextmanager
def temporary_server(folder: Path, *, face: Face = Face(), listen: Listen = Listen(port=0)) -> Iterator[Served]:  # noqa: B008 - both are constants
    """Serves a store in `folder` on a free port; ends when what is under way is answered."""
    with temporary_store(folder) as store:
        made = first_key(store)
        assert made is not None, "this store has been served before"
        service = Service(store, listen, face)
        scheme = "https" if listen.certificate else "http"
        is_ready = threading.Event()
        thread = threading.Thread(target=service.run, args=(is_ready.set,), name="mlops-server")
        thread.start()
        try:
            assert is_ready.wait(20), "the server did not start"
            yield Served(f"{scheme}://127.0.0.1:{service.ports[0]}", *made, store, service)
        finally:
            service.stop()
            thread.join(40)
            assert not thread.is_alive(), "the server did not end"
