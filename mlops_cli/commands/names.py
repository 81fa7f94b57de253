"""The cache of names that completion reads: plain lines, refreshed by whatever command has just seen them.

One file a kind under `<cache>/names/`; each line is `word<TAB>description`. Completion scripts read it without Python.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..config.paths import Paths

KINDS = ("tasks", "projects")
MOST = 500


def refresh(paths: Paths, kind: str, entries: Iterable[tuple[str, str]]) -> None:
    """Put these words first, keep the older ones behind them up to a bound. Never fails a command."""
    fresh = dict(entries)
    target = paths.names_cache / kind
    kept = {word: text for word, text in read(paths, kind) if word not in fresh}
    lines = [f"{_line(word)}\t{_line(text)}" for word, text in [*fresh.items(), *kept.items()][:MOST]]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{kind}.{os.getpid()}")
        temporary.write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8", errors="backslashreplace")
        temporary.replace(target)
    except OSError:
        pass  # a full disk or a read-only home: completion goes without


def forget(paths: Paths, kind: str, words: Iterable[str]) -> None:
    gone = set(words)
    kept = [entry for entry in read(paths, kind) if entry[0] not in gone]
    target = paths.names_cache / kind
    try:
        target.write_text("".join(f"{word}\t{text}\n" for word, text in kept), encoding="utf-8")
    except OSError:
        pass


def read(paths: Paths, kind: str) -> list[tuple[str, str]]:
    try:
        content = Path(paths.names_cache / kind).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [(word, text) for word, _, text in (line.partition("\t") for line in content.splitlines()) if word]


def answer(arguments: list[str]) -> str:
    """`mlops __names KIND [PREFIX]`: the words of that kind, one a line."""
    from ..config.paths import locate

    kind, prefix = (*arguments, "", "")[:2]
    if kind not in KINDS:
        return ""
    return "".join(f"{word}\n" for word, _ in read(locate(), kind) if word.startswith(prefix))


def _line(text: str) -> str:
    return " ".join(text.split()) if not text.isprintable() else text
