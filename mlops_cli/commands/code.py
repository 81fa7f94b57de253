"""The code of a record as the `code` room wants it: script fields, files that travelled, the repository at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MlopsError
from .context import Context

if TYPE_CHECKING:
    from ..code.compare import Version


def version_of(context: Context, doc: Mapping[str, Any]) -> Version:
    """The code of one task, with local paths of what travelled beside the patch."""
    from ..code.compare import Version
    from ..diff.texts import program

    script = dict(doc.get("script") or {})
    # The API keeps the program's arguments here, too; a file is wanted.
    script["entry_point"] = program(script.get("entry_point")) or ""
    found: dict[str, Path] = {}
    for item in (doc.get("execution") or {}).get("artifacts") or ():
        key, uri = str(item.get("key") or ""), item.get("uri")
        if key.partition("/")[0] == "code" and uri:
            path = context.api.files.locate(uri)
            if path.is_file():
                found[key] = path
    return Version(script, found, str(doc.get("name") or ""))


def repository_at_hand(docs: Sequence[Mapping[str, Any]]) -> Path | None:
    """The clone that we stand in, else the one that the experiment was started from, if it is still there."""
    from ..config.sources import find_repository

    here = find_repository(Path.cwd())
    if here is not None:
        return here
    for doc in docs:
        there = (doc.get("runtime") or {}).get("mlops_cwd")
        if isinstance(there, str) and Path(there).is_dir():
            return find_repository(Path(there))
    return None


def patches(context: Context, docs: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The patch from the first experiment's code to each other's; None where it cannot be made."""
    import tempfile

    from ..code.compare import patch_between

    found: list[str | None] = []
    with tempfile.TemporaryDirectory(prefix="mlops-diff-") as folder:
        try:
            versions = [version_of(context, doc) for doc in docs]
            for at, version in enumerate(versions[1:]):
                scratch = Path(folder) / str(at)
                found.append(patch_between(versions[0], version, scratch=scratch, repository=repository_at_hand(docs)))
        except MlopsError as error:
            context.output.detail(f"the code is compared by its records alone: {error.message}")
            return [None] * (len(docs) - 1)
    return found
