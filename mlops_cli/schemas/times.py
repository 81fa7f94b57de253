"""When a run really began and ended, whatever its record says: a record may be made late, or be sent days after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STARTED, ENDED = "mlops_started_at", "mlops_ended_at"
"""Keys of `runtime`, written by the supervisor: the API's own dates are those of the calls that set them."""

PATHS = (f"runtime.{STARTED}", f"runtime.{ENDED}")
"""What to add to `only_fields` for the two questions below."""


def began(task: Mapping[str, Any]) -> str | None:
    """The moment of the start as ISO text; None for what has not started (any more)."""
    return _moment(task, "started", STARTED)


def finished(task: Mapping[str, Any]) -> str | None:
    """The moment of the end as ISO text; None for what has not ended."""
    return _moment(task, "completed", ENDED)


def _moment(task: Mapping[str, Any], field: str, key: str) -> str | None:
    recorded = task.get(field)
    told = (task.get("runtime") or {}).get(key)
    # Without the API's own date the task was reset, or is a draft: what its runtime says is of an earlier life.
    return str(told) if recorded and told else recorded
