"""Makes a tree fit to travel: within the limits, and without secrets. The patch is made from what is left."""

from __future__ import annotations

from typing import NamedTuple

from ..secrets import kind_in_binary, scrub_patch
from .graft import graft
from .model import Altered, LeftOut, Limits, show
from .patch import Section, split
from .scratch import GITLINK, Difference, Entry, Scratch


class Settled(NamedTuple):
    """A tree that may travel, and what it changes since the base."""

    tree: str
    patch: bytes
    altered: tuple[Altered, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    moves_submodule: bool = False


def settle(scratch: Scratch, base_tree: str, tree: str, limits: Limits, policy: str, known: tuple[str, ...]) -> Settled:
    """`tree` without the files that are too large or hold a secret that cannot be hidden, and with the others hidden.

    What is left out stays as the base has it.
    """
    differences = scratch.differences(base_tree, tree)
    left_out, reverted = _too_large(scratch, differences, limits)
    tree = _grafted(scratch, tree, reverted)
    patch = scratch.patch(base_tree, tree)
    moves = any(GITLINK in (one.old_mode, one.new_mode) for one in differences)
    if policy == "keep":
        return Settled(tree, patch, (), tuple(left_out), moves)
    by_path = {one.path: one for one in differences}
    altered: list[Altered] = []
    fixes: list[Entry] = []
    for section in split(patch):
        ours = [by_path[path] for path in section.paths if path in by_path]
        kind = _unhidable(scratch, section, ours, known)
        if kind:
            left_out.append(LeftOut(show(section.path), f"holds a secret ({kind}) that a patch cannot hide"))
            fixes.extend(_reverted(one, scratch.zero) for one in ours)
            continue
        scrubbed = scrub_patch(section.text, known=known)
        if scrubbed.altered:
            lines = {line.line: line.clean for line in scrubbed.altered}
            fixes.append(_with_lines(scratch, by_path[section.path], lines))
            altered.extend(Altered(show(section.path), line.line, line.kind) for line in scrubbed.altered)
    if fixes:
        tree = _grafted(scratch, tree, fixes)
        patch = scratch.patch(base_tree, tree)
    return Settled(tree, patch, tuple(altered), tuple(left_out), moves)


def _grafted(scratch: Scratch, tree: str, entries: list[Entry]) -> str:
    return graft(scratch, tree, {entry.path: entry for entry in entries}) if entries else tree


def _too_large(scratch: Scratch, differences: list[Difference], limits: Limits) -> tuple[list[LeftOut], list[Entry]]:
    new = [one for one in differences if one.new != scratch.zero and one.new_mode != GITLINK]
    sizes = scratch.sizes(one.new for one in new)
    total = sum(sizes.values())
    left_out: list[LeftOut] = []
    reverted: list[Entry] = []
    for one in sorted(new, key=lambda one: -sizes.get(one.new, 0)):
        size = sizes.get(one.new, 0)
        if size > limits.file_bytes:
            why = f"{size} bytes, more than {limits.file_bytes}"
        elif total > limits.total_bytes:
            why = f"more than {limits.total_bytes} bytes in all"
        else:
            break
        total -= size
        left_out.append(LeftOut(show(one.path), why))
        reverted.append(_reverted(one, scratch.zero))
    return left_out, reverted


def _unhidable(scratch: Scratch, section: Section, ours: list[Difference], known: tuple[str, ...]) -> str:
    """The kind of a secret on a line that cannot change, or in a binary file."""
    if section.is_binary:
        wanted = [one.new for one in ours if one.new != scratch.zero]
        return next((kind for _, data in scratch.blobs(wanted) if (kind := kind_in_binary(data, known=known))), "")
    out = scrub_patch(section.text, known=known).left_out
    return out[0].kind if out else ""


def _with_lines(scratch: Scratch, one: Difference, clean: dict[int, bytes]) -> Entry:
    data = dict(scratch.blobs([one.new]))[one.new]
    lines = [clean.get(number, line) for number, line in enumerate(data.split(b"\n"), 1)]
    return Entry(one.new_mode, scratch.add_blob(b"\n".join(lines)), one.path)


def _reverted(one: Difference, zero: str) -> Entry:
    return Entry(one.old_mode, zero, one.path) if one.old == zero else Entry(one.old_mode, one.old, one.path)
