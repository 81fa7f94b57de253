"""Configuration files named on the command line: kept as text, and flattened into parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
MAX_BYTES = 2**20
MAX_PARAMETERS = 2000
MAX_DEPTH = 32
MAX_VALUE_CHARS = 4096


class ConfigurationFile(NamedTuple):
    """One file: its text as read, and its leaves as (name, value, type) with `/` between nested keys."""

    name: str
    format: str
    text: str
    parameters: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        return Path(self.name).stem


def read_named(argv: Sequence[str], cwd: Path) -> list[ConfigurationFile]:
    """Every configuration file that a word of the command names, `--config=x.yaml` included; each once."""
    found: dict[Path, ConfigurationFile] = {}
    for word in argv:
        value = word.partition("=")[2] if word.startswith("-") and "=" in word else word
        if Path(value).suffix.lower() not in FORMATS or len(value) > 4096:
            continue
        path = cwd / value
        try:
            if path.is_file() and path.resolve() not in found:
                found[path.resolve()] = read(path, name=_shown(path, cwd))
        except OSError:  # a name that is no name (too long, a null byte), or a folder we may not look into
            continue
    return list(found.values())


def read(path: Path, *, name: str) -> ConfigurationFile:
    """One file. What cannot be parsed is kept as text, and says why."""
    format_ = FORMATS[path.suffix.lower()]
    size = path.stat().st_size
    if size > MAX_BYTES:
        return ConfigurationFile(name, format_, "", problems=(f"{size} bytes is more than {MAX_BYTES}: left out",))
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        leaves = tuple(flatten(_parse(text, format_)))
    except Exception as exc:
        return ConfigurationFile(name, format_, text, problems=(f"not {format_}: {_first_line(exc)}",))
    problems = (f"only the first {MAX_PARAMETERS} values are parameters",) if len(leaves) > MAX_PARAMETERS else ()
    return ConfigurationFile(name, format_, text, leaves[:MAX_PARAMETERS], problems)


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """The leaves of nested mappings as (name, value, type); stops one past the bound, so aliases cannot explode."""
    stack: list[tuple[str, Any, int]] = [(prefix, value, 0)]
    count = 0
    while stack and count <= MAX_PARAMETERS:
        name, item, depth = stack.pop()
        if isinstance(item, dict) and item and depth < MAX_DEPTH:
            entries = list(item.items())[: MAX_PARAMETERS + 1]
            stack.extend((f"{name}/{key}" if name else str(key), inner, depth + 1) for key, inner in reversed(entries))
        elif name:
            count += 1
            yield name, *_leaf(item)


def _leaf(item: Any) -> tuple[str, str]:
    if item is None:
        return "", ""
    if isinstance(item, bool | int | float | str):
        return str(item), type(item).__name__
    if isinstance(item, list | dict):
        return _bounded_json(item), type(item).__name__
    return str(item), "str"


def _bounded_json(item: Any) -> str:
    """JSON text, cut: an anchor that repeats itself a billion times, or contains itself, ends here."""
    text = ""
    try:
        for piece in json.JSONEncoder(default=str, ensure_ascii=False, check_circular=True).iterencode(item):
            text += piece
            if len(text) > MAX_VALUE_CHARS:
                return text[:MAX_VALUE_CHARS]
    except (ValueError, TypeError, RecursionError):
        return f"<{type(item).__name__} that JSON cannot hold>"
    return text


def _parse(text: str, format_: str) -> Any:
    if format_ == "json":
        return json.loads(text)
    if format_ == "toml":
        import tomli  # noqa: PLC0415 - only when a file of that kind is named

        return tomli.loads(text)
    import yaml  # noqa: PLC0415

    # Several documents in one file: the first is what every trainer reads.
    return next(iter(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))), None)


def _shown(path: Path, cwd: Path) -> str:
    try:
        return str(path.relative_to(cwd))
    except ValueError:
        return str(path)


def _first_line(exc: Exception) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0][:200]
