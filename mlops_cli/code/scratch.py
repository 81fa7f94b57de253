"""A throw-away bare repository that borrows the objects of others: trees are built, compared and bundled here.

The person's repository is only read: new objects and the one ref lie here. Its configuration
(filters, external diffs, attributes) has no say here either, so content means raw bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from . import git

EMPTY_TREE = {40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", 64: hashlib.sha256(b"tree 0\0").hexdigest()}
GITLINK, SYMLINK = "160000", "120000"
FETCH_S = 600.0
_BATCH_BYTES = 64 << 20
_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mlops"), ("EMAIL", "mlops@localhost"), ("DATE", "946684800 +0000"))
}
"""The same code makes the same commit, whoever runs it and whenever, so it is stored once."""


class Entry(NamedTuple):
    """One file of a tree. An `oid` of zeros means that there is none."""

    mode: str
    oid: str
    path: bytes


class Difference(NamedTuple):
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
        self._sizes: dict[str, int] = {}
        shutil.rmtree(folder, ignore_errors=True)
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

    def fetch(self, url: str, what: str, *options: str) -> None:
        """From somewhere else, as the person would: with their credentials, proxies and shorthands."""
        env = {name: value for name, value in self.env.items() if not name.startswith("GIT_CONFIG")}
        how = ("-q", "--no-tags", "--no-recurse-submodules", *options)
        git.run("fetch", *how, url, what, env=env, timeout=FETCH_S)

    def run(self, *args: str, stdin: bytes = b"", timeout: float = git.TIMEOUT_S) -> bytes:
        return git.run(*args, env=self.env, stdin=stdin, timeout=timeout)

    def has(self, commit: str) -> bool:
        """Whether this commit, with its tree, is at hand."""
        return bool(commit) and bool(git.ask("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}", env=self.env))

    def tree_of(self, commit: str) -> str:
        return self.run("rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip()

    def add_blob(self, data: bytes) -> str:
        """Store `data` byte for byte: no filter has seen it."""
        return self.add_object(b"blob", data)

    def add_object(self, kind: bytes, data: bytes) -> str:
        whole = b"%s %d\0" % (kind, len(data)) + data
        digest = hashlib.sha256(whole) if self.oid_length == 64 else hashlib.sha1(whole)  # noqa: S324  # git's name for it
        oid = digest.hexdigest()
        self._sizes[oid] = len(data)
        path = self.folder / "objects" / oid[:2] / oid[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return oid

    def read_tree(self, tree: str) -> None:
        """Let the index hold exactly this tree."""
        (self.folder / "index").unlink(missing_ok=True)
        self.run("read-tree", tree)

    def write_tree(self) -> str:
        return self.run("write-tree", "--missing-ok").decode().strip()

    def entries(self, tree: str) -> list[Entry]:
        """Every file of a tree, links to submodules included."""
        found: list[Entry] = []
        for line in self.run("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
            if line:
                head, path = line.split(b"\t", 1)
                mode, _, oid = head.decode().split(" ")
                found.append(Entry(mode, oid, path))
        return found

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

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """The size of each blob that is at hand."""
        wanted = dict.fromkeys(oids)
        asked = [oid for oid in wanted if oid not in self._sizes]
        if asked:
            lines = "".join(f"{oid}\n" for oid in asked).encode()
            out = self.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=lines)
            pairs = [line.split(" ") for line in out.decode().splitlines()]
            self._sizes.update({oid: int(size) for oid, size in pairs if size.isdigit()})
        return {oid: self._sizes[oid] for oid in wanted if oid in self._sizes}

    def blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each blob, in batches that fit into memory; those that are missing do not come."""
        batch: list[str] = []
        weight = 0
        for oid, size in self.sizes(oids).items():
            batch.append(oid)
            weight += size
            if weight >= _BATCH_BYTES:
                yield from self.objects(batch)
                batch, weight = [], 0
        yield from self.objects(batch)

    def objects(self, names: Sequence[str]) -> list[tuple[str, bytes]]:
        """(oid, content) of each object that is at hand, in the order of `names`."""
        out = self.run("cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode()) if names else b""
        found: list[tuple[str, bytes]] = []
        at = 0
        while at < len(out):
            end = out.index(b"\n", at)
            head = out[at:end].decode().split(" ")
            at = end + 1
            if len(head) == 3 and head[2].isdigit():
                found.append((head[0], out[at : at + int(head[2])]))
                at += int(head[2]) + 1
        return found

    def commit(self, tree: str, *, parent: str = "", message: str) -> str:
        above = ["-p", parent] if parent else []
        return self.run("commit-tree", tree, *above, stdin=message.encode("utf-8", "surrogateescape")).decode().strip()

    def bundle(self, commit: str, path: Path, *, base: str = "") -> None:
        """Write what `commit` needs beyond `base` as one file."""
        (self.folder / "refs/heads/code").write_text(commit + "\n")
        without = [f"^{base}"] if base else []
        self.run("bundle", "create", "-q", str(path.resolve()), "refs/heads/code", *without, timeout=FETCH_S)
