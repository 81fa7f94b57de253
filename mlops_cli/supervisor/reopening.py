"""A task that ended on the server while we could not reach it: opened again for what is left to send, and put back.

A finished task refuses parameters, artifacts and models. What was its state is noted before it is changed, so that a
supervisor that dies in between leaves enough for the next one to put it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..schemas.status import ENDED
from .phases import Progress
from .verdict import COMPLETED, STOPPED, Verdict

if TYPE_CHECKING:
    from ..client.api import Api

NOTE = "reopened"
FIELDS = ("status", "status_reason", "status_message")
_GUESSED = ("non-responsive", "non responsive", "watchdog")


def reopen(api: Api, progress: Progress) -> None:
    """Open the task again if somebody else ended it; does nothing the second time."""
    if progress.get(NOTE) or progress.get("ended"):
        return
    found = api.tasks.find({"id": [progress.task], "only_fields": list(FIELDS), "search_hidden": True}, limit=1)
    if found and found[0].get("status") in ENDED:
        progress.note(**{NOTE: {name: str(found[0].get(name) or "") for name in FIELDS}})
        api.tasks.started(progress.task, force=True)


def end(api: Api, progress: Progress, verdict: Verdict) -> None:
    """The terminal status: what the server had been told while we were away, else the verdict on the run.

    Forced: a person may have reset it meanwhile.
    """
    task, before = progress.task, progress.get(NOTE)
    if isinstance(before, dict) and not was_guessed(before):
        api.tasks.edit_runtime(task, {"mlops_verdict": f"{verdict.status}: {verdict.reason}".rstrip(": ")})
        _put_back(api, task, before)
        return
    tasks = api.tasks
    move = {COMPLETED: tasks.completed, STOPPED: tasks.stopped}.get(verdict.status, tasks.failed)
    move(task, reason=verdict.reason, message=verdict.message, force=True)


def was_guessed(before: dict[str, Any]) -> bool:
    """Whether the server ended it only because it heard nothing: then what really happened is the better word."""
    said = f"{before.get('status_reason')} {before.get('status_message')}".lower()
    return any(word in said for word in _GUESSED)


def _put_back(api: Api, task: str, before: dict[str, Any]) -> None:
    status, reason, message = (str(before.get(name) or "") for name in FIELDS)
    endpoint = {"publishing": "publish", "published": "publish", "closed": "close"}.get(status, status)
    if endpoint in ("publish", "close"):
        # Neither leads there from a task that runs.
        api.tasks.completed(task, reason=reason, message=message, force=True)
    body = {"task": task, "status_reason": reason, "status_message": message, "force": True}
    api.call(f"tasks.{endpoint}", body)
