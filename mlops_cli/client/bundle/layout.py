"""What a bundle is: a zip with a manifest, documents, events and files, and the limits that a reader sets.

    manifest.json                      format, version, tasks, and size and sha256 of every other member
    tasks/<id>/task.json               the document as the API answers it
    tasks/<id>/models.json             the models it made or used
    tasks/<id>/scalars.jsonl           {metric, variant, x_axis_label?, iter, value, timestamp}: equally long columns
    tasks/<id>/events.jsonl            plots, images, vectors: events of the API
    tasks/<id>/console.jsonl           {timestamp, level, worker, raw}: raw bytes in base64
    files/<sha256>                     contents, stored without compression

Links to files in the bundle are written `bundle:<sha256>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT = "mlops-bundle"
VERSION = 1
MANIFEST = "manifest.json"
LINK = "bundle:"

MEMBER = re.compile(
    r"(?:manifest\.json"
    r"|tasks/[0-9a-f]{32}/(?:task\.json|models\.json|scalars\.jsonl|events\.jsonl|console\.jsonl)"
    r"|files/[0-9a-f]{64})\Z"
)
"""The only names that a bundle may have: no path of its own choosing reaches the disk."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts. `ratio` bounds how far compressed members may grow, beyond the first `free_bytes`."""

    total_bytes: int = 1 << 40
    file_bytes: int = 1 << 39
    text_bytes: int = 1 << 36
    document_bytes: int = 256 << 20
    line_bytes: int = 64 << 20
    members: int = 200_000
    ratio: int = 300
    free_bytes: int = 1 << 30


def task_member(task: str, name: str) -> str:
    return f"tasks/{task}/{name}"


def file_member(digest: str) -> str:
    return f"files/{digest}"
