"""What capturing code finds, and how much of it may travel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ARTIFACT_KEY = "code"
BUNDLE_NAME, TAR_NAME = "code.bundle", "code.tar.gz"


class Limits(NamedTuple):
    """How large one file, everything together and the API's `diff` may be, and how many files are looked at."""

    file_bytes: int = 10 << 20
    total_bytes: int = 100 << 20
    diff_bytes: int = 1 << 20
    files: int = 20_000


class LeftOut(NamedTuple):
    """Something that is not in the record, and why."""

    path: str
    why: str


class Altered(NamedTuple):
    """A line (from 1; 0: not a line of a file) in which a secret of this kind was hidden."""

    path: str
    line: int
    kind: str


class CodeArtifact(NamedTuple):
    """A file to store with the run: `type` is `git-bundle` or `tar`."""

    key: str
    path: Path
    type: str
    meta: Mapping[str, str] = {}


class Code(NamedTuple):
    """The API's `script` fields (`commit` is its `version_num`), and what the API has no field for.

    Without a `repository` the `diff` is the stand-alone script itself. `ref` is the remote-tracking ref that holds
    `commit`; `head` and `local_branch` say where the person stood.
    """

    repository: str = ""
    branch: str = ""
    ref: str = ""
    commit: str = ""
    working_dir: str = "."
    entry_point: str = ""
    diff: str = ""
    artifacts: tuple[CodeArtifact, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    altered: tuple[Altered, ...] = ()
    can_rebuild_from_diff: bool = True
    """A foreign agent that knows only the API's fields gets the same code."""
    head: str = ""
    local_branch: str = ""
    top: Path | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def show(path: bytes) -> str:
    """A file name for people: bytes that are no UTF-8 as escapes."""
    return path.decode("utf-8", "backslashreplace")
