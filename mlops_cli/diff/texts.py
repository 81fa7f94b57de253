"""Line diffs of configuration texts, and the code of N tasks side by side. Pure: patches between trees are
handed in."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from ..schemas.tasks import Script, Task
from .comparison import CHANGED, SAME, AnyRow, Row, TextRow
from .values import change_of

MAX_LINES = 20_000
"""A line diff is quadratic at worst; longer texts are only said to differ."""


def configuration_rows(tasks: Sequence[Task]) -> list[AnyRow]:
    """One row a configuration object, with its line diffs."""
    tables = [
        {name: item.value or "" for name, item in (task.configuration or {}).items()} for task in tasks
    ]  # fmt: skip
    names = sorted({name for table in tables for name in table})
    return [text_row(name, [table.get(name) for table in tables]) for name in names]


def code_rows(tasks: Sequence[Task], patches: Sequence[str | None]) -> list[AnyRow]:
    """Where the code is from, whether it was dirty, and what differs between the trees.

    `patches` is the patch from the first task's code to each other's, as `code` makes it.
    """
    scripts = [task.script or Script() for task in tasks]
    plain = {
        "repository": [script.repository for script in scripts],
        "branch": [script.branch for script in scripts],
        "commit": [script.version_num for script in scripts],
        "entry_point": [program(script.entry_point) for script in scripts],
        "working_dir": [script.working_dir for script in scripts],
        "binary": [script.binary for script in scripts],
        "uncommitted": [_dirty(script) for script in scripts],
    }
    rows: list[AnyRow] = []
    for name, values in plain.items():
        if any(values):
            texts = tuple(value or None for value in values)
            rows.append(Row(name, texts, change_of([bool(text) for text in texts], len(set(texts)) == 1)))
    rows.append(_patch_row(scripts, patches))
    return rows


def text_row(name: str, texts: Sequence[str | None]) -> TextRow:
    """How a text differs from the first task's to each other's."""
    present = tuple(text is not None for text in texts)
    diffs = tuple(line_diff(texts[0] or "", text or "", name) for text in texts[1:])
    return TextRow(name, present, diffs, change_of(present, len(set(texts)) == 1))


def line_diff(first: str, second: str, name: str) -> tuple[str, ...]:
    """A unified diff without line ends, empty when the texts are equal."""
    if first == second:
        return ()
    left, right = first.splitlines(), second.splitlines()
    if max(len(left), len(right)) > MAX_LINES:
        return (f"--- {name}", f"+++ {name}", f"@@ {len(left)} lines became {len(right)}, too many to compare @@")
    lines = difflib.unified_diff(left, right, name, name, lineterm="")
    # Equal lines with other line ends: say so, as an empty diff would mean no difference.
    return tuple(lines) or (f"--- {name}", f"+++ {name}", "@@ only line ends or the last newline differ @@")


def program(entry_point: str | None) -> str | None:
    """The program of a recorded command, without its arguments: those are parameters."""
    try:
        words = shlex.split(entry_point or "")
    except ValueError:
        return entry_point
    return " ".join(words[:2] if words[:1] == ["-m"] else words[:1]) or None


def _dirty(script: Script) -> str | None:
    if not script.repository and not script.version_num:
        return None
    return "yes" if script.diff else "no"


def _patch_row(scripts: Sequence[Script], patches: Sequence[str | None]) -> TextRow:
    present = tuple(bool(script.diff or script.version_num) for script in scripts)
    diffs = []
    for position, script in enumerate(scripts[1:]):
        patch = patches[position] if position < len(patches) else None
        if patch is not None:
            diffs.append(tuple(patch.splitlines()))
        else:
            diffs.append(_recorded_diff(scripts[0], script))
    change = CHANGED if any(diffs) else SAME
    return TextRow("patch", present, tuple(diffs), change)


def _recorded_diff(first: Script, second: Script) -> tuple[str, ...]:
    """What the documents alone tell: whole scripts line by line, patches only when their bases are one."""
    if (first.version_num or "") != (second.version_num or ""):
        return (f"@@ commit {first.version_num or 'none'} became {second.version_num or 'none'} @@",)
    name = "uncommitted.patch" if first.version_num else program(first.entry_point) or "script"
    return line_diff(first.diff or "", second.diff or "", name)
