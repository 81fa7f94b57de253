"""The model as the API stores it: a named link to a file, with its metadata and the task that made it."""

from __future__ import annotations

from typing import Any

import msgspec


class ModelMetadata(msgspec.Struct, omit_defaults=True):
    key: str
    type: str | None = None
    value: str | None = None


class Model(msgspec.Struct, omit_defaults=True):
    """`ready` means published. `uri` is a link; nothing says that the file is ours."""

    id: str
    name: str = ""
    uri: str | None = None
    framework: str | None = None
    ready: bool = False
    task: str | None = None
    project: str | None = None
    parent: str | None = None
    user: str | None = None
    company: str | None = None
    comment: str | None = None
    created: str | None = None
    last_update: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    labels: dict[str, int] | None = None
    design: Any = None
    metadata: dict[str, ModelMetadata] | None = None
    last_iteration: int | None = None
    last_metrics: dict[str, Any] | None = None
