"""What the index may hold beside plain files; a clean tree is known to be one without anything else loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .status import Status


class Hints(NamedTuple):
    """What the index may hold beside plain files, told by one look at its bytes: most cost no process."""

    attributes: bool
    submodules: bool

    @property
    def any(self) -> bool:
        return self.attributes or self.submodules

    @classmethod
    def read(cls, status: Status) -> Hints:
        try:
            index = index_of(status).read_bytes()
        except OSError:
            index = b""
        converts = any(
            status.config.get(f"core.{key}", ["false"])[-1] != "false" for key in ("autocrlf", "attributesfile")
        )
        # In every version of the index a path, or the end of it, is followed by a zero byte.
        attributes = converts or b"attributes\0" in index or (status.common_dir / "info/attributes").exists()
        return cls(attributes, b"gitmodules\0" in index)


def index_of(status: Status) -> Path:
    return Path(os.environ.get("GIT_INDEX_FILE") or status.git_dir / "index")
