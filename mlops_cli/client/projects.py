"""The projects service: paths of names, with `/` between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import Conflict, InvalidInput, MlopsError
from .api import Api, Json
from .tasks import PAGE

EXISTS = 801


class Projects:
    def __init__(self, api: Api) -> None:
        self._api = api

    def find(self, query: Mapping[str, Any] | None = None) -> list[Json]:
        """The projects of a `projects.get_all` query, all pages."""
        found: list[Json] = []
        page = 0
        while True:
            body = {**(query or {}), "page": page, "page_size": PAGE}
            projects = self._api.call("projects.get_all", body)["projects"]
            found += projects
            if len(projects) < PAGE:
                return found
            page += 1

    def names(self) -> dict[str, str]:
        """Id to name of every project, the hidden ones too."""
        found = self.find({"only_fields": ["id", "name"], "search_hidden": True})
        return {project["id"]: project["name"] for project in found}

    def find_id(self, name: str) -> str | None:
        """The id of the project with exactly this name."""
        query = {"name": f"^{re.escape(name)}$", "only_fields": ["id", "name"], "search_hidden": True}
        return next((str(project["id"]) for project in self.find(query) if project["name"] == name), None)

    def ensure(self, name: str) -> str:
        """The id of the project of that name, which is made (with its parents) when it is missing."""
        clean = "/".join(part.strip() for part in name.split("/") if part.strip())
        found = self.find_id(clean)
        if found is not None:
            return found
        try:
            return str(self._api.call("projects.create", {"name": clean, "description": ""})["id"])
        except MlopsError as exc:
            # Another process made it between our two calls.
            if exc.subcode != EXISTS or not isinstance(exc, (Conflict, InvalidInput)):
                raise
            found = self.find_id(clean)
            if found is None:
                raise
            return found

    def get(self, project: str) -> Json:
        found: Json = self._api.call("projects.get_by_id", {"project": project})["project"]
        return found

    def delete(self, project: str, *, force: bool = False, delete_contents: bool = False) -> Json:
        body = {"project": project, "force": force, "delete_contents": delete_contents}
        return self._api.call("projects.delete", body)
