"""Requests of the `events` service. A request names what it accepts; whatever else a client sends is ignored.

Columns of `AddColumns` may be `array.array` in process and lists over HTTP; `raw` is bytes, or base64 text in JSON.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Key = Literal["iter", "timestamp", "iso_time"]
EventType = Literal["training_stats_scalar", "training_stats_vector", "training_debug_image", "plot", "log", "all", ""]
Samples = Annotated[int, msgspec.Meta(ge=1, le=6000)]
Batch = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Tasks = Annotated[list[str], msgspec.Meta(max_length=100)]


class MetricVariants(msgspec.Struct):
    metric: str
    variants: list[str] | None = None


class TaskMetric(msgspec.Struct):
    task: str
    metric: str | None = None
    variants: list[str] | None = None


class AddBatch(msgspec.Struct):
    """The lines of the API's `application/json-lines`, decoded."""

    events: list[Any]


class AddColumns(msgspec.Struct):
    task: str
    run: str
    stream: str
    offset: Annotated[int, msgspec.Meta(ge=0)]
    next: Annotated[int, msgspec.Meta(ge=0)]
    worker: str | None = None
    scalars: list[dict[str, Any]] | None = None
    events: list[Any] | None = None
    console: list[dict[str, Any]] | None = None
    allow_locked: bool | None = None


class Histogram(msgspec.Struct):
    task: str
    samples: Samples | None = None
    key: Key | None = None
    metrics: list[MetricVariants] | None = None
    model_events: bool | None = None


class MultiHistogram(msgspec.Struct):
    tasks: Tasks
    samples: Samples | None = None
    key: Key | None = None
    metrics: list[MetricVariants] | None = None
    model_events: bool | None = None


class Curve(msgspec.Struct):
    task: str
    metric: str
    variant: str
    samples: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    key: Literal["iter", "timestamp"] | None = None
    model_events: bool | None = None


class TaskEvents(msgspec.Struct):
    task: str | None = None
    event_type: EventType | None = None
    order: Literal["asc", "desc"] | None = None
    batch_size: Batch | None = None
    scroll_id: str | None = None
    metrics: list[MetricVariants] | None = None
    count_total: bool | None = None
    model_events: bool | None = None


class MetricData(msgspec.Struct):
    task: str | None = None
    metric: str | None = None
    scroll_id: str | None = None
    no_scroll: bool | None = None
    model_events: bool | None = None


class Raw(msgspec.Struct):
    task: str | None = None
    metric: MetricVariants | None = None
    key: Key | None = None
    batch_size: Batch | None = None
    count_total: bool | None = None
    scroll_id: str | None = None
    model_events: bool | None = None


class TaskOnly(msgspec.Struct):
    task: str
    model_events: bool | None = None


class TasksOnly(msgspec.Struct):
    tasks: Tasks
    event_type: EventType | None = None
    metrics: list[MetricVariants] | None = None
    model_events: bool | None = None


class Log(msgspec.Struct):
    task: str
    batch_size: Batch | None = None
    navigate_earlier: bool | None = None
    from_timestamp: int | float | None = None
    order: Literal["asc", "desc"] | None = None
    metrics: list[MetricVariants] | None = None


class Console(msgspec.Struct):
    task: str
    after: int | None = None
    limit_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tail_lines: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Plots(msgspec.Struct):
    task: str
    iters: Annotated[int, msgspec.Meta(ge=1)] | None = None
    metrics: list[MetricVariants] | None = None
    scroll_id: str | None = None
    no_scroll: bool | None = None
    model_events: bool | None = None


class MultiPlots(msgspec.Struct):
    tasks: Tasks
    iters: Annotated[int, msgspec.Meta(ge=1)] | None = None
    metrics: list[MetricVariants] | None = None
    scroll_id: str | None = None
    no_scroll: bool | None = None
    model_events: bool | None = None


class Browse(msgspec.Struct):
    """Of `debug_images` and `plots`."""

    metrics: list[TaskMetric] | None = None
    iters: Annotated[int, msgspec.Meta(ge=1)] | None = None
    navigate_earlier: bool | None = None
    refresh: bool | None = None
    scroll_id: str | None = None
    model_events: bool | None = None


class DownloadLog(msgspec.Struct):
    task: str
    line_type: Literal["json", "text"] | None = None
    line_format: str | None = None


class ClearLog(msgspec.Struct):
    task: str
    threshold_sec: Annotated[int, msgspec.Meta(ge=0)] | None = None
    allow_locked: bool | None = None


class DeleteForTask(msgspec.Struct):
    task: str
    allow_locked: bool | None = None
