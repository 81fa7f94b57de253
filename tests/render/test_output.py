"""The output forms, the table that fits its terminal, colours, console text, plots and diffs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.errors import InvalidInput, NotFound
from mlops_cli.render import console, patches, plots, table, terminal
from mlops_cli.render.blocks import Page
from mlops_cli.render.output import Output
from mlops_cli.render.table import KEEP, METRIC, PARAMETER, USEFUL, Column


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


COLUMNS = [
    Column("id", rank=KEEP),
    Column("name", rank=KEEP, flexible=True),
    Column("age", rank=USEFUL),
    Column("lr", "lr", PARAMETER, right=True),
    Column("loss", "loss", METRIC, right=True, numeric=True),
]
ROWS = [["1f3a", "first", "2d", "0.1", 0.5], ["2b4c", "日本", None, "0.25", float("nan")]]


def write(form: str = "", *, tty: bool = False, columns: Any = COLUMNS, rows: Any = ROWS) -> tuple[str, str]:
    out, err = (Tty(), Tty()) if tty else (io.StringIO(), io.StringIO())
    output = Output(out, err)
    output.form = form
    output.color = "never"
    output.pager = False
    output.records(columns, rows, empty="nothing")
    return out.getvalue(), err.getvalue()


def test_a_terminal_gets_an_aligned_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert write(tty=True)[0] == (
        "ID    NAME   AGE    lr    loss\n"
        "1f3a  first  2d    0.1  0.5000\n"
        "2b4c  日本   -    0.25     nan\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("width", "heads", "dropped"),
    [
        (24, ["ID", "NAME", "AGE", "loss"], "lr"),
        (18, ["ID", "NAME", "AGE"], "lr, loss"),
        (12, ["ID", "NAME"], "age, lr, loss"),
    ],
)
def test_a_narrow_terminal_drops_parameters_then_metrics_and_says_so(
    width: int, heads: list[str], dropped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out, err = write(tty=True)
    assert out.splitlines()[0].split() == heads
    assert f"left out {dropped} " in err
    assert "-o wide" in err
    assert write("wide", tty=True)[0].splitlines()[0].split() == ["ID", "NAME", "AGE", "lr", "loss"]


def test_a_pipe_gets_tabs_and_nothing_cut_or_decorated() -> None:
    out, err = write()
    assert out == "1f3a\tfirst\t2d\t0.1\t0.5\n2b4c\t日本\t\t0.25\tNaN\n"
    assert err == ""
    assert write("tsv")[0].splitlines()[0] == "id\tname\tage\tlr\tloss"


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_csv_is_read_back_as_it_was(rows: list[tuple[str, str]]) -> None:
    out, _ = write("csv", columns=[Column("a"), Column("b")], rows=rows)
    assert list(csv.reader(io.StringIO(out, newline="")))[1:] == [list(row) for row in rows]


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_tsv_is_one_line_a_row_with_as_many_fields(rows: list[tuple[str, str]]) -> None:
    lines = write("tsv", columns=[Column("a"), Column("b")], rows=rows)[0].split("\n")
    assert len(lines) == len(rows) + 2
    assert all(line.count("\t") == 1 for line in lines[:-1])


def test_json_is_one_document_without_rows_too() -> None:
    assert json.loads(write("json")[0])[1] == {"id": "2b4c", "name": "日本", "age": None, "lr": "0.25", "loss": "NaN"}
    assert json.loads(write("json", rows=[])[0]) == []
    assert [json.loads(line)["id"] for line in write("ndjson")[0].splitlines()] == ["1f3a", "2b4c"]


def test_a_title_and_a_warning_cannot_move_the_terminal() -> None:
    page = Page(width=80, color=True)
    page.head("Configuration \x1b]0;t\x07")
    assert page.lines == ["\x1b[1mConfiguration \\e]0;t\\x07\x1b[0m"]
    err = io.StringIO()
    Output(io.StringIO(), err).warn("\x1b[2Jgone")
    assert err.getvalue() == "warning: \\e[2Jgone\n"


def test_markdown_escapes_what_would_break_its_table() -> None:
    out, _ = write("md", columns=[Column("a|b")], rows=[["x|y\n<b>*"]])
    assert out.splitlines()[2] == "| x\\|y\\\\n\\<b\\>\\* |"


def test_ids_are_one_a_line_and_an_empty_list_is_explained_on_stderr() -> None:
    assert write("ids")[0] == "1f3a\n2b4c\n"
    assert write(rows=[]) == ("", "nothing\n")


def test_an_unknown_form_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        Output().choose("yaml")
    assert "csv" in caught.value.hint


@pytest.mark.parametrize(
    ("choice", "env", "tty", "expected"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "0", "TERM": "xterm"}, True, True),
        ("auto", {"CLICOLOR": "0", "TERM": "xterm"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours_follow_the_flag_then_the_conventions(
    choice: str, env: dict[str, str], tty: bool, expected: bool
) -> None:
    assert terminal.wants_color(choice, Tty() if tty else io.StringIO(), env) is expected


def test_state_is_a_word_and_a_colour_and_colour_takes_no_width() -> None:
    column = Column("status", style=lambda value: "31" if value == "failed" else "")
    lines = table.layout([column, Column("x")], [["failed", 1], ["completed", 2]], width=None, color=True).lines
    assert lines[1:] == ["\x1b[31mfailed\x1b[0m     1", "completed  2"]


def test_a_hostile_name_cannot_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = write(tty=True, columns=[Column("name")], rows=[["\x1b]0;title\x07\x1b[2J"]])
    assert "\x1b" not in out


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_console_pieces_may_end_anywhere(size: int) -> None:
    raw = "eins\nzwei 日本 50%\rzwei 日本 100%\n\x1b[31mrot\x1b[0m\x1b[2J\x1b]0;t\x07 ende".encode()
    lines = console.Lines(color=False)
    found = [line for at in range(0, len(raw), size) for line in lines.feed(raw[at : at + size])]
    assert [*found, *lines.finish()] == ["eins", "zwei 日本 100%", "rot ende"]


def test_console_colours_pass_only_where_they_are_wanted_and_end_with_their_line() -> None:
    lines = console.Lines(color=True)
    assert lines.feed(b"\x1b[31mred\x1b[2J\n") == ["\x1b[31mred\x1b[0m"]


@given(st.binary())
def test_console_text_is_harmless_whatever_a_program_wrote(raw: bytes) -> None:
    lines = console.Lines(color=False)
    shown = "".join([*lines.feed(raw), *lines.finish()])
    assert not any((ord(char) < 32 and char != "\t") or 0x7F <= ord(char) < 0xA0 for char in shown)


CURVES = [
    plots.Curve("loss", "a 日本", [0, 1, 2], [1.0, 0.5, 0.25]),
    plots.Curve("loss", "b", [0, 1, 2], [1.0, float("nan"), 0.75]),
]


@pytest.mark.parametrize("color", [True, False])
def test_curves_fit_the_terminal_and_are_told_apart(color: bool) -> None:
    lines = plots.terminal(CURVES, width=60, height=12, color=color)
    assert lines[0] == "loss"
    assert "a 日本" in lines[1]
    assert "b" in lines[2]
    assert any("\x1b[38;5;10m" in line for line in lines[3:]) is color
    if not color:
        assert max(map(len, lines)) <= 60
        assert any("x" in line and "│" in line for line in lines[3:])


def test_nothing_to_draw_is_an_error_with_a_hint() -> None:
    with pytest.raises(NotFound):
        plots.terminal([plots.Curve("a", "b", [1], [float("inf")])], width=80, height=20, color=False)


def test_one_point_and_equal_points_can_be_drawn() -> None:
    assert plots.terminal([plots.Curve("a", "b", [5], [1.0])], width=60, height=10, color=False)
    assert plots.terminal([plots.Curve("a", "b", [1, 2], [0.0, 0.0])], width=60, height=10, color=False)


def test_a_picture_needs_a_known_suffix(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        plots.save(CURVES, tmp_path / "curves.bmp")


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture_is_written(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plots.save([*CURVES, CURVES[0]._replace(label="_$x$")], tmp_path / f"curves{suffix}")
    assert (tmp_path / f"curves{suffix}").stat().st_size > 1000


def test_a_picture_without_matplotlib_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InvalidInput) as caught:
        plots.save(CURVES, tmp_path / "curves.svg")
    assert caught.value.hint == "pip install 'mlops_cli[plot]'"


def test_a_patch_is_counted_file_by_file() -> None:
    patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n+b\n+++c\n"
    patch += "diff --git a/y z b/y z\nnew file mode 100644\n"
    assert patches.statistics(patch) == [("x", 2, 1), ("y z", 0, 0)]


def test_only_what_is_longer_than_a_terminal_is_paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MLOPS_PAGER", f"tee {tmp_path}/paged")
    long, short = ["line"] * 5, ["line"] * 3
    for lines, wants, tty, is_paged in [
        (long, True, True, True),
        (short, True, True, False),
        (long, False, True, False),
    ]:
        (tmp_path / "paged").unlink(missing_ok=True)
        output = Output(Tty() if tty else io.StringIO(), io.StringIO())
        output.pager = wants
        output.lines(lines)
        assert (tmp_path / "paged").exists() is is_paged
        assert (output.stdout.getvalue() == "") is is_paged  # type: ignore[attr-defined]
    output = Output(io.StringIO(), io.StringIO())
    output.lines(long)
    assert output.stdout.getvalue() == "line\n" * 5  # type: ignore[attr-defined]


def test_a_missing_pager_is_no_reason_to_lose_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "2")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PAGER", "no-such-pager --x")
    output = Output(Tty(), io.StringIO())
    output.lines(["a", "b", "c"])
    assert output.stdout.getvalue() == "a\nb\nc\n"  # type: ignore[attr-defined]
