"""The words of events: their types, the iteration of single values, which metrics count as progress."""

from __future__ import annotations

SCALAR, VECTOR, IMAGE, PLOT, LOG = (
    "training_stats_scalar", "training_stats_vector", "training_debug_image", "plot", "log",
)  # fmt: skip

TYPES = frozenset({SCALAR, VECTOR, IMAGE, PLOT, LOG})

DOCUMENTS = (VECTOR, IMAGE, PLOT)
"""Events that are kept one by one."""

SINGLE_VALUE_ITER = -(2**31)
"""The iteration that marks a single value (metric `Summary`)."""


def counts(metric: str) -> bool:
    """Whether the iterations of a metric move the task's `last_iteration`: those of monitors may be seconds."""
    return not metric.startswith(":monitor:")
