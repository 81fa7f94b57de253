"""From what a person typed (`@latest`, a prefix, `-` for ids on stdin) to task ids, and the question before a loss."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..errors import InvalidInput, Refused
from .context import Context


def one(context: Context, reference: str) -> str:
    """The id of the one experiment that a reference means."""
    return several(context, [reference])[0]


def several(context: Context, references: Sequence[str]) -> list[str]:
    """The ids, each once, in the order they were named."""
    from ..client.references import resolve_many

    found = resolve_many(context.api, references, project=context.settings.project, user=context.user)
    if not found:
        raise InvalidInput("no experiment was named", hint="mlops ls -q")
    return found


def documents(context: Context, references: Sequence[str]) -> list[dict[str, Any]]:
    """The whole tasks, as the API answers them."""
    return [context.api.tasks.document(task) for task in several(context, references)]


def confirm(context: Context, question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; without a person to ask, `--yes` must have answered."""
    if yes:
        return
    can_ask = not context.no_input and sys.stdin.isatty() and sys.stderr.isatty()
    if not can_ask:
        raise Refused(f"{question} There is nobody to ask here", hint="--yes answers")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed", hint="--yes answers beforehand")


def short(task: str) -> str:
    """The id as messages show it."""
    return task[:8]
