"""A real server on loopback for each test, and a client that speaks plain HTTP to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from mlops_cli.testing.server import Served, temporary_server

Json = dict[str, Any]


class Client(NamedTuple):
    """`client("tasks.get_all", name="x")` answers `data`; `client.ask(...)` the whole response."""

    url: str
    session: requests.Session

    def __call__(self, endpoint: str, body: Json | None = None, /, **fields: Any) -> Json:
        answer = self.ask(endpoint, {**(body or {}), **fields})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["data"]
        return found

    def ask(self, endpoint: str, body: Any = None, *, method: str = "POST", **options: Any) -> requests.Response:
        options.setdefault("timeout", 30)
        if "data" not in options:
            options["json"] = body or {}
        return self.session.request(method, f"{self.url}/{endpoint}", **options)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with temporary_server(tmp_path / "served") as found:
        yield found


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with connected(served) as found:
        yield found


class connected:
    """A client of that server with the admin's key, or another one."""

    def __init__(self, served: Served, key: tuple[str, str] | None = None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = key or (served.access_key, served.secret_key)
        self._url = served.url

    def __enter__(self) -> Client:
        return Client(self._url, self._session)

    def __exit__(self, *_: object) -> None:
        self._session.close()


@pytest.fixture
def make_task(client: Client) -> Callable[..., str]:
    def make(name: str = "a task", **fields: Any) -> str:
        task = str(client("tasks.create", name=name, type="training", **fields)["id"])
        client("tasks.started", task=task)
        return task

    return make
