"""The events service: scalars, console, plots and images of a task; one batch in, pages and curves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .api import Api, Json

SCALAR, PLOT, IMAGE = "training_stats_scalar", "plot", "training_debug_image"
CONSOLE_BYTES = 4 << 20
"""How much console text one call brings: what a reader holds in memory."""

BATCH = 5000


class Events:
    def __init__(self, api: Api) -> None:
        self._api = api

    def add_columns(self, body: Mapping[str, Any]) -> Json:
        """One batch of one stream of a run, stored exactly once (an extension of our own store)."""
        return self._api.call("events.add_columns", body)

    def scalars(
        self, task: str, *, samples: int | None = None, key: str = "iter", metrics: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, dict[str, Json]]:
        """Curves as {metric: {variant: {"x": [...], "y": [...]}}}, averaged down to `samples` points each.

        `metrics` are `{"metric": ..., "variants": [...]?}`; empty means all.
        """
        body: Json = {"task": task, "key": key}
        if samples is not None:
            body["samples"] = samples
        if metrics:
            body["metrics"] = [dict(metric) for metric in metrics]
        return self._api.call("events.scalar_metrics_iter_histogram", body)

    def curve(self, task: str, metric: str, variant: str, *, samples: int, key: str = "iter") -> Json:
        """One curve thinned to about `samples` points that keep every minimum and maximum (an extension of ours)."""
        body = {"task": task, "metric": metric, "variant": variant, "samples": samples, "key": key}
        return self._api.call("events.get_curve", body)

    def points(self, task: str, metric: str, variants: Sequence[str] = ()) -> Iterator[Json]:
        """Every point of a metric as an event (`variant`, `iter`, `value`, `timestamp`), by iteration."""
        wanted = {"metric": metric, **({"variants": list(variants)} if variants else {})}
        yield from self._pages({"task": task, "event_type": SCALAR, "metrics": [wanted], "batch_size": BATCH})

    def names(self, task: str, kind: str = SCALAR) -> dict[str, list[str]]:
        """The variants of each metric that a task has events of."""
        body = {"tasks": [task], "event_type": kind}
        found = self._api.call("events.get_multi_task_metrics", body)["metrics"]
        return {item["metric"]: list(item["variants"]) for item in found}

    def single_values(self, task: str) -> list[Json]:
        """What was reported once: `{"metric", "variant", "value", "timestamp"}` each."""
        found = self._api.call("events.get_task_single_value_metrics", {"tasks": [task]})["tasks"]
        return list(found[0]["values"]) if found else []

    def each(self, task: str, kind: str, *, batch: int = BATCH) -> Iterator[Json]:
        """Every event of one type, by iteration."""
        yield from self._pages({"task": task, "event_type": kind, "batch_size": batch})

    def _pages(self, query: Json) -> Iterator[Json]:
        body: Json = {**query, "order": "asc", "count_total": False}
        while True:
            answer = self._api.call("events.get_task_events", body)
            if not answer["events"]:
                return
            yield from answer["events"]
            body["scroll_id"] = answer["scroll_id"]

    def log(
        self,
        task: str,
        *,
        batch: int = BATCH,
        from_timestamp: float | None = None,
        is_newest_first: bool = False,
    ) -> list[Json]:
        """Console events as the API gives them: `{"timestamp", "level", "msg", ...}`, oldest first."""
        body: Json = {"task": task, "batch_size": batch, "navigate_earlier": is_newest_first, "order": "asc"}
        if from_timestamp is not None:
            body["from_timestamp"] = from_timestamp
        return list(self._api.call("events.get_task_log", body)["events"])

    def console(
        self,
        task: str,
        *,
        after: int | None = None,
        limit_bytes: int = CONSOLE_BYTES,
        tail_lines: int | None = None,
        wait_s: float = 0,
    ) -> Json:
        """The console as it came, from the entry after number `after`, or its last lines (an extension of ours).

        `{"chunks": [{"id", "timestamp", "level", "worker", "raw"}], "last", "more", "ended"}`; `last` is the next
        `after`. An `mlops server` answers an empty page only after `wait_s`, or when the task ends; whoever else
        answers does so at once, and a server that is not ours without `ended`.
        """
        body: Json = {"task": task, "limit_bytes": limit_bytes}
        if after is not None:
            body["after"] = after
        if tail_lines is not None:
            body["tail_lines"] = tail_lines
        if wait_s:
            body["wait_s"] = wait_s
        return self._api.call("events.get_console", body)

    def plots(self, task: str, *, iters: int = 1, metrics: Sequence[Mapping[str, Any]] = ()) -> list[Json]:
        """The newest plots of each metric and variant, with `plot_str` as it was sent."""
        body: Json = {"task": task, "iters": iters}
        if metrics:
            body["metrics"] = [dict(metric) for metric in metrics]
        return list(self._api.call("events.get_task_plots", body)["plots"])

    def images(self, task: str, *, iters: int = 1) -> list[Json]:
        """The newest images, newest iteration first."""
        answer = self._api.call("events.debug_images", {"metrics": [{"task": task}], "iters": iters})
        return [event for item in answer["metrics"] for page in item["iterations"] for event in page["events"]]
