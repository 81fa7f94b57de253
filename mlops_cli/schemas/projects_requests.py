"""Requests of the `projects` service."""

from __future__ import annotations

import msgspec

from .requests import Projects

__all__ = ["Projects"]


class ProjectFields(msgspec.Struct, kw_only=True):
    description: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    default_output_destination: str | None = None


class ProjectCreate(ProjectFields, kw_only=True):
    name: str


class ProjectUpdate(ProjectFields, kw_only=True):
    project: str
    name: str | None = None


class ProjectId(msgspec.Struct):
    project: str


class ProjectDelete(msgspec.Struct):
    project: str
    force: bool | None = None
    delete_contents: bool | None = None
    delete_external_artifacts: bool | None = None


class ProjectMove(msgspec.Struct):
    project: str
    new_location: str | None = None


class ProjectMerge(msgspec.Struct):
    project: str
    destination_project: str


class ProjectHyperparams(msgspec.Struct):
    project: str | None = None
    page: int | None = None
    page_size: int | None = None
    include_subprojects: bool | None = None


class ProjectMetrics(msgspec.Struct):
    project: str | None = None
    include_subprojects: bool | None = None
    model_metrics: bool | None = None
