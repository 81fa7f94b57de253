"""The code of a run as the API's fields and, where a patch cannot say it all, as an artifact.

The repository is only read. What a clean tree that a remote knows is takes no more than its status to tell; `changes`
does the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..secrets import scrub_url
from . import base as bases
from .alone import capture_folder
from .hints import Hints
from .model import Altered, Code, LeftOut, Limits
from .status import Status


def capture(
    status: Status | None,
    *,
    cwd: Path,
    script: Path | None,
    staging: Path,
    limits: Limits | None = None,
    exclude: frozenset[Path] = frozenset(),
    policy: str = "redact",
    known: Iterable[str] = (),
    started_ns: int | None = None,
) -> Code:
    """What the code of a run is. `staging` is an existing folder for the artifact and for scratch files.

    `started_ns`: when the run began, which may be writing already; git's status tells it where there is a repository.

    `exclude`: files and folders that the run writes (absolute). `policy` and `known` are those of `secrets`;
    `refuse` is for the caller to act on (`altered`). What could not be read is in `left_out`.
    """
    limits = limits or Limits()
    known = tuple(known) if policy != "keep" else ()
    if status is None or status.problem:
        code = capture_folder(
            cwd,
            script,
            limits=limits,
            staging=staging,
            exclude=exclude,
            policy=policy,
            known=known,
            started_ns=started_ns,
        )
        if status is None:
            return code
        left_out = (LeftOut("the repository", status.problem), *code.left_out)
        return code._replace(left_out=left_out, top=status.top, problem=status.problem)
    base = bases.find(status)
    code = _located(status, base, cwd, script, policy)
    hints = Hints.read(status)
    if not status.changes and base.commit == status.head and base.commit and base.url and not hints.any:
        return code
    from .changes import describe  # noqa: PLC0415 - a clean and pushed tree needs none of it

    code = describe(
        code, base, status, hints, limits=limits, staging=staging, exclude=exclude, policy=policy, known=known
    )
    return code if base.commit and base.url else _without_base(code, cwd, script, limits, policy, known)


def _located(status: Status, base: bases.Base, cwd: Path, script: Path | None, policy: str) -> Code:
    here = os.path.realpath(cwd)
    url = scrub_url(base.url) if policy != "keep" else None
    return Code(
        repository=url.value if url else base.url,
        branch=base.branch,
        ref=base.ref,
        commit=base.commit,
        head=status.head,
        local_branch=status.branch,
        working_dir=os.path.relpath(here, status.top),
        entry_point=os.path.relpath(os.path.join(here, script), here) if script else "",
        top=status.top,
        altered=tuple(Altered("repository", 0, found.kind) for found in url.findings) if url else (),
    )


def _without_base(
    code: Code, cwd: Path, script: Path | None, limits: Limits, policy: str, known: tuple[str, ...]
) -> Code:
    """No remote knows this code: the API's fields hold the stand-alone script, the artifact the rest."""
    alone = capture_folder(cwd, script, limits=limits, staging=None, policy=policy, known=known)
    return code._replace(
        repository="",
        branch="",
        ref="",
        commit="",
        working_dir=".",
        entry_point=alone.entry_point,
        diff=alone.diff,
        can_rebuild_from_diff=False,
    )
