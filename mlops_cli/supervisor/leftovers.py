"""What stays of a run folder once everything is in the store: how the run was, not what it said.

The raw bytes (console, records, argv) are as the program wrote them, secrets included; they are needed until they are
sent, and no longer. Folders stay: a process that lives on may still write, and nobody reads it.
"""

from __future__ import annotations

import contextlib
import os

from .. import secrets
from ..spool.folder import RunFolder
from .spec import RunSpec

_RAW_FOLDERS = ("console", "spool", "files")
_RAW_FILES = ("notes.jsonl", "interpreter.json", "snapshot.json")


def clear(folder: RunFolder, spec: RunSpec) -> None:
    """Remove the raw bytes of a run that is wholly sent. What cannot be removed stays; nothing is raised for it."""
    for part in _RAW_FOLDERS:
        for here, _, names in os.walk(folder.path / part):
            for name in names:
                _remove(f"{here}/{name}")
    for name in _RAW_FILES:
        _remove(f"{folder.root}/{name}")
    with contextlib.suppress(OSError):
        folder.write_json("spec.json", {**spec.to_json(), **_scrubbed(spec)})
        # Both quote what the program said last.
        for name, quote in (("end.json", "message"), ("exit.json", "error")):
            if (said := folder.read_json(name)) and said.get(quote):
                folder.write_json(name, {**said, quote: ""})


def _scrubbed(spec: RunSpec) -> dict[str, object]:
    """The words of the spec that a person typed, without their secrets."""
    if spec.secrets == "keep":
        return {}
    texts = {name: secrets.scrub_text(getattr(spec, name)).value for name in ("name", "comment", "project")}
    tags = [secrets.scrub_text(tag).value for tag in spec.tags]
    return {**texts, "tags": tags, "argv": secrets.scrub_argv(list(spec.argv)).value}


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - names that are no UTF-8, straight from `os.walk`
