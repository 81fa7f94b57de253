"""The users service: who I am, and everybody's names."""

from __future__ import annotations

from functools import cached_property

from .api import Api, Json


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
