"""Requests of the `queues` service that change something or name one queue; its queries are free objects."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .requests import ListedMetadata, MetadataItem

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class QueueFields(msgspec.Struct, kw_only=True):
    display_name: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    metadata: dict[str, MetadataItem] | list[ListedMetadata] | None = None


class QueueCreate(QueueFields, kw_only=True):
    name: str


class QueueUpdate(QueueFields, kw_only=True):
    queue: str
    name: str | None = None


class QueueId(msgspec.Struct):
    queue: str


class QueueDelete(msgspec.Struct):
    queue: str
    force: bool | None = None


class QueueTask(msgspec.Struct):
    queue: str
    task: str


class QueueRemoveTask(QueueTask):
    update_task_status: bool | None = None


class QueueMoveTask(QueueTask):
    count: Count | None = None


class NextTask(msgspec.Struct):
    queue: str
    get_task_info: bool | None = None
    task: str | None = None
