"""What a program prints becomes points only when it says which step it is at, or a pattern says so."""

from __future__ import annotations

import math

import pytest

from mlops_cli.errors import InvalidInput
from mlops_cli.follow.printed import Point, PrintedMetrics


@pytest.mark.parametrize(
    ("line", "points"),
    [
        ("step=3 loss=0.41", [Point("loss", 3, 0.41)]),
        (
            "epoch=0 train/loss=0.3775 val/acc=0.92",
            [Point("train/loss", 0, 0.3775), Point("val/acc", 0, 0.92)],
        ),
        ("Epoch=1, step=20/100, acc=93.1%", [Point("Epoch", 20, 1.0), Point("acc", 20, 93.1)]),
        ("[step = 7] loss = -1.5e-3;", [Point("loss", 7, -1.5e-3)]),
        ("\x1b[32mstep=3\x1b[0m loss=\x1b[1m2\x1b[0m", [Point("loss", 3, 2.0)]),
        ("step=1 loss=1\rstep=2 loss=2", [Point("loss", 1, 1.0), Point("loss", 2, 2.0)]),
        ("lr=0.1 momentum=0.9", []),
        ("step=1.5 loss=2", []),
        ("path=/x/step=3 loss=abc", []),
        ("step=3", []),
        ("", []),
        ("x" * 5000 + " step=1 loss=2", []),
    ],
)
def test_lines_with_a_step_are_points(line: str, points: list[Point]) -> None:
    assert PrintedMetrics().feed(line) == points


def test_non_finite_values_are_kept() -> None:
    nan, inf = PrintedMetrics().feed("step=1 loss=nan grad=-inf")
    assert math.isnan(nan.value)
    assert inf.value == -math.inf


def test_a_pattern_with_named_groups() -> None:
    printed = PrintedMetrics([r"it (?P<step>\d+): (?P<loss>[\d.]+)"])
    assert printed.feed("it 5: 0.3") == [Point("loss", 5, 0.3)]
    assert printed.feed("step=3 loss=0.41") == []


def test_a_pattern_with_name_and_value_counts_its_matches() -> None:
    printed = PrintedMetrics([r"(?P<name>\w+) is (?P<value>[\d.]+)"])
    assert printed.feed("loss is 2 and acc is 3") == [Point("loss", 0, 2.0), Point("acc", 1, 3.0)]
    assert printed.feed("loss is 1.5") == [Point("loss", 2, 1.5)]


@pytest.mark.parametrize("pattern", ["(", "loss"])
def test_a_useless_pattern_is_refused_with_an_example(pattern: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PrintedMetrics([pattern])
    assert "(?P<loss>" in caught.value.hint
