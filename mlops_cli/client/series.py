"""Which series of a store a metric's name means, so that the server can sort by it."""

from __future__ import annotations

from typing import NamedTuple

from ..schemas.metrics import series_key
from .api import Api
from .fields import STATISTICS


class Series(NamedTuple):
    metric: str
    variant: str

    def path(self, statistic: str) -> str:
        """The server's name of one of its statistics, to sort by."""
        metric, variant = series_key(self.metric, self.variant)
        return f"last_metrics.{metric}.{variant}.{STATISTICS[statistic]}"


def find_single(api: Api, name: str) -> Series | None:
    """The one series that a name (without statistic) means in all experiments.

    None where it means none, or in some experiments another than in others: then each must be looked at.
    """
    known = api.call("projects.get_unique_metric_variants", {})["metrics"]
    meant = {
        Series(item["metric"], item["variant"])
        for item in known
        if name in (item["metric"], f"{item['metric']}/{item['variant']}")
    }
    return meant.pop() if len(meant) == 1 else None
