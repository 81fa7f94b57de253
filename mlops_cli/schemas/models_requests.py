"""Requests of the `models` service."""

from __future__ import annotations

from typing import Any

import msgspec

from .requests import ListedMetadata, Many, MetadataItem, Move, Projects, UpdateTags

__all__ = ["Move", "Projects", "UpdateTags"]


class ModelFields(msgspec.Struct, kw_only=True):
    """What a model may be created with, and edited to."""

    name: str | None = None
    uri: str | None = None
    project: str | None = None
    task: str | None = None
    parent: str | None = None
    framework: str | None = None
    comment: str | None = None
    labels: dict[str, int] | None = None
    design: Any = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    ready: bool | None = None
    metadata: dict[str, MetadataItem] | list[ListedMetadata] | None = None


class ModelCreate(ModelFields, kw_only=True):
    name: str
    uri: str


class ModelEdit(ModelFields, kw_only=True):
    model: str
    iteration: int | None = None


class ModelSetReady(msgspec.Struct):
    model: str
    publish_task: bool | None = None
    force_publish_task: bool | None = None


class ModelDelete(msgspec.Struct):
    model: str
    force: bool | None = None
    delete_external_artifacts: bool | None = None


class ModelMany(Many):
    force: bool | None = None


class ModelManyDelete(ModelMany):
    delete_external_artifacts: bool | None = None


class ModelManyPublish(Many):
    publish_task: bool | None = None
    force_publish_task: bool | None = None


class ModelMetadataEdit(msgspec.Struct):
    model: str
    metadata: list[ListedMetadata]
    replace_metadata: bool | None = None


class ModelMetadataDelete(msgspec.Struct):
    model: str
    keys: list[str]
