"""The code of a run as the API's fields and, where a patch cannot say it all, as an artifact.

The repository is only read. Everything is one tree: the person's index, copied, with the changed files added byte for
byte. The patch is what this tree changes since the base; the artifact is a bundle of one commit with this tree.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import MlopsError
from ..secrets import scrub_url
from . import base as bases
from .alone import capture_folder
from .model import ARTIFACT_KEY, BUNDLE_NAME, Altered, Code, CodeArtifact, LeftOut, Limits
from .patch import split
from .safe import Settled, settle
from .scratch import Scratch
from .status import Status
from .tree import Hints, TreeBuilder


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
) -> Code:
    """What the code of a run is. `staging` is an existing folder for the artifact and for scratch files.

    `exclude`: files and folders that the run writes (absolute). `policy` and `known` are those of `secrets`;
    `refuse` is for the caller to act on (`altered`). What could not be read is in `left_out`.
    """
    limits = limits or Limits()
    known = tuple(known) if policy != "keep" else ()
    if status is None or status.problem:
        code = capture_folder(cwd, script, limits=limits, staging=staging, exclude=exclude, policy=policy, known=known)
        if status is None:
            return code
        left_out = (LeftOut("the repository", status.problem), *code.left_out)
        return code._replace(left_out=left_out, top=status.top, problem=status.problem)
    base = bases.find(status)
    code = _located(status, base, cwd, script, policy)
    hints = Hints.read(status)
    if not status.changes and base.commit == status.head and base.commit and base.url and not hints.any:
        return code
    try:
        with _scratch(status, staging) as scratch:
            builder = TreeBuilder(status, hints, limits, exclude)
            normal, raw = builder.build(scratch)
            code = code._replace(left_out=tuple(builder.left_out), notes=tuple(builder.notes))
            base_tree = base.commit or scratch.empty_tree
            patched = settle(scratch, base_tree, normal, limits, policy, known)
            kept = patched if raw == normal else settle(scratch, base_tree, raw, limits, policy, known)
            code = _described(code, scratch, patched, kept, limits, staging)
    except (MlopsError, OSError) as exc:
        # The place in the repository is still worth keeping: say what is missing and go on.
        left_out = (*code.left_out, LeftOut("the changes since the base", str(exc)))
        code = code._replace(left_out=left_out, can_rebuild_from_diff=False)
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


def _scratch(status: Status, staging: Path) -> Scratch:
    for leftover in staging.glob(".code-*"):  # of a supervisor that was killed while it captured
        shutil.rmtree(leftover, ignore_errors=True)
    is_sha256 = len(status.head) == 64 or "sha256" in status.config.get("extensions.objectformat", [])
    return Scratch(staging / f".code-{os.getpid()}", borrow=[status.common_dir], oid_length=64 if is_sha256 else 40)


def _described(code: Code, scratch: Scratch, patched: Settled, kept: Settled, limits: Limits, staging: Path) -> Code:
    diff, is_whole = _as_text(patched.patch, limits.diff_bytes)
    rebuilds = bool(code.commit and code.repository) and is_whole and not kept.moves_submodule
    # Carriage returns survive `git apply` only where no attribute and no setting converts them.
    rebuilds = rebuilds and kept.tree == patched.tree and b"\r" not in patched.patch
    is_needed = not rebuilds and bool(kept.patch or not code.commit)
    artifacts = (_bundle(code, scratch, kept.tree, staging),) if is_needed else ()
    return code._replace(
        diff=diff,
        artifacts=artifacts,
        can_rebuild_from_diff=rebuilds,
        altered=tuple(dict.fromkeys([*code.altered, *kept.altered])),
        left_out=tuple(dict.fromkeys([*code.left_out, *patched.left_out, *kept.left_out])),
    )


def _as_text(patch: bytes, limit: int) -> tuple[str, bool]:
    """The patch as far as the API can hold it (UTF-8, no binaries, bounded), and whether that is all of it."""
    sections = split(patch)
    texts: list[str] = []
    for section in sections:
        try:
            texts.append("" if section.is_binary else section.text.decode("utf-8"))
        except UnicodeDecodeError:
            texts.append("")
    is_whole = all(texts)
    sizes = [len(text.encode()) for text in texts]
    while sum(sizes) > limit:
        largest = sizes.index(max(sizes))
        texts[largest], sizes[largest], is_whole = "", 0, False
    return "".join(texts), is_whole


def _bundle(code: Code, scratch: Scratch, tree: str, staging: Path) -> CodeArtifact:
    """One commit on top of the base, or without a parent where there is none; its message says what the API cannot."""
    lines = [f"head: {code.head}", f"working-dir: {code.working_dir}", f"entry-point: {code.entry_point}"]
    commit = scratch.commit(tree, parent=code.commit, message="The code of a run\n\n" + "\n".join(lines) + "\n")
    path = staging / BUNDLE_NAME
    scratch.bundle(commit, path, base=code.commit)
    return CodeArtifact(ARTIFACT_KEY, path, "git-bundle", {"commit": commit, "base": code.commit, "tree": tree})


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
