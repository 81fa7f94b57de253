"""The users service: who I am, and everybody's names."""

from __future__ import annotations

from functools import cached_property

from ..errors import NotFound
from .api import Api, Json
from .suggest import suggest


class Users:
    def __init__(self, api: Api) -> None:
        self._api = api

    @cached_property
    def me(self) -> Json:
        """The caller, as the server knows them."""
        found: Json = self._api.call("users.get_current_user")["user"]
        return found

    def names(self) -> dict[str, str]:
        """Id to name of every user."""
        users = self._api.call("users.get_all", {"only_fields": ["id", "name"]})["users"]
        return {user["id"]: user.get("name") or user["id"] for user in users}

    def resolve(self, name: str | None) -> str | None:
        """The id of `me`, of a user's name or id; None for `any`. Raises NotFound."""
        if name in (None, "", "any"):
            return None
        if name == "me":
            return str(self.me["id"])
        names = self.names()
        for key, full in names.items():
            if name in (key, full):
                return key
        raise NotFound(f"there is no user `{name}`", hint=suggest(str(name), names.values()) or "`--user any`")
