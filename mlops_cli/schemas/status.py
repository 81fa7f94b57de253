"""The statuses and types of a task and the legal changes between them, without msgspec, for the path of `ls`."""

from __future__ import annotations

CREATED, QUEUED, IN_PROGRESS, STOPPED = "created", "queued", "in_progress", "stopped"
CLOSED, FAILED, COMPLETED = "closed", "failed", "completed"
PUBLISHING, PUBLISHED, UNKNOWN = "publishing", "published", "unknown"

TRANSITIONS: dict[str, frozenset[str]] = {
    CREATED: frozenset({QUEUED, IN_PROGRESS}),
    QUEUED: frozenset({CREATED, IN_PROGRESS, STOPPED}),
    IN_PROGRESS: frozenset({STOPPED, FAILED, COMPLETED, CREATED}),
    STOPPED: frozenset({CREATED, QUEUED, IN_PROGRESS, CLOSED, FAILED, COMPLETED, PUBLISHING, PUBLISHED}),
    CLOSED: frozenset({CREATED, STOPPED, FAILED, PUBLISHING, PUBLISHED}),
    FAILED: frozenset({CREATED, QUEUED, STOPPED, PUBLISHED}),
    COMPLETED: frozenset({CREATED, IN_PROGRESS, PUBLISHED}),
    PUBLISHING: frozenset({PUBLISHED}),
    PUBLISHED: frozenset(),
    UNKNOWN: frozenset(),
}

STATUSES = tuple(TRANSITIONS)
ENDED = frozenset({STOPPED, CLOSED, FAILED, COMPLETED, PUBLISHING, PUBLISHED})

TYPES = (
    "training", "testing", "inference", "data_processing", "application", "monitor",
    "controller", "report", "optimizer", "service", "qc", "custom",
)  # fmt: skip
"""The types of a task."""

STATUS_WORDS = {"draft": CREATED, "running": IN_PROGRESS}
"""The words that people type, and the API's."""


def is_legal(old: str, new: str) -> bool:
    """Whether a task may go from `old` to `new` without force; staying is always legal."""
    return old == new or new in TRANSITIONS.get(old, frozenset())
