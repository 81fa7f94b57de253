"""`mlops` alone: where it is connected, what runs, what is not sent yet, and three likely next commands."""

from __future__ import annotations

from .context import Context
from .status import describe, summary


def overview(context: Context) -> None:
    found = describe(context)
    newest = context.api.tasks.find(
        {"only_fields": ["id", "name", "status"], "order_by": ["-created"], "system_tags": ["-archived"]}, limit=2
    )
    following = _next(found["running"], found["unsent"], newest)
    if context.output.is_json:
        context.output.document({**found, "next": [command for command, _ in following]})
        return
    from ..render.blocks import Page

    page = Page(width=context.output.width, color=context.output.colored)
    page.lines += summary(context, found)
    page.head("Next")
    page.rows([[command, why] for command, why in following])
    context.output.lines(page.lines)


def _next(
    running: list[dict[str, object]], unsent: list[object], newest: list[dict[str, str]]
) -> list[tuple[str, str]]:
    """Three commands that fit the moment, the likeliest first."""
    found: list[tuple[str, str]] = []
    if running:
        task = str(running[0]["task"] or "@latest")[:8]
        found.append((f"mlops logs {task} -f", "watch what it prints"))
    if unsent:
        found.append(("mlops sync", "send what is left"))
    if newest and newest[0]["status"] == "failed":
        found.append((f"mlops logs {newest[0]['id'][:8]}", "see why the newest failed"))
    if len(newest) == 2:
        found.append(("mlops diff @-1 @latest", "what changed, and what it did"))
    if newest:
        found.append(("mlops ls", "list experiments"))
    found += [
        ("mlops run python train.py", "run a program, captured"),
        ("mlops show @latest", "one experiment, whole") if newest else ("mlops run --help", "how to run"),
        ("mlops --help", "every command"),
    ]
    return list(dict(found).items())[:3]
