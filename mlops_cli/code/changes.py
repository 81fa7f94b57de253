"""What a working tree holds beyond its base: the patch, and where a patch cannot say it all, a bundle.

Everything is one tree: the person's index, copied, with the changed files added byte for byte. The patch is what this
tree changes since the base; the bundle holds one commit with this tree.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..errors import MlopsError
from .base import Base
from .hints import Hints
from .model import ARTIFACT_KEY, BUNDLE_NAME, Code, CodeArtifact, LeftOut, Limits
from .patch import split
from .safe import Settled, settle
from .scratch import Scratch
from .status import Status
from .tree import TreeBuilder


def describe(
    code: Code,
    base: Base,
    status: Status,
    hints: Hints,
    *,
    limits: Limits,
    staging: Path,
    exclude: frozenset[Path],
    policy: str,
    known: tuple[str, ...],
) -> Code:
    """The code with its changes; when they cannot be read it says so, and keeps its place in the repository."""
    try:
        with _scratch(status, staging) as scratch:
            builder = TreeBuilder(status, hints, limits, exclude)
            normal, raw = builder.build(scratch)
            code = code._replace(left_out=tuple(builder.left_out), notes=tuple(builder.notes))
            base_tree = base.commit or scratch.empty_tree
            patched = settle(scratch, base_tree, normal, limits, policy, known)
            kept = patched if raw == normal else settle(scratch, base_tree, raw, limits, policy, known)
            return _described(code, scratch, patched, kept, limits, staging)
    except (MlopsError, OSError) as exc:
        left_out = (*code.left_out, LeftOut("the changes since the base", str(exc)))
        return code._replace(left_out=left_out, can_rebuild_from_diff=False)


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
