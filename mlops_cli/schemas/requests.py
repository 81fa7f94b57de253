"""Requests that several services share. A request names what it accepts; whatever else a client sends is ignored."""

from __future__ import annotations

from typing import Any

import msgspec


class Move(msgspec.Struct):
    ids: list[str]
    project: str | None = None
    project_name: str | None = None


class UpdateTags(msgspec.Struct):
    ids: list[str]
    add_tags: list[str] | None = None
    remove_tags: list[str] | None = None


class Projects(msgspec.Struct):
    projects: list[str] | None = None
    include_system: bool | None = None
    filter: dict[str, Any] | None = None


class Many(msgspec.Struct):
    """Many documents at once; what fails is listed in the answer, and the others go on."""

    ids: list[str]


class MetadataItem(msgspec.Struct):
    """One thing noted about a model or a queue."""

    key: str | None = None
    type: str | None = None
    value: str | None = None


class ListedMetadata(MetadataItem, kw_only=True):
    key: str
