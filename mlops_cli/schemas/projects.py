"""The project as the API stores it: a path of names, with `/` between them."""

from __future__ import annotations

import msgspec


class Project(msgspec.Struct, omit_defaults=True):
    id: str
    name: str = ""
    basename: str | None = None
    description: str | None = None
    parent: str | None = None
    user: str | None = None
    company: str | None = None
    created: str | None = None
    last_update: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    default_output_destination: str | None = None
