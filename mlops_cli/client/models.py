"""The models service: named links to files, with their metadata and the task that made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .api import Api, Json
from .tasks import PAGE

if TYPE_CHECKING:
    from ..schemas.models import Model


class Models:
    def __init__(self, api: Api) -> None:
        self._api = api

    def find(self, query: Mapping[str, Any] | None = None, *, limit: int | None = None) -> list[Json]:
        """The models of a `models.get_all` query: all of them, or the first `limit`."""
        found: list[Json] = []
        page, size = 0, min(limit or PAGE, PAGE)
        while True:
            models = self._api.call("models.get_all", {**(query or {}), "page": page, "page_size": size})["models"]
            found += models
            if len(models) < size or (limit is not None and len(found) >= limit):
                return found[:limit]
            page += 1

    def get(self, model: str) -> Model:
        """One model. Raises NotFound."""
        import msgspec  # noqa: PLC0415 - listing must not load it

        from ..schemas.models import Model  # noqa: PLC0415

        return msgspec.convert(self.document(model), Model, strict=False)

    def document(self, model: str) -> Json:
        found: Json = self._api.call("models.get_by_id", {"model": model})["model"]
        return found

    def create(self, fields: Mapping[str, Any]) -> str:
        """A new model; `name` and `uri` are required. A draft, unless `ready` says otherwise."""
        return str(self._api.call("models.create", {"ready": False, **fields})["id"])

    def edit(self, model: str, fields: Mapping[str, Any]) -> Json:
        return self._api.call("models.edit", {"model": model, **fields})

    def delete(self, model: str, *, force: bool = False) -> Json:
        return self._api.call("models.delete", {"model": model, "force": force})
