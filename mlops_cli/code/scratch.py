"""A throw-away bare repository that borrows the objects of others: trees are built, compared and bundled here.

The person's repository is only read: its index is copied, new objects and the one ref lie here. Its configuration
(filters, external diffs, attributes) has no say here either, so content means raw bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import git

EMPTY_TREE = {40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", 64: hashlib.sha256(b"tree 0\0").hexdigest()}
GITLINK, SYMLINK = "160000", "120000"
_BATCH_BYTES = 64 << 20
_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mlops"), ("EMAIL", "mlops@localhost"), ("DATE", "946684800 +0000"))
}
"""The same code makes the same commit, whoever runs it and whenever, so it is stored once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree. An `oid` of zeros takes the file away."""

    mode: str
    oid: str
    path: bytes

    def line(self) -> bytes:
        if set(self.oid) == {"0"}:
            return b"0 %s\t%s\0" % (self.oid.encode(), self.path)
        return b"0 %s\t%s\0%s %s 0\t%s\0" % (
            self.oid.translate({ord(c): "0" for c in "123456789abcdef"}).encode(), self.path,
            self.mode.encode(), self.oid.encode(), self.path,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs between two trees; a mode of `000000` means that it is not there."""

    old_mode: str
    new_mode: str
    old: str
    new: str
    path: bytes


class Scratch:
    """Use as a context manager: the folder goes away with it."""

    def __init__(self, folder: Path, *, borrow: Sequence[Path] = (), oid_length: int = 40) -> None:
        self.folder = folder
        self.oid_length = oid_length
        self.zero = "0" * oid_length
        self.empty_tree = EMPTY_TREE[oid_length]
        self._borrowed: list[str] = []
        for part in ("objects/info", "refs/heads"):
            (folder / part).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/code\n")
        sha256 = "[extensions]\n\tobjectformat = sha256\n" if oid_length == 64 else ""
        version = 1 if sha256 else 0
        (folder / "config").write_text(f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{sha256}")
        for git_dir in borrow:
            self.borrow(git_dir)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def env(self) -> dict[str, str]:
        return {
            "GIT_DIR": str(self.folder),
            "GIT_INDEX_FILE": str(self.folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(self._borrowed),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **_WHO,
        }

    def borrow(self, git_dir: Path) -> None:
        """Let the objects of another repository count as ours, with its shallow boundary."""
        path = str(git_dir / "objects")
        escaped = path.replace("\\", "\\\\").replace('"', '\\"')
        self._borrowed.append(f'"{escaped}"' if any(c in path for c in ':"') else path)
        if (git_dir / "shallow").exists():
            with (self.folder / "shallow").open("ab") as mine:
                mine.write((git_dir / "shallow").read_bytes())

    def run(self, *args: str, stdin: bytes = b"", timeout: float = git.TIMEOUT_S) -> bytes:
        return git.run(*args, env=self.env, stdin=stdin, timeout=timeout)

    def has(self, commit: str) -> bool:
        """Whether this commit, with its tree, is at hand."""
        return bool(commit) and bool(git.ask("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}", env=self.env))

    def tree_of(self, commit: str) -> str:
        return self.run("rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip()

    def add_blob(self, data: bytes) -> str:
        """Store `data` as a loose object: byte for byte, no filter has seen it."""
        whole = b"blob %d\0" % len(data) + data
        digest = hashlib.sha256(whole) if self.oid_length == 64 else hashlib.sha1(whole)  # noqa: S324  # git's name for it
        oid = digest.hexdigest()
        path = self.folder / "objects" / oid[:2] / oid[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return oid

    def copy_index(self, index: Path) -> None:
        """Begin with the person's index; an absent one is empty."""
        if index.exists():
            shutil.copyfile(index, self.folder / "index")

    def read_tree(self, tree: str, *, prefix: bytes = b"") -> None:
        into = ["-i", f"--prefix={os.fsdecode(prefix)}/"] if prefix else []
        self.run("read-tree", *into, tree)

    def update(self, entries: Iterable[Entry]) -> None:
        lines = b"".join(entry.line() for entry in entries)
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=lines)

    def write_tree(self) -> str:
        # Git touches the time of an object that it would write and finds elsewhere, so nothing is borrowed for this.
        alone = {**self.env, "GIT_ALTERNATE_OBJECT_DIRECTORIES": ""}
        tree = git.ask("write-tree", "--missing-ok", env=alone)
        return tree or self.run("write-tree", "--missing-ok").decode().strip()  # a sparse index needs the others

    def tree_with(self, tree: str, entries: Sequence[Entry]) -> str:
        """`tree` with some files replaced or taken away."""
        if not entries:
            return tree
        (self.folder / "index").unlink(missing_ok=True)
        self.read_tree(tree)
        self.update(entries)
        return self.write_tree()

    def entries(self) -> Iterator[Entry]:
        """What the index holds."""
        for line in self.run("ls-files", "-s", "-z").split(b"\0"):
            if line:
                head, path = line.split(b"\t", 1)
                mode, oid, _ = head.decode().split(" ")
                yield Entry(mode, oid, path)

    def differences(self, old: str, new: str) -> list[Difference]:
        fields = self.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", old, new).split(b"\0")
        found: list[Difference] = []
        for head, path in zip(fields[::2], fields[1::2], strict=False):
            old_mode, new_mode, old_oid, new_oid, _ = head.decode().lstrip(":").split(" ")
            found.append(Difference(old_mode, new_mode, old_oid, new_oid, path))
        return found

    def patch(self, old: str, new: str, *, binary: bool = False, context: int = 3) -> bytes:
        how = ["--binary"] if binary else []
        options = (
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--full-index",
            "-M",
            "--src-prefix=a/",
            "--dst-prefix=b/",
        )
        return self.run("diff-tree", "-r", "-p", f"-U{context}", *options, *how, old, new)

    def sizes(self, oids: Sequence[str]) -> dict[str, int]:
        """The size of each blob that is at hand."""
        lines = "".join(f"{oid}\n" for oid in oids).encode()
        out = self.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=lines) if oids else b""
        pairs = [line.split(" ") for line in out.decode().splitlines()]
        return {oid: int(size) for oid, size in pairs if size.isdigit()}

    def blobs(self, oids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each blob, in batches that fit into memory; those that are missing do not come."""
        sizes = self.sizes(list(dict.fromkeys(oids)))
        batch: list[str] = []
        weight = 0
        for oid, size in sizes.items():
            batch.append(oid)
            weight += size
            if weight >= _BATCH_BYTES:
                yield from self._batch(batch)
                batch, weight = [], 0
        yield from self._batch(batch)

    def _batch(self, oids: list[str]) -> Iterator[tuple[str, bytes]]:
        out = self.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in oids).encode()) if oids else b""
        at = 0
        while at < len(out):
            end = out.index(b"\n", at)
            oid, _, size = out[at:end].decode().split(" ")
            at = end + 1 + int(size)
            yield oid, out[end + 1 : at]
            at += 1

    def commit(self, tree: str, *, parent: str = "", message: str) -> str:
        above = ["-p", parent] if parent else []
        return self.run("commit-tree", tree, *above, stdin=message.encode("utf-8", "surrogateescape")).decode().strip()

    def bundle(self, commit: str, path: Path, *, base: str = "") -> None:
        """Write what `commit` needs beyond `base` as one file."""
        (self.folder / "refs/heads/code").write_text(commit + "\n")
        without = [f"^{base}"] if base else []
        self.run("bundle", "create", "-q", str(path.resolve()), "refs/heads/code", *without, timeout=600)
