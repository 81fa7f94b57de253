"""Requests of the `auth` service. `user` is an extension: an admin's, about somebody else."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Login(msgspec.Struct):
    expiration_sec: Annotated[int, msgspec.Meta(ge=1)] | None = None


class ValidateToken(msgspec.Struct):
    token: str


class CreateCredentials(msgspec.Struct):
    label: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    user: str | None = None


class GetCredentials(msgspec.Struct):
    user: str | None = None


class EditCredentials(msgspec.Struct):
    access_key: str
    label: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class RevokeCredentials(msgspec.Struct):
    access_key: str
