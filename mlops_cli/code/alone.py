"""Code without a repository: the script whole as the API's `diff`, and its folder, bounded, as a tar."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..secrets import scrub_code
from .model import ARTIFACT_KEY, TAR_NAME, Altered, Code, CodeArtifact, LeftOut, Limits

_CODE = frozenset(
    """.py .pyi .pyx .ipynb .yaml .yml .toml .json .jsonc .cfg .ini .conf .txt .md .rst .sh .bash .zsh .fish .ps1 .bat
    .c .cc .cpp .cxx .cu .cuh .h .hh .hpp .r .jl .lua .pl .rb .js .mjs .ts .java .kt .scala .go .rs .swift .m .sql
    .proto .jinja .j2 .gin .cmake .lock .make .mk""".split()  # noqa: SIM905  # sixty suffixes read better as words
)
_CODE_NAMES = frozenset({"Makefile", "Dockerfile", "Pipfile", "Procfile", "CMakeLists.txt", ".python-version"})
_NOT_CODE = frozenset(
    {
        "__pycache__",
        "node_modules",
        "venv",
        "env",
        "site-packages",
        "build",
        "dist",
        "wandb",
        "mlruns",
        "runs",
        "outputs",
    }
)
_FILE_BYTES = 1 << 20
_FILES = 2000
_DEPTH = 8


def capture_folder(
    cwd: Path,
    script: Path | None,
    *,
    limits: Limits,
    staging: Path | None,
    exclude: frozenset[Path] = frozenset(),
    policy: str = "redact",
    known: tuple[str, ...] = (),
    started_ns: int | None = None,
) -> Code:
    """The script, and (given `staging`) the code files around it when there are any.

    Only what looks like code is taken: nobody's data, environment or home folder. What was changed since `started_ns`
    was written by the run itself, which lives beside us; the script is code all the same.
    """
    if script is None:
        return Code(can_rebuild_from_diff=False)
    path = Path(os.path.abspath(cwd / script))
    left_out: list[LeftOut] = []
    altered: list[Altered] = []
    diff = ""
    try:
        data = path.read_bytes() if path.stat().st_size <= limits.diff_bytes else b""
        diff = _clean(data, path.name, policy, known, altered).decode("utf-8")
        if not data and path.stat().st_size:
            left_out.append(LeftOut(path.name, f"more than {limits.diff_bytes} bytes: not in the record's text"))
    except UnicodeDecodeError:
        left_out.append(LeftOut(path.name, "not UTF-8: not in the record's text"))
    except OSError as exc:
        left_out.append(LeftOut(path.name, str(exc.strerror)))
    code = Code(entry_point=path.name, diff=diff, altered=tuple(altered), left_out=tuple(left_out))
    if staging is None:
        return code
    files = list(_files(path, limits, exclude, started_ns, left_out))
    if [path] == files and diff:
        return code
    artifacts: tuple[CodeArtifact, ...] = ()
    try:
        artifacts = (_tar(path.parent, files, staging / TAR_NAME, policy, known, altered),)
    except OSError as exc:
        (staging / TAR_NAME).unlink(missing_ok=True)
        left_out.append(LeftOut(str(path.parent), f"could not be packed: {exc.strerror}"))
    return Code(
        entry_point=path.name,
        diff=diff,
        artifacts=artifacts,
        altered=tuple(dict.fromkeys(altered)),
        left_out=tuple(left_out),
        can_rebuild_from_diff=False,
    )


def _files(
    script: Path, limits: Limits, exclude: frozenset[Path], started_ns: int | None, left_out: list[LeftOut]
) -> Iterator[Path]:
    """The script first, then what looks like code below its folder, as long as the bounds allow."""
    yield script
    folder = script.parent
    if folder in (Path.home(), Path("/"), Path("/tmp")) or folder.parent == folder:  # noqa: S108  # never taken whole
        left_out.append(LeftOut(str(folder), "too general a folder to be taken as code"))
        return
    total, count = 0, 0
    for path, size, changed_ns in _walk(folder, exclude):
        if path == script:
            continue
        if started_ns is not None and changed_ns > started_ns:
            left_out.append(LeftOut(str(path.relative_to(folder)), "not code: it was changed since the run began"))
            continue
        if size > min(_FILE_BYTES, limits.file_bytes):
            left_out.append(LeftOut(str(path.relative_to(folder)), f"{size} bytes"))
            continue
        count, total = count + 1, total + size
        if count > min(_FILES, limits.files) or total > limits.total_bytes:
            left_out.append(LeftOut(str(folder), f"only the first {count - 1} files were taken"))
            return
        yield path


def _walk(folder: Path, exclude: frozenset[Path]) -> Iterator[tuple[Path, int, int]]:
    for here, folders, names in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if depth < _DEPTH and _is_code_folder(Path(here, name), exclude))
        for name in sorted(names):
            path = Path(here, name)
            if (path.suffix.lower() in _CODE or name in _CODE_NAMES) and path not in exclude:
                try:
                    info = path.lstat()
                except OSError:
                    continue  # gone since the folder was listed
                if stat.S_ISREG(info.st_mode):
                    yield path, info.st_size, info.st_ctime_ns  # moves with each change; mtime is a program's to set


def _is_code_folder(path: Path, exclude: frozenset[Path]) -> bool:
    name = path.name
    if name.startswith(".") or name in _NOT_CODE or name.endswith(".egg-info") or path in exclude:
        return False
    return not (path / "pyvenv.cfg").exists() and not (path / "conda-meta").exists()


def _tar(
    folder: Path, files: list[Path], to: Path, policy: str, known: tuple[str, ...], altered: list[Altered]
) -> CodeArtifact:
    from .archive import pack  # noqa: PLC0415  # tarfile costs every start 6 ms, and few runs need it

    contents: list[tuple[str, bytes, bool]] = []
    for path in sorted(files):
        try:
            data, mode = path.read_bytes(), path.stat().st_mode
        except OSError:
            continue  # gone since the walk
        name = str(path.relative_to(folder))
        contents.append((name, _clean(data, name, policy, known, altered), bool(mode & stat.S_IXUSR)))
    pack(contents, to)
    return CodeArtifact(ARTIFACT_KEY, to, "tar", {})


def _clean(data: bytes, name: str, policy: str, known: tuple[str, ...], altered: list[Altered]) -> bytes:
    if policy == "keep":
        return data
    clean = scrub_code(data, known=known, place=name)
    altered.extend(Altered(name, int(found.place.rpartition(":")[2]), found.kind) for found in clean.findings)
    return clean.value
