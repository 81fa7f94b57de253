"""Packs the folder of a stand-alone script into a tar, and unpacks it again.

The archive may be hostile: plain files below the folder, nothing else.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..errors import InvalidInput

MOST_BYTES = 1 << 30
MOST_FILES = 50_000


def pack(files: Iterable[tuple[str, bytes, bool]], to: Path) -> None:
    """Write (name, content, is executable) as one tar. The same files make the same bytes: no times, no owners."""
    with (
        to.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data, is_executable in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if is_executable else 0o644
            tar.addfile(member, io.BytesIO(data))


def unpack(archive: Path, folder: Path) -> list[bytes]:
    """Write the files of `archive` below the new `folder` and return their names.

    Raises InvalidInput for links, devices, names that lead out of the folder, twice the same name, and bombs.
    """
    names: list[bytes] = []
    total = 0
    try:
        with tarfile.open(archive, mode="r:*") as tar:
            for member in tar:
                if member.isdir():
                    continue
                parts = PurePosixPath(member.name).parts
                if not member.isreg() or not parts or parts[0] == "/" or ".." in parts or "\0" in member.name:
                    raise InvalidInput(f"the archive holds something that is no plain file below it: {member.name!r}")
                total += member.size
                if total > MOST_BYTES or len(names) >= MOST_FILES:
                    raise InvalidInput("the archive is larger than any code", hint="unpack it yourself if you trust it")
                _write(tar, member, folder.joinpath(*parts))
                names.append(os.fsencode(str(PurePosixPath(*parts))))
    except (tarfile.TarError, EOFError, zlib.error, OSError) as exc:
        raise InvalidInput(f"the archive cannot be read: {exc}") from exc
    return names


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise InvalidInput(f"the archive does not hold {member.name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o777 if member.mode & 0o100 else 0o666)
    with os.fdopen(fd, "wb") as file:
        while chunk := source.read(1 << 20):
            file.write(chunk)
