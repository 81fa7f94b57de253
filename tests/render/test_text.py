"""Width, cutting and cleaning of text, and values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.render import text, values

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "cells"),
    [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("👍", 2), ("👍🏽", 2), ("👩\u200d💻", 2), ("ｱ", 1), ("", 0)],
)
def test_width_counts_cells_not_characters(shown: str, cells: int) -> None:
    assert text.width(shown) == cells


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mb", "a\\e[31mb"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202eabc", "\\u202eabc"),
        ("\x9b0m", "\\x9b0m"),
        ("日本", "日本"),
    ],
)
def test_names_cannot_steer_the_terminal(raw: str, shown: str) -> None:
    assert text.clean(raw) == shown


@given(st.text(), st.integers(0, 30))
def test_cut_text_fits_and_padded_text_fills(raw: str, cells: int) -> None:
    shown = text.cut(text.clean(raw), cells)
    assert text.width(shown) <= cells
    assert text.width(text.pad(shown, cells)) == cells


@given(st.text())
def test_clean_text_is_one_line_without_control_characters(raw: str) -> None:
    shown = text.clean(raw)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(5, "5s"), (65, "1m"), (7300, "2h"), (90_000, "1d"), (1_300_000, "2w"), (64_000_000, "2y"), (-5, "0s")],
)
def test_age_is_one_unit(ago: float, shown: str) -> None:
    assert values.age((NOW - timedelta(seconds=ago)).isoformat(), NOW) == shown.replace("2w", "2w")


def test_age_of_nothing_is_a_dash_and_a_time_without_offset_is_utc() -> None:
    assert values.age(None, NOW) == values.age("soon", NOW) == "-"
    assert values.age("2026-11-21T23:00:00", NOW) == "1h"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0s"), (59.9, "59s"), (61, "1m01s"), (7380, "2h03m"), (273_600, "3d04h"), (None, "-")],
)
def test_spans_have_two_units(seconds: float | None, shown: str) -> None:
    assert values.span(seconds) == shown


def test_a_column_of_numbers_has_one_precision() -> None:
    assert values.column_of_numbers([0.5, 0.123456, None, 12.0]) == ["0.500", "0.123", "-", "12.000"]
    assert values.column_of_numbers([1, 200, 3.0]) == ["1", "200", "3"]
    assert values.column_of_numbers([1e-9, 0.5]) == ["1.000e-09", "5.000e-01"]
    assert values.column_of_numbers(["NaN", "Infinity", float("-inf"), 1.5]) == ["nan", "inf", "-inf", "1.500"]
    assert values.column_of_numbers([]) == []
    assert values.column_of_numbers([0.0, 0.0]) == ["0", "0"]


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text())))
def test_a_column_of_anything_is_shown(column: list[object]) -> None:
    assert len(values.column_of_numbers(column)) == len(column)


def test_numbers_that_json_lacks_become_words() -> None:
    assert values.to_json({"a": [float("nan"), float("inf"), 1.5], "b": (None, True)}) == {
        "a": ["NaN", "Infinity", 1.5],
        "b": [None, True],
    }


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**40, "5.0 TiB"), (None, "-")]
)
def test_sizes_are_binary(count: int | None, shown: str) -> None:
    assert values.size(count) == shown
