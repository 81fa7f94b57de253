"""Finds out whether a folder lies on a network file system, where SQLite's WAL is not safe."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import Refused

# fmt: off
NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "gpfs",
    "beegfs", "glusterfs", "pvfs2", "orangefs", "9p", "afp", "davfs", "panfs", "wekafs", "vboxsf", "prl_fs", "acfs",
})
# fmt: on
"""Kernel file systems whose shared memory is not shared between machines (or, 9p and vboxsf, not at all)."""

FUSE_LOCAL = frozenset(
    {"fuseblk", "fuse.overlayfs", "fuse.fuse-overlayfs", "fuse.bindfs", "fuse.lxcfs", "fuse.ntfs-3g"}
)


def is_network(kind: str) -> bool:
    """Any FUSE file system counts, unless it is known to be local: sshfs, s3fs, gcsfuse, rclone and so on are many."""
    return kind in NETWORK or (kind.startswith("fuse") and kind not in FUSE_LOCAL)


def refuse_network(folder: Path) -> None:
    """Raises Refused, with the remedy, when `folder` lies on a network file system."""
    kind = kind_of(folder)
    if kind is not None and is_network(kind):
        raise Refused(
            f"the store cannot lie on a network file system ({kind}): {folder}",
            hint="set MLOPS_HOME to a folder on a local disk, or let one machine serve the store to the others",
        )


def kind_of(folder: Path, mountinfo: str | None = None) -> str | None:
    """The file system type that holds `folder`, such as `ext4` or `nfs4`; None where the system does not tell."""
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            return None
    target = os.path.realpath(folder)
    best, kind = -1, None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _unescape(fields[4])
        # Later lines lie over earlier ones, so an equally long mount point replaces.
        if len(point) >= best and (target == point or target.startswith(point.rstrip("/") + "/")):
            best, kind = len(point), after.split(" ", 1)[0]
    return kind


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
