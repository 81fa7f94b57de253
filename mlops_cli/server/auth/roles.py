"""What each role may call: a viewer reads, a user also writes, an admin also manages users. Pure.

What is not listed here counts as writing, so that a new endpoint is never open by oversight.
"""

from __future__ import annotations

ADMIN, USER, VIEWER = "admin", "user", "viewer"
ROLES = (VIEWER, USER, ADMIN)
"""From the least to the most."""

OPEN = frozenset({"debug.ping", "login.supported_modes", "auth.fixed_users_mode"})
"""Called without a login."""

_READING = ("get_", "download_", "validate_", "multi_task_", "scalar_metrics_")
_READS = frozenset({
    "auth.login", "auth.logout", "auth.validate_token", "auth.edit_credentials",
    "server.info", "server.config", "server.endpoints", "debug.ping",
    "events.debug_images", "events.plots", "events.vector_metrics_iter_histogram",
    "events.next_debug_image_sample", "events.next_plot_sample", "events.clear_scroll",
    "queues.peek_task", "tasks.validate", "projects.validate_delete",
    "users.set_preferences",
})  # fmt: skip
_WRITES = frozenset({"queues.get_next_task"})
_MANAGES = frozenset({
    "users.create", "users.update", "users.delete", "auth.create_user", "auth.edit_user", "auth.get_token_for_user",
})  # fmt: skip


def needed(endpoint: str) -> str:
    """The least role that may call an endpoint."""
    if endpoint in _MANAGES:
        return ADMIN
    if endpoint in _READS:
        return VIEWER
    action = endpoint.partition(".")[2]
    # Each holds what concerns nobody but its own key and secrets: see `api.auth`.
    if endpoint.startswith("auth.") and action.endswith("_credentials"):
        return VIEWER
    return VIEWER if action.startswith(_READING) and endpoint not in _WRITES else USER


def is_safe_link(endpoint: str) -> bool:
    """Whether a page of somebody else may send a browser there, with its cookie, and nothing comes of it."""
    return needed(endpoint) == VIEWER and not endpoint.startswith(("auth.", "users.set_"))


def allows(role: str, endpoint: str) -> bool:
    """An unknown role may do nothing."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed(endpoint))
