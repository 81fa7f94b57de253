"""Calls on many documents: each id succeeds or fails on its own, and the answer lists both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...errors import MlopsError

Body = dict[str, Any]


def each(ids: Iterable[str], action: Callable[[str], Body]) -> Body:
    """What went well with what it answered, and what did not with the API's codes."""
    succeeded: list[Body] = []
    failed: list[Body] = []
    for document_id in dict.fromkeys(ids):
        try:
            succeeded.append({"id": document_id, **action(document_id)})
        except MlopsError as exc:
            # A full disk or a busy store will not be better for the next one: that is no failure of this id.
            if exc.http_status >= 500:
                raise
            error = {"codes": [exc.http_status, exc.subcode], "msg": exc.message, "data": exc.data}
            failed.append({"id": document_id, "error": error})
    return {"succeeded": succeeded, "failed": failed}
