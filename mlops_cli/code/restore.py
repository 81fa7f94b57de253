"""Puts the code of a task into a new folder, byte for byte: from a repository at hand, its URL, or what travelled.

A record may be hostile. Git refuses names that leave the tree when it reads the tree or applies the patch, and we write
files from that tree alone: below a new folder, without filters or hooks, and never through a link.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Conflict, InvalidInput, MlopsError, NotFound
from ..secrets import REDACTED
from . import git
from .archive import unpack
from .model import ARTIFACT_KEY, Altered, LeftOut, show
from .patch import split
from .scratch import FETCH_S, GITLINK, SYMLINK, Entry, Scratch
from .status import Place, locate


@dataclass(frozen=True, slots=True)
class Restored:
    """Where the code is now. `altered`: the lines in which the secret filter hid something."""

    path: Path
    commit: str = ""
    files: int = 0
    altered: tuple[Altered, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def restore(
    script: Mapping[str, Any],
    artifacts: Mapping[str, Path],
    dest: Path,
    *,
    repository: Path | None = None,
    as_worktree: bool = False,
) -> Restored:
    """Write the code of a task to `dest`, which must not exist or be empty; half a folder is never left behind.

    `script` are the API's fields, `artifacts` local copies of what travelled. `repository` is a clone at hand whose
    objects are borrowed; it gets nothing new unless `as_worktree` asks for a detached `git worktree` of it.

    Raises Conflict when `dest` is taken, NotFound when the code is nowhere to be had, InvalidInput for a bad record.
    """
    dest = Path(os.path.abspath(dest))
    if dest.is_symlink() or (dest.exists() and (not dest.is_dir() or any(dest.iterdir()))):
        raise Conflict(f"{dest} is not empty", hint="name a new folder")
    dest.parent.mkdir(parents=True, exist_ok=True)
    work = dest.parent / f".{dest.name}.{os.getpid()}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        restored = _restore_into(work, script, artifacts, repository)
        if dest.exists():
            dest.rmdir()
        if as_worktree and repository and restored.commit:
            _as_worktree(work / "tree", dest, repository, restored.commit)
        else:
            (work / "tree").rename(dest)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Restored(dest, restored.commit, restored.files, restored.altered, restored.left_out, restored.notes)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The tree of a task in a scratch repository, and the commit that it stands on."""

    tree: str
    base: str = ""
    base_tree: str = ""


def resolve(
    scratch: Scratch,
    script: Mapping[str, Any],
    artifacts: Mapping[str, Path],
    *,
    may_fetch: bool = True,
) -> Resolved:
    """Bring the code of a task into `scratch` as a tree: from its bundle, or from its base and its patch."""
    bundle = artifacts.get(ARTIFACT_KEY)
    url = str(script.get("repository") or "")
    if bundle is not None and _is_bundle(bundle):
        tip, bases = _read_bundle_head(bundle, scratch.oid_length)
        for base in bases:
            _need(scratch, base, url, may_fetch=may_fetch)
        scratch.run("index-pack", "--fix-thin", "--stdin", stdin=_pack_of(bundle), timeout=FETCH_S)
        base = bases[0] if bases else ""
        return Resolved(scratch.tree_of(tip), base, scratch.tree_of(base) if base else scratch.empty_tree)
    commit = str(script.get("version_num") or "")
    if not commit.isalnum():
        raise NotFound("the record names no commit and holds no code", hint="it may be of a program without code")
    _need(scratch, commit, url, may_fetch=may_fetch)
    base_tree = scratch.tree_of(commit)
    patch = str(script.get("diff") or "").encode("utf-8", "surrogatepass")
    if patch.strip():
        scratch.read_tree(base_tree)
        _refuse_bad_names(patch)
        patch = patch if patch.endswith(b"\n") else patch + b"\n"
        scratch.run("apply", "--cached", "--whitespace=nowarn", "--unidiff-zero", "-", stdin=patch)
        return Resolved(scratch.write_tree(), commit, base_tree)
    return Resolved(base_tree, commit, base_tree)


def open_scratch(
    folder: Path, script: Mapping[str, Any], artifacts: Mapping[str, Path], repository: Path | None
) -> Scratch:
    """A scratch repository that borrows from the one at hand, of the same kind of hash."""
    place = locate(repository) if repository else None
    bundle = artifacts.get(ARTIFACT_KEY)
    name = str(script.get("version_num") or "")
    if bundle is not None and _is_bundle(bundle):
        with bundle.open("rb") as file:
            name = "0" * 64 if b"@object-format=sha256" in file.read(4096) else ""
    return Scratch(folder, borrow=[place.common_dir] if place else [], oid_length=64 if len(name) == 64 else 40)


def _restore_into(
    work: Path, script: Mapping[str, Any], artifacts: Mapping[str, Path], repository: Path | None
) -> Restored:
    tree = work / "tree"
    tree.mkdir()
    artifact = artifacts.get(ARTIFACT_KEY)
    if artifact is not None and not _is_bundle(artifact):
        files = unpack(artifact, tree)
        return Restored(tree, files=len(files), altered=tuple(_altered(tree, files)))
    if artifact is None and not script.get("repository"):
        files = [_write_script(tree, script)]
        return Restored(tree, files=1, altered=tuple(_altered(tree, files)))
    with open_scratch(work / "git", script, artifacts, repository) as scratch:
        resolved = resolve(scratch, script, artifacts)
        place = locate(repository) if repository else None
        writer = _Writer(scratch, tree, place)
        writer.write(resolved.tree, b"")
        changed = [one.path for one in scratch.differences(resolved.base_tree, resolved.tree)]
        altered = tuple(_altered(tree, changed))
        return Restored(tree, resolved.base, writer.files, altered, tuple(writer.left_out), tuple(writer.notes))


class _Writer:
    """Writes trees to a new folder, submodules included."""

    def __init__(self, scratch: Scratch, root: Path, place: Place | None) -> None:
        self._scratch = scratch
        self._root = os.fsencode(root)
        self._place = place
        self._submodule = 0
        self.files = 0
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []

    def write(self, tree: str, below: bytes) -> None:
        # Git checks names when it reads a tree into an index, and only there.
        self._scratch.read_tree(tree)
        entries = self._scratch.entries(tree)
        links = [entry for entry in entries if entry.mode == GITLINK]
        by_oid: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.mode != GITLINK:
                by_oid.setdefault(entry.oid, []).append(entry)
        for oid, data in self._scratch.blobs(list(by_oid)):
            for entry in by_oid.pop(oid):
                self._write_file(entry, os.path.join(self._root, below, entry.path), data)
        if by_oid:
            missing = next(iter(by_oid.values()))[0]
            raise NotFound(
                f"{len(by_oid)} files of the code are not at hand, {show(missing.path)} among them",
                hint="the repository at hand is a partial clone: git fetch --refetch",
            )
        for link in links:
            self._write_submodule(link, os.path.join(below, link.path))

    def _write_file(self, entry: Entry, path: bytes, data: bytes) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if entry.mode == SYMLINK:
            os.symlink(data, path)
            if _leaves(self._root, path, data):
                self.notes.append(f"{show(entry.path)}: a link that leads out of the folder, to {show(data)}")
        else:
            # Exclusive, and never through a link: a name is written once.
            mode = 0o777 if entry.mode == "100755" else 0o666
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
        self.files += 1

    def _write_submodule(self, link: Entry, path: bytes) -> None:
        """From the clone at hand; its URL is a thing of the record, and nothing unknown is fetched."""
        os.makedirs(os.path.join(self._root, path), exist_ok=True)
        place = locate(self._place.top / os.fsdecode(path)) if self._place else None
        if place is None or self._place is None or place.top == self._place.top:
            self.left_out.append(LeftOut(show(path), f"a submodule at {link.oid}: git clone it there yourself"))
            return
        self._submodule += 1
        folder = self._scratch.folder / f"submodule-{self._submodule}"
        outer = self._scratch
        with Scratch(folder, borrow=[place.common_dir], oid_length=len(link.oid)) as inner:
            if not inner.has(link.oid):
                self.left_out.append(LeftOut(show(path), f"a submodule whose commit {link.oid} is not at hand"))
                return
            self._scratch = inner
            try:
                self.write(inner.tree_of(link.oid), path)
            finally:
                self._scratch = outer


def _need(scratch: Scratch, commit: str, url: str, *, may_fetch: bool) -> None:
    """Have `commit` in `scratch`: borrowed, or fetched from `url`."""
    if scratch.has(commit):
        return
    if not may_fetch or not url or url.startswith("-"):
        raise NotFound(f"commit {commit} is not at hand", hint="run this inside a clone of its repository")
    try:
        scratch.fetch(url, commit, "--depth=1")
    except MlopsError:
        # Not every server gives out single commits.
        scratch.fetch(url, "+refs/*:refs/fetched/*")
    if not scratch.has(commit):
        raise NotFound(f"{url} has no commit {commit}", hint="was it pushed, and not rewritten since?")


def _is_bundle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) in (b"# v2 git", b"# v3 git")


def _read_bundle_head(path: Path, oid_length: int) -> tuple[str, list[str]]:
    """(the commit, what it stands on). Read by us: git wants refs to the prerequisites, which a scratch has not."""
    tip, bases = "", []
    with path.open("rb") as file:
        file.readline()
        while (line := file.readline(65536).decode("utf-8", "replace").rstrip("\n")) != "":
            if line.startswith("@"):
                continue
            oid = line.lstrip("-").split(" ", 1)[0]
            if len(oid) != oid_length or set(oid) - set("0123456789abcdef"):
                raise InvalidInput(f"{path.name} is not a bundle that can be read")
            if line.startswith("-"):
                bases.append(oid)
            else:
                tip = tip or oid
    if not tip:
        raise InvalidInput(f"{path.name} holds no commit")
    return tip, bases


def _pack_of(path: Path) -> bytes:
    data = path.read_bytes()
    return data[data.index(b"\n\n") + 2 :]


def _refuse_bad_names(patch: bytes) -> None:
    """Git refuses them as well; here the message names the file."""
    for section in split(patch):
        for path in section.paths:
            parts = path.split(b"/")
            if path.startswith(b"/") or b".." in parts or any(part.lower() == b".git" for part in parts):
                raise InvalidInput(f"the patch names a file outside its folder: {show(path)}")


def _write_script(tree: Path, script: Mapping[str, Any]) -> bytes:
    """A stand-alone script under its name; the rest of its path means nothing here."""
    name = Path(str(script.get("entry_point") or "script.py")).name
    text = str(script.get("diff") or "")
    if not text:
        raise NotFound("the record holds no code", hint="`mlops show EXP code` says what was left out")
    if name in ("", ".", ".."):
        raise InvalidInput(f"not the name of a script: {name!r}")
    (tree / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return os.fsencode(name)


def _altered(tree: Path, paths: list[bytes]) -> Iterator[Altered]:
    """The lines that the secret filter left its mark in, among the files that travelled."""
    mark = REDACTED.encode()
    for name in paths:
        path = os.path.join(os.fsencode(tree), name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        data = Path(os.fsdecode(path)).read_bytes()
        if mark in data and b"\0" not in data:
            for number, line in enumerate(data.split(b"\n"), 1):
                if mark in line:
                    yield Altered(show(name), number, "hidden")


def _leaves(root: bytes, path: bytes, target: bytes) -> bool:
    end = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return end != root and not end.startswith(root + b"/")


def _as_worktree(tree: Path, dest: Path, repository: Path, commit: str) -> None:
    """A detached worktree whose files are ours: what differs from the commit shows as changes."""
    git.run("worktree", "add", "--detach", "--no-checkout", "--", str(dest), commit, cwd=repository)
    try:
        for path in tree.iterdir():
            path.rename(dest / path.name)
        git.run("reset", "-q", cwd=dest)
    except (MlopsError, OSError):
        git.ask("worktree", "remove", "--force", "--", str(dest), cwd=repository)
        raise
