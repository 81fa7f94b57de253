"""Where settings are written down: the project's and the user's TOML files; finding, reading and editing
them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import InvalidInput

PROJECT_FILE = "mlops.toml"
_MARK = b"[tool.mlops"


def find_project_file(cwd: Path) -> Path | None:
    """The nearest `mlops.toml`, or `pyproject.toml` with a `[tool.mlops]` table, in `cwd` or above it."""
    for folder in (cwd, *cwd.parents):
        own = folder / PROJECT_FILE
        if own.is_file():
            return own
        shared = folder / "pyproject.toml"
        if shared.is_file() and _MARK in _read(shared):
            return shared
    return None


def find_repository(cwd: Path) -> Path | None:
    """The top folder of the git repository around `cwd`, found by its `.git` (a folder, or a file in
    worktrees)."""
    for folder in (cwd, *cwd.parents):
        if (folder / ".git").exists():
            return folder
    return None


def read_table(path: Path) -> dict[str, Any]:
    """The settings in one file; a missing file holds none. InvalidInput names the file and the line."""
    try:
        content = _read(path)
    except FileNotFoundError:
        return {}
    document = _parse(content, path)
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("mlops", {})
    if not isinstance(document, dict):
        raise InvalidInput(f"{path}: [tool.mlops] is not a table")
    return document


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def write_value(path: Path, name: str, value: Any) -> None:
    """Set one dotted name in a TOML file (None removes it), keeping comments and the other lines as they
    are."""
    content = _read(path).decode() if path.exists() else ""
    section = "tool.mlops" if path.name == "pyproject.toml" else ""
    table, _, leaf = name.rpartition(".")
    header = ".".join(part for part in (section, table) if part)
    edited = _edit(content, header, leaf, None if value is None else f"{leaf} = {_toml(value)}")
    expected = list(value) if isinstance(value, tuple) else value
    found = flatten(_parse(edited.encode(), path)).get(".".join(part for part in (section, name) if part))
    if found != expected:
        # Inline tables and dotted keys are legal ways to write the same; we only edit the plain one.
        raise InvalidInput(
            f"{path}: cannot change `{name}` there without rewriting the file", hint="edit the file by hand"
        )
    _replace(path, edited)


def _edit(content: str, header: str, leaf: str, line: str | None) -> str:
    lines = content.splitlines()
    start, end = _span(lines, header)
    for number in range(start, end):
        if lines[number].split("=", 1)[0].strip().strip('"') == leaf and "=" in lines[number]:
            lines[number : number + 1] = [] if line is None else [line]
            break
    else:
        if line is not None:
            if start < 0:
                lines += ([""] if lines else []) + [f"[{header}]"]
                end = len(lines)
            while end > 0 and not lines[end - 1].strip():
                end -= 1
            lines.insert(end, line)
    return "\n".join(lines) + "\n" if lines else ""


def _span(lines: list[str], header: str) -> tuple[int, int]:
    """First and last line of a table's own keys; (-1, -1) when the file lacks the table."""
    heads = [number for number, text in enumerate(lines) if text.lstrip().startswith("[")]
    if not header:
        return 0, heads[0] if heads else len(lines)
    for number in heads:
        if lines[number].split("#")[0].strip() == f"[{header}]":
            return number + 1, min((later for later in heads if later > number), default=len(lines))
    return -1, -1


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        import json  # noqa: PLC0415 - a JSON string is a TOML basic string

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    import tomli  # noqa: PLC0415 - only where a file exists

    try:
        return tomli.loads(content.decode())
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"{path} is not valid TOML: {exc}", hint=f"correct {path.name}, or move it away") from exc


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise InvalidInput(
            f"cannot read {path}: {exc.strerror or exc}",
            hint="correct it, or choose another place with MLOPS_HOME (or MLOPS_CONFIG for this file alone)",
        ) from exc


def _replace(path: Path, content: str) -> None:
    """Write beside and rename over, so that a full disk or a kill leaves the old file."""
    target = path.resolve() if path.is_symlink() else path
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(content, encoding="utf-8")
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
        fresh.replace(target)
    except OSError as exc:
        fresh.unlink(missing_ok=True)
        raise InvalidInput(f"cannot write {path}: {exc.strerror or exc}") from exc
