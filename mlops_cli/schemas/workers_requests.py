"""Requests of the `workers` service. Agents send more than is named here, and it is ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Names = Annotated[list[str], msgspec.Meta(max_length=1000)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Interval = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class WorkerRegister(msgspec.Struct):
    worker: Name
    timeout: Seconds | None = None
    queues: Names | None = None
    tags: Names | None = None
    system_tags: Names | None = None


class WorkerId(msgspec.Struct):
    worker: Name


class WorkerReport(msgspec.Struct):
    """`timestamp` in ms since 1970. The statistics are free: agents differ in what they can measure."""

    worker: Name
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    task: str | None = None
    queue: str | None = None
    queues: Names | None = None
    tags: Names | None = None
    machine_stats: dict[str, Any] | None = None


class Workers(msgspec.Struct):
    last_seen: Seconds | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    worker_pattern: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class WorkerCount(msgspec.Struct):
    last_seen: Seconds | None = None


class StatisticItem(msgspec.Struct):
    key: str
    aggregation: Literal["avg", "min", "max"] | None = None


class WorkerStats(msgspec.Struct):
    """Dates in seconds since 1970."""

    items: Annotated[list[StatisticItem], msgspec.Meta(max_length=100)]
    from_date: float
    to_date: float
    interval: Interval
    worker_ids: Names | None = None
    split_by_resource: bool | None = None


class MetricKeys(msgspec.Struct):
    worker_ids: Names | None = None


class ActivityReport(msgspec.Struct):
    from_date: float
    to_date: float
    interval: Interval
