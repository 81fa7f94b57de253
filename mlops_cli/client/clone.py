"""A draft like a recorded experiment, with some parameters changed, ready to be enqueued or replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MlopsError
from .api import Api, Json
from .argv import rewrite_argv, rewrite_command
from .overrides import Change, apply_changes, parse_overrides, plan_changes

_CARRIED = re.compile(r"code\Z|(?:code|lock)/")
"""Artifacts that belong to the code: the draft needs them, though the API counts them as output."""

REMEMBERED = ("mlops_cwd", "mlops_argv")
"""What the API does not copy, and a replay needs."""


@dataclass(frozen=True, slots=True)
class Cloned:
    """The new draft (`id` is empty when nothing was made: a dry run), what changed, and the command it will run."""

    id: str
    source: str
    name: str
    changes: tuple[Change, ...]
    argv: tuple[str, ...]


def clone(
    api: Api,
    source: str,
    overrides: Sequence[str] = (),
    *,
    allow_new: bool = False,
    name: str | None = None,
    project: str | None = None,
    tags: Sequence[str] | None = None,
    comment: str | None = None,
    is_dry_run: bool = False,
) -> Cloned:
    """Make a draft of `source` (a task id) with `key=value` overrides.

    Everything is checked before anything is made. Raises what `plan_changes` raises.
    """
    document = api.tasks.document(source)
    recorded = document.get("hyperparams") or {}
    changes = tuple(plan_changes(recorded, parse_overrides(overrides), allow_new=allow_new))
    words = read_argv(document)
    argv = tuple(rewrite_argv(words, changes)) if words else ()
    title = name or document.get("name") or "experiment"
    if is_dry_run:
        return Cloned("", source, title, changes, argv)
    new = api.tasks.clone(
        source,
        name=title,
        project=None if project is None else api.projects.ensure(project),
        hyperparams=apply_changes(recorded, changes) if changes else None,
        tags=tags,
        comment=comment,
    )
    try:
        _complete(api, new, document, changes, argv)
    except MlopsError:
        # Half a draft would run with the old values.
        api.tasks.delete(new, force=True)
        raise
    return Cloned(new, source, title, changes, argv)


def read_argv(document: Json) -> list[str]:
    """The recorded command of a task, as words; empty when none was recorded."""
    text = (document.get("runtime") or {}).get("mlops_argv")
    try:
        words = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return []
    return [str(word) for word in words] if isinstance(words, list) else []


def _complete(api: Api, new: str, document: Json, changes: Sequence[Change], argv: Sequence[str]) -> None:
    fields: Json = {}
    entry_point = (document.get("script") or {}).get("entry_point")
    # Other clients record the script alone and put parameters in when it starts.
    if changes and entry_point and argv:
        fields["script"] = {"entry_point": rewrite_command(entry_point, changes)}
    runtime = {key: value for key, value in (document.get("runtime") or {}).items() if key in REMEMBERED}
    if argv:
        runtime["mlops_argv"] = json.dumps(list(argv), ensure_ascii=False)
    if runtime:
        fields["runtime"] = runtime
    if fields:
        api.tasks.edit(new, fields)
    artifacts = (document.get("execution") or {}).get("artifacts") or []
    code = [item for item in artifacts if _CARRIED.match(str(item.get("key", "")))]
    if code:
        api.tasks.add_artifacts(new, code)
