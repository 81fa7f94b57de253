"""The tracking API as an object: one attribute a service, over whatever `call` reaches the server with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .download import Opened
    from .events import Events
    from .files import Files
    from .models import Models
    from .projects import Projects
    from .tasks import Tasks
    from .users import Users

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Json = dict[str, Any]


class Stored(Protocol):
    """A file in the file store: where it is, and what it is."""

    @property
    def uri(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class FileStore(Protocol):
    """Where files go: the embedded store's own, or a file server (`WebStore`)."""

    def put(self, source: Path, name: str) -> Stored: ...
    def owns(self, uri: object) -> bool: ...
    def path_of(self, uri: str) -> Path: ...


@runtime_checkable
class WebStore(FileStore, Protocol):
    """A file server: its files are opened by their addresses."""

    opened: Opened

    def put_under(self, source: Path, name: str, under: str) -> Stored: ...


class Api:
    """Calls by group (`api.tasks.get(id)`) or raw (`api.call("tasks.get_by_id", {...})`).

    A group is imported when it is first used: listing loads neither msgspec nor the file store.
    """

    def __init__(
        self,
        call: Call,
        *,
        files: Callable[[], FileStore] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._call = call
        self._files = files
        self._close = close

    def call(self, endpoint: str, body: Mapping[str, Any] | None = None) -> Json:
        """The `data` of the answer to one call. Refusals are raised as our errors, with the API's subcode."""
        return self._call(endpoint, dict(body or {}))

    @cached_property
    def tasks(self) -> Tasks:
        from .tasks import Tasks  # noqa: PLC0415

        return Tasks(self)

    @cached_property
    def events(self) -> Events:
        from .events import Events  # noqa: PLC0415

        return Events(self)

    @cached_property
    def projects(self) -> Projects:
        from .projects import Projects  # noqa: PLC0415

        return Projects(self)

    @cached_property
    def models(self) -> Models:
        from .models import Models  # noqa: PLC0415

        return Models(self)

    @cached_property
    def users(self) -> Users:
        from .users import Users  # noqa: PLC0415

        return Users(self)

    @cached_property
    def files(self) -> Files:
        from .files import Files  # noqa: PLC0415

        if self._files is None:
            raise RuntimeError("this connection was made without a file store")
        return Files(self._files())

    def close(self) -> None:
        if self._close is not None:
            self._close()

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
