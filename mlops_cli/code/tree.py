"""The working tree as a git tree, byte for byte: HEAD with every file that the status names replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from . import git
from .graft import graft
from .hints import Hints
from .model import LeftOut, Limits, show
from .scratch import GITLINK, SYMLINK, Entry, Scratch
from .status import Change, Status, locate, start


class TreeBuilder:
    """Builds the trees of one repository (and of the submodules in it); `left_out` and `notes` grow meanwhile."""

    def __init__(self, status: Status, hints: Hints, limits: Limits, exclude: frozenset[Path]) -> None:
        self._status = status
        self._hints = hints
        self._limits = limits
        self._exclude = {os.fsencode(os.path.realpath(path)) for path in exclude}
        self._excluded = exclude
        self._total = 0
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []

    def build(self, scratch: Scratch) -> tuple[str, str]:
        """(the tree as git would store it, for the patch; the tree with the raw bytes of the working tree)."""
        head = self._status.head or scratch.empty_tree
        stored = {entry.path: entry for entry in scratch.entries(head)} if self._hints.any and self._status.head else {}
        changes = [change for change in self._status.changes if not change.is_submodule]
        count = len(changes) + self._status.uncounted - self._limits.files
        if count > 0:
            self.left_out.append(LeftOut(f"{count} more changed files", f"only {self._limits.files} are looked at"))
        normal: dict[bytes, Entry] = {}
        raw: dict[bytes, Entry] = {}
        for change in changes[: self._limits.files]:
            entry, data = self._read(scratch, change)
            if entry is None:
                continue
            normal[change.path] = self._as_git_stores(scratch, entry, data, stored)
            if normal[change.path] != entry:
                raw[change.path] = entry
        if self._hints.attributes:
            known = {change.path for change in changes}
            raw.update((entry.path, entry) for entry in self._converted(scratch, stored, known))
        dirty = {change.path for change in self._status.changes if change.is_submodule}
        links = [entry for entry in stored.values() if entry.mode == GITLINK and entry.path not in dirty]
        dirty.update(link.path for link in links if _is_unpushed(self._status.top, link))
        for number, path in enumerate(sorted(dirty)):
            inner = self._absorb(scratch, path, scratch.folder / f"submodule-{number}")
            if inner:
                raw[path] = Entry("40000", inner, path)
        tree = graft(scratch, head, normal)
        return tree, graft(scratch, tree, raw) if raw else tree

    def _read(self, scratch: Scratch, change: Change) -> tuple[Entry | None, bytes]:
        """The file as it lies in the working tree; None when it stays as HEAD has it."""
        path = os.path.join(os.fsencode(self._status.top), change.path)
        try:
            info = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return Entry("", scratch.zero, change.path), b""
        except OSError as exc:
            return self._leave(change, str(exc.strerror))
        if self._is_excluded(path):
            return self._leave(change, "written by the run")
        if stat.S_ISDIR(info.st_mode):
            if change.kind == "?":
                return self._leave(change, "another repository inside this one")
            return Entry(
                "", scratch.zero, change.path
            ), b""  # a file became a folder, whose files are listed themselves
        if stat.S_ISLNK(info.st_mode):
            data = os.readlink(path)
            return Entry(SYMLINK, scratch.add_blob(data), change.path), data
        if not stat.S_ISREG(info.st_mode):
            return self._leave(change, "not a plain file")
        if info.st_size > self._limits.file_bytes:
            return self._leave(change, f"{info.st_size} bytes, more than {self._limits.file_bytes}")
        if self._total + info.st_size > self._limits.total_bytes:
            return self._leave(change, f"more than {self._limits.total_bytes} bytes in all")
        try:
            data = Path(os.fsdecode(path)).read_bytes()
            after = os.lstat(path)
        except OSError as exc:
            return self._leave(change, str(exc.strerror))
        self._total += len(data)
        moved = (after.st_mtime_ns, after.st_size) != (info.st_mtime_ns, info.st_size) or len(data) != info.st_size
        if moved or info.st_mtime_ns > self._status.finished_ns:
            self.notes.append(f"{show(change.path)}: changed while captured")
        mode = "100755" if info.st_mode & stat.S_IXUSR else "100644"
        return Entry(mode, scratch.add_blob(data), change.path), data

    def _leave(self, change: Change, why: str) -> tuple[None, bytes]:
        self.left_out.append(LeftOut(show(change.path), why))
        return None, b""

    def _is_excluded(self, path: bytes) -> bool:
        if not self._exclude:
            return False
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        return any(real == left or real.startswith(left + b"/") for left in self._exclude)

    def _as_git_stores(self, scratch: Scratch, entry: Entry, data: bytes, stored: dict[bytes, Entry]) -> Entry:
        """With line ends as the index has them, where attributes are in play: else every line would be a change."""
        was = stored.get(entry.path)
        if not self._hints.attributes or was is None or b"\r\n" not in data or entry.mode == SYMLINK:
            return entry
        before = dict(scratch.blobs([was.oid])).get(was.oid, b"\r")
        return entry if b"\r" in before else entry._replace(oid=scratch.add_blob(data.replace(b"\r\n", b"\n")))

    def _converted(self, scratch: Scratch, stored: dict[bytes, Entry], changed: set[bytes]) -> Iterator[Entry]:
        """Unchanged files whose bytes are not those that git stores: line ends, keywords, encodings."""
        top = os.fsencode(self._status.top)
        files = [entry for entry in stored.values() if entry.mode.startswith("100") and entry.path not in changed]
        sizes = scratch.sizes(entry.oid for entry in files)
        for entry in files:
            path = os.path.join(top, entry.path)
            before = sizes.get(entry.oid, -1)
            try:
                size = os.lstat(path).st_size
                if before in (-1, size):
                    continue
                if before < 1024 and _is_pointer(scratch, entry):
                    self.left_out.append(LeftOut(show(entry.path), "kept as its LFS pointer"))
                elif size > self._limits.file_bytes:
                    self.left_out.append(LeftOut(show(entry.path), f"{size} bytes, kept as git stores it"))
                else:
                    yield entry._replace(oid=scratch.add_blob(Path(os.fsdecode(path)).read_bytes()))
            except OSError:
                continue  # a sparse checkout: the file is not here

    def _absorb(self, scratch: Scratch, path: bytes, folder: Path) -> str:
        """The tree of a submodule's files, to stand in the place of its link: nobody else has its commit."""
        name = os.fsdecode(path)
        top = self._status.top / name
        status = start(top).wait()
        if status is None or status.problem or status.top != top.resolve():
            self.left_out.append(LeftOut(show(path), "a submodule that cannot be read"))
            return ""
        inner = Scratch(folder, borrow=[status.common_dir], oid_length=scratch.oid_length)  # goes away with `scratch`
        builder = TreeBuilder(status, Hints.read(status), self._limits, self._excluded)
        _, tree = builder.build(inner)
        for left in builder.left_out:
            self.left_out.append(left._replace(path=f"{name}/{left.path}"))
        self.notes.extend(f"{name}/{note}" for note in builder.notes)
        scratch.borrow(status.common_dir)
        scratch.borrow(folder)
        return tree


def _is_unpushed(top: Path, link: Entry) -> bool:
    """Whether no remote of the submodule is known to have the commit that the link names."""
    folder = top / os.fsdecode(link.path)
    place = locate(folder)
    if place is None or place.top != folder.resolve():
        return False  # not checked out: nothing here that is not elsewhere
    return not git.ask("for-each-ref", "--count=1", "--contains", link.oid, "refs/remotes", cwd=folder)


def _is_pointer(scratch: Scratch, entry: Entry) -> bool:
    blob = dict(scratch.blobs([entry.oid])).get(entry.oid, b"")
    return blob.startswith(b"version https://git-lfs.github.com/spec/")
