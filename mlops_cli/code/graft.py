"""Replaces paths in a tree by reading and writing only the folders on their way.

Git's own way leads through an index and writes every folder again: 70 ms for 10,000 files, where this takes one process
for each level of folders. It also touches objects of the person's repository, which this never does.
"""

from __future__ import annotations

from collections.abc import Mapping

from .scratch import Entry, Scratch

_TREE = "40000"


class _Folder:
    """A folder on the way: what it held, the files to replace in it (None takes one away), the folders to go into."""

    __slots__ = ("entries", "files", "folders")

    def __init__(self) -> None:
        self.entries: dict[bytes, tuple[str, str]] = {}
        self.files: dict[bytes, Entry] = {}
        self.folders: dict[bytes, _Folder] = {}


def graft(scratch: Scratch, root: str, changes: Mapping[bytes, Entry]) -> str:
    """The tree `root` (or the tree of the commit `root`) with each path of `changes` replaced or taken away."""
    top = _Folder()
    for path, entry in changes.items():
        folder = top
        *parts, name = path.split(b"/")
        for part in parts:
            folder = folder.folders.setdefault(part, _Folder())
        folder.files[name] = entry
    if root != scratch.empty_tree:
        _load(scratch, top, root)
    return _store(scratch, top) or scratch.empty_tree


def _load(scratch: Scratch, top: _Folder, root: str) -> None:
    level = [(top, f"{root}^{{tree}}")]
    while level:
        found = scratch.objects([oid for _, oid in level])
        following: list[tuple[_Folder, str]] = []
        for (folder, _), (_, data) in zip(level, found, strict=True):
            folder.entries = _parse(data, scratch.oid_length // 2)
            for name, below in folder.folders.items():
                mode, oid = folder.entries.get(name, ("", ""))
                if mode == _TREE:
                    following.append((below, oid))
        level = following


def _store(scratch: Scratch, folder: _Folder) -> str:
    """Write the folder; an empty one is none."""
    entries = folder.entries
    for name, below in folder.folders.items():
        oid = _store(scratch, below)
        if oid:
            entries[name] = (_TREE, oid)
        elif entries.get(name, ("",))[0] == _TREE:
            del entries[name]
    for name, entry in folder.files.items():
        if entry.oid != scratch.zero:
            entries[name] = (entry.mode.lstrip("0"), entry.oid)
        elif entries.get(name, (_TREE,))[0] != _TREE:
            del entries[name]  # a file of this name went away; a folder of this name may have come
    if not entries:
        return ""
    # Git sorts a folder as if its name ended with a slash.
    ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1][0] == _TREE else item[0])
    lines = [b"%s %s\0%s" % (mode.encode(), name, bytes.fromhex(oid)) for name, (mode, oid) in ordered]
    return scratch.add_object(b"tree", b"".join(lines))


def _parse(data: bytes, oid_bytes: int) -> dict[bytes, tuple[str, str]]:
    entries: dict[bytes, tuple[str, str]] = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, name = data[at:end].split(b" ", 1)
        at = end + 1 + oid_bytes
        entries[name] = (mode.decode(), data[end + 1 : at].hex())
    return entries
