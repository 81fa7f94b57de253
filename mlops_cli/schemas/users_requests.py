"""Requests of the `users` service that write; its queries are free objects."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Role = Literal["admin", "user", "viewer"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class UserCreate(msgspec.Struct):
    name: Name
    role: Role | None = None


class UserUpdate(msgspec.Struct):
    user: str
    name: Name | None = None
    role: Role | None = None


class UserDelete(msgspec.Struct):
    user: str
