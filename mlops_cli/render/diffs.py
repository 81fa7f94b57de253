"""A comparison as people read it: what differs, section by section; in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..diff.comparison import BETTER, WORSE, Comparison, MetricRow, Row, Section, TextRow
from . import patches, text, values
from .blocks import Page
from .output import md_cell
from .tasks import status_word

PATCH_LINES = 60
"""How much of a patch the whole comparison shows; the section alone shows all."""

SPANS, NAMES = {"duration_s": "took"}, {"last_iteration": "last step"}
"""What a person reads for the names that programs get."""

_TIME = len("2026-11-22T00:00:00.000000+00:00")
_DIGEST = len("sha256:") + 64
_STYLES = {BETTER: "32", WORSE: "31"}


def write(comparison: Comparison, page: Page, *, whole: bool = False) -> None:
    """The comparison onto a page; `whole` leaves nothing out of patches."""
    letters = names(comparison)
    for letter, side in zip(letters, comparison.sides, strict=True):
        word = "" if side.status == "completed" else f"  {status_word(side.status)}"
        page.lines.append(f"{page.paint(letter, '1')}  {side.id[:8]}  {text.clean(side.name)}{word}")
        page.lines += [f"   {page.paint('code lacks', '33')} {text.clean(lack)}" for lack in side.lacks]
    for section in comparison.sections:
        if section.rows and not (section.name == "time" and comparison.is_same):
            _section(section, letters, page, whole=whole)
    if comparison.is_same:
        page.lines.append("")
        page.lines.append("no differences")


def names(comparison: Comparison) -> list[str]:
    """A, B, C...; after Z the number."""
    return [chr(65 + at) if at < 26 else f"#{at + 1}" for at in range(len(comparison.sides))]


def _section(section: Section, letters: Sequence[str], page: Page, *, whole: bool) -> None:
    rest = f"  ({section.same} the same)" if section.same else ""
    page.head(section.name.capitalize())
    page.lines[-1] += page.paint(rest, "2")
    plain = [row for row in section.rows if isinstance(row, Row)]
    metrics = [row for row in section.rows if isinstance(row, MetricRow)]
    if plain:
        _rows(plain, letters, page)
    if metrics:
        _metrics(metrics, letters, page)
    for row in section.rows:
        if isinstance(row, TextRow):
            _text(row, letters, page, None if whole else PATCH_LINES)


def _rows(rows: Sequence[Row], letters: Sequence[str], page: Page) -> None:
    if len(letters) == 2:
        _aligned(page, [[label, first, "→", second] for label, first, second in map(_cells, rows)])
    else:
        _aligned(page, [["", *letters], *map(_cells, rows)])


def _metrics(rows: Sequence[MetricRow], letters: Sequence[str], page: Page) -> None:
    table = [["", *letters, *(["change", ""] if len(letters) == 2 else [])]]
    styles: list[str] = [""]
    for row in rows:
        shown = values.column_of_numbers(list(row.values))
        if len(letters) == 2:
            table.append([row.name, *shown, change(row, 1), row.verdicts[1] or ""])
            styles.append(_STYLES.get(row.verdicts[1] or "", ""))
        else:
            marks = [{BETTER: " +", WORSE: " -"}.get(verdict or "", "  ") for verdict in row.verdicts]
            table.append([row.name, *(value + mark for value, mark in zip(shown, marks, strict=True))])
            styles.append("")
    _aligned(page, table, right=frozenset(range(1, len(letters) + 2)), styles=styles)
    if len(letters) > 2:
        page.lines.append("  " + page.paint("+ better, - worse than A", "2"))


def change(row: MetricRow, at: int) -> str:
    """The relative change where it has a meaning, else the difference."""
    relative, delta = row.relative[at], row.deltas[at]
    if relative is not None:
        return f"{relative * 100:+.2f}%" if abs(relative) < 10 else f"x{relative + 1:.1f}"
    return "" if delta is None else f"{delta:+.4g}"


def _text(row: TextRow, letters: Sequence[str], page: Page, most: int | None) -> None:
    for at, diff in enumerate(row.diffs):
        if not diff:
            continue
        label = row.name if len(letters) == 2 else f"{row.name}: {letters[0]} to {letters[at + 1]}"
        page.lines.append("  " + page.paint(label, "2"))
        shown = patches.lines("\n".join(diff[:most]), color=page.color)
        page.lines += ["    " + line for line in shown]
        if most is not None and len(diff) > most:
            left = len(diff) - most
            page.lines.append("    " + page.paint(f"... {left} more lines (name the section to see all of it)", "2"))


def _aligned(
    page: Page, table: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), styles: Sequence[str] = ()
) -> None:
    """Rows in columns; a value too long for its share of the width is cut."""
    cleaned = [[text.clean(cell) for cell in row] for row in table]
    sizes = [max(text.width(row[at]) for row in cleaned) for at in range(len(cleaned[0]))]
    if page.width is not None and sum(sizes) + 2 * len(sizes) > page.width:
        share = max(8, (page.width - 2 * len(sizes) - 2) // len(sizes))
        spare = page.width - 2 * len(sizes) - sum(size for size in sizes if size <= share)
        wide = sum(size > share for size in sizes)
        sizes = [size if size <= share else max(share, spare // max(1, wide)) for size in sizes]
    for index, row in enumerate(cleaned):
        cells = [text.pad(text.cut(cell, sizes[at]), sizes[at], right=at in right) for at, cell in enumerate(row)]
        line = ("  " + "  ".join(cells)).rstrip()
        page.lines.append(page.paint(line, styles[index]) if styles and styles[index] else line)


def _cells(row: Row) -> list[str]:
    """The row for a person: its name, and what each side has."""
    if row.name in SPANS:
        return [SPANS[row.name], *(_shown(v) if v is None else values.span(values.as_number(v)) for v in row.values)]
    return [NAMES.get(row.name, row.name), *map(_shown, row.values)]


def _shown(value: str | None) -> str:
    if value is None:
        return "(none)"
    if value.startswith("sha256:") and len(value) == _DIGEST:
        return value[:19]
    if len(value) == _TIME and value[10] == "T" and values.parse_time(value):
        return values.local_time(value)
    return value if value else '""'


def markdown(comparison: Comparison) -> str:
    """For a pull request or a note."""
    letters = names(comparison)
    heads = [
        f"{letter}: {md_cell(side.name)} `{side.id[:8]}`"
        for letter, side in zip(letters, comparison.sides, strict=True)
    ]
    lines = ["## " + " against ".join(heads), ""]
    for section in comparison.sections:
        if not section.rows:
            continue
        lines += [f"### {section.name.capitalize()}", ""]
        tabled = [row for row in section.rows if not isinstance(row, TextRow)]
        if tabled:
            has_metrics = isinstance(tabled[0], MetricRow)
            head = ["", *letters, *(["change"] if has_metrics and len(letters) == 2 else [])]
            lines += ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
            lines += ["| " + " | ".join(md_cell(cell) for cell in _md_row(row, len(letters))) + " |" for row in tabled]
            lines.append("")
        for row in section.rows:
            if isinstance(row, TextRow):
                for diff in row.diffs:
                    fence = "`" * max(3, max((_run(line) for line in diff), default=0) + 1)
                    lines += [*([f"{fence}diff", *diff, fence, ""] if diff else [])]
    if comparison.is_same:
        lines.append("No differences.")
    return "\n".join(lines).rstrip("\n") + "\n"


def _md_row(row: Row | MetricRow, count: int) -> list[str]:
    if isinstance(row, Row):
        return _cells(row)
    shown = [row.name, *values.column_of_numbers(list(row.values))]
    return [*shown, f"{change(row, 1)} {row.verdicts[1] or ''}".strip()] if count == 2 else shown


def _run(line: str) -> int:
    """The longest run of backquotes, which a fence must exceed."""
    longest = current = 0
    for char in line:
        current = current + 1 if char == "`" else 0
        longest = max(longest, current)
    return longest


def to_document(comparison: Comparison) -> dict[str, Any]:
    return {
        "same": comparison.is_same,
        "experiments": [asdict(side) for side in comparison.sides],
        "sections": {
            section.name: {"rows": [asdict(row) for row in section.rows], "same": section.same}
            for section in comparison.sections
        },
    }


def flat(comparison: Comparison) -> list[list[Any]]:
    """(section, name, one value an experiment) for CSV and pipes."""
    found: list[list[Any]] = []
    for section in comparison.sections:
        for row in section.rows:
            if isinstance(row, TextRow):
                cells: Sequence[Any] = ["", *("differs" if diff else "same" for diff in row.diffs)]
            else:
                cells = row.values
            found.append([section.name, row.name, *cells])
    return found
