"""Where results go: stdout carries the answer in the form that was asked for, stderr everything else.

Without a form, a terminal gets a table for people and a pipe gets tab-separated text with nothing cut.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import InvalidInput, MlopsError
from . import terminal, text

if TYPE_CHECKING:
    from . import table

FORMS = ("table", "wide", "json", "ndjson", "csv", "tsv", "md", "ids")


class Output:
    """One command's streams and the wishes about them. `form` is "" until the person says one."""

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self.form = ""
        self.columns: list[str] = []
        self.color = "auto"
        self.quiet = False
        self.verbose = 0
        self.pager = True
        self.pager_command = ""
        self.wrote = False

    def choose(self, form: str) -> None:
        if form not in FORMS:
            aside = "; a file is named with --to, or with > FILE" if "." in form or "/" in form else ""
            raise InvalidInput(f"no output form is called {form!r}", hint=f"choose one of: {', '.join(FORMS)}{aside}")
        self.form = form

    @property
    def kind(self) -> str:
        return self.form or ("table" if self.is_terminal else "tsv")

    @property
    def is_json(self) -> bool:
        return self.form in ("json", "ndjson")

    @property
    def is_terminal(self) -> bool:
        return terminal.is_terminal(self.stdout)

    @property
    def for_people(self) -> bool:
        return self.kind in ("table", "wide")

    @property
    def colored(self) -> bool:
        return terminal.wants_color(self.color, self.stdout)

    @property
    def width(self) -> int | None:
        """Cells to fit into; None where nothing may be cut."""
        return terminal.columns() if self.kind == "table" and self.is_terminal else None

    # -- beside the result ---------------------------------------------------------------------------------------

    def note(self, message: str) -> None:
        """Something worth knowing; `-q` silences it."""
        if not self.quiet:
            self._say(text.clean_lines(message))

    def detail(self, message: str) -> None:
        """Something worth knowing with `-v`."""
        if self.verbose:
            self._say(text.clean_lines(message))

    def warn(self, message: str) -> None:
        self._say(f"{self._paint('warning:', '33')} {text.clean_lines(message)}")

    def error(self, error: MlopsError) -> None:
        """The one form of every error: what failed and why, what to type next."""
        if self.is_json:
            body = {"error": {"code": error.code, "message": error.message, "hint": error.hint or None}}
            if error.data:
                body["error"]["data"] = error.data  # type: ignore[assignment]
            if self.form == "json" and not self.wrote:
                self.write("null\n")
            self._say(dumps(body))
            return
        self._say(f"{self._paint('error:', '1;31')} {text.clean_lines(error.message)}")
        for candidate in error.data.get("candidates") or ():
            if str(candidate) not in error.message:
                self._say(f"  {text.clean(str(candidate))}")
        if error.hint:
            self._say(f"{self._paint('hint:', '36')} {text.clean_lines(error.hint)}")

    def _paint(self, word: str, style: str) -> str:
        return f"\x1b[{style}m{word}\x1b[0m" if terminal.wants_color(self.color, self.stderr) else word

    def _say(self, line: str) -> None:
        try:
            self.stderr.write(line + "\n")
            self.stderr.flush()
        except (OSError, ValueError):
            pass  # a closed stderr must not turn a result into a failure

    # -- the result ----------------------------------------------------------------------------------------------

    def write(self, block: str) -> None:
        self.wrote = True
        self.stdout.write(block)

    def document(self, value: Any) -> None:
        """One value as the JSON answer (one line of it with ndjson)."""
        self.write((dumps(value) if self.form == "ndjson" else dumps(value, indent=2)) + "\n")

    def lines(self, lines: Iterable[str], *, paged: bool = True) -> None:
        """Text for people, through the pager when it is longer than the screen."""
        block = "".join(line + "\n" for line in lines)
        # The last line of the screen belongs to the prompt.
        if paged and self.pager and self.is_terminal and block.count("\n") >= terminal.lines():
            self.stdout.flush()
            if terminal.page(block, self.pager_command):
                self.wrote = True
                return
        self.write(block)

    def paint(self, word: str, style: str) -> str:
        return f"\x1b[{style}m{word}\x1b[0m" if style and self.colored else word

    def records(
        self,
        columns: Sequence[table.Column],
        rows: Sequence[Sequence[Any]],
        *,
        documents: Sequence[Any] | None = None,
        ids: Sequence[str] | None = None,
        empty: str = "",
        dropping: Callable[[list[str]], None] | None = None,
    ) -> None:
        """A list. `documents` is what JSON shows, one for a row; `empty` is said on stderr when there is no row."""
        kind = self.kind
        if kind in ("json", "ndjson"):
            self._json_list(documents if documents is not None else [_as_document(columns, row) for row in rows])
        elif kind == "ids":
            self.write("".join(f"{item}\n" for item in (ids if ids is not None else [row[0] for row in rows])))
        elif kind == "csv":
            self._delimited(columns, rows, ",", _csv_cell, "\r\n")
        elif kind == "tsv":
            self._delimited(columns, rows, "\t", _tsv_cell, "\n", header=bool(self.form))
        elif kind == "md":
            self.write(_markdown(columns, rows))
        elif rows:
            from . import table  # noqa: PLC0415 - only a list needs columns

            fitted = table.layout(columns, rows, width=self.width, color=self.colored)
            self.lines(fitted.lines)
            if fitted.dropped:
                (dropping or self._say_dropped)(fitted.dropped)
        if not rows and empty and not self.is_json:
            self.note(empty)

    def _say_dropped(self, dropped: list[str]) -> None:
        self.note(f"narrow terminal: left out {', '.join(dropped)} (-o wide shows all)")

    def _json_list(self, documents: Sequence[Any]) -> None:
        if self.form == "ndjson":
            self.write("".join(dumps(item) + "\n" for item in documents))
        else:
            self.write(dumps(list(documents), indent=2) + "\n")

    def _delimited(
        self,
        columns: Sequence[table.Column],
        rows: Sequence[Sequence[Any]],
        separator: str,
        cell: Callable[[Any], str],
        end: str,
        *,
        header: bool = True,
    ) -> None:
        lines = [separator.join(cell(column.key) for column in columns)] if header else []
        lines += [separator.join(cell(value) for value in row) for row in rows]
        self.write("".join(line + end for line in lines))


def dumps(value: Any, indent: int | None = None) -> str:
    import json  # noqa: PLC0415

    from . import values  # noqa: PLC0415

    return json.dumps(values.to_json(value), indent=indent, ensure_ascii=False, default=str, allow_nan=False)


def plain(value: Any) -> str:
    """A value for programs: nothing cut, ISO times as they are, missing as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        from . import values  # noqa: PLC0415

        return str(values.to_json(value))
    if isinstance(value, list | tuple):
        return ",".join(plain(item) for item in value)
    return dumps(value) if isinstance(value, Mapping) else str(value)


def _as_document(columns: Sequence[table.Column], row: Sequence[Any]) -> dict[str, Any]:
    return {column.key: value for column, value in zip(columns, row, strict=True)}


def _csv_cell(value: Any) -> str:
    # RFC 4180: a field with a separator, a quote or a line break is quoted, quotes are doubled.
    shown = plain(value)
    return '"' + shown.replace('"', '""') + '"' if any(char in shown for char in ',"\r\n') else shown


def _tsv_cell(value: Any) -> str:
    shown = plain(value)
    if shown.isprintable():
        return shown
    for char, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        shown = shown.replace(char, escape)
    return shown


def _markdown(columns: Sequence[table.Column], rows: Sequence[Sequence[Any]]) -> str:
    from . import table  # noqa: PLC0415

    grid = [table.cells(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    heads = "| " + " | ".join(md_cell(column.head.lower()) for column in columns) + " |"
    rule = "|" + "|".join(" ---: " if column.right or column.numeric else " --- " for column in columns) + "|"
    body = [
        "| " + " | ".join(md_cell(grid[at][index]) for at in range(len(columns))) + " |" for index in range(len(rows))
    ]
    return "\n".join([heads, rule, *body]) + "\n"


def md_cell(shown: str) -> str:
    """Text inside a Markdown table: what would end the cell or start markup is escaped."""
    for char in "\\|`*_<>[]":
        shown = shown.replace(char, "\\" + char)
    return shown.replace("\n", "<br>")
