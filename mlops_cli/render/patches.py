"""A patch in colour, as git shows it."""

from __future__ import annotations

from . import text


def lines(patch: str, *, color: bool) -> list[str]:
    """The patch's lines, harmless; colours by their first characters."""
    found = [text.clean_lines(line) for line in patch.rstrip("\n").split("\n")] if patch else []
    return [_paint(line) for line in found] if color else found


def statistics(patch: str) -> list[tuple[str, int, int]]:
    """(path, added, removed) of each file in a git patch."""
    files: list[list[object]] = []
    counts: list[list[int]] = []
    inside = False
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            files.append([line.rpartition(" b/")[2]])
            counts.append([0, 0])
            inside = False
        elif line.startswith("@@"):
            inside = True
        elif inside and counts and line[:1] in ("+", "-"):
            counts[-1][line[0] == "-"] += 1
    return [(str(name), added, removed) for (name,), (added, removed) in zip(files, counts, strict=True)]


def _paint(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "new file", "deleted file", "rename ", "similarity ")):
        style = "1"
    elif line.startswith("@@"):
        style = "36"
    else:
        style = {"+": "32", "-": "31"}.get(line[:1], "")
    return f"\x1b[{style}m{line}\x1b[0m" if style else line
