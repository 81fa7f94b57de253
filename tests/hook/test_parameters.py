"""Values as the tracking API keeps parameters: a text and a type word."""

from __future__ import annotations

import enum
import io
import pathlib
from argparse import Namespace
from typing import Any

import pytest

from mlops_cli.hook.parameters import as_text, send

numpy = pytest.importorskip("numpy")


class Mode(enum.Enum):
    FAST = "fast"


class Level(enum.IntEnum):
    HIGH = 3


class Odd:
    def __str__(self) -> str:
        return "odd one"


class Broken:
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    (
        (None, "", ""),
        (True, "True", "bool"),
        (3, "3", "int"),
        (0.1, "0.1", "float"),
        (float("nan"), "nan", "float"),
        (float("-inf"), "-inf", "float"),
        ("", "", "str"),
        ("ü\ud800", "ü\\ud800", "str"),
        (b"\xff", "\\xff", "str"),
        ([1, "a", None, float("nan")], '[1, "a", null, NaN]', "list"),
        ((1, (2,)), "[1, [2]]", "list"),
        ({2, 1}, "[1, 2]", "list"),
        ({"a": pathlib.Path("x")}, '{"a": "x"}', "dict"),
        ({(1, 2): 3}, "{(1, 2): 3}", "dict"),
        (Namespace(a=1), '{"a": 1}', "dict"),
        (Mode.FAST, "fast", "str"),
        (Level.HIGH, "3", "int"),
        (pathlib.PurePosixPath("a/b"), "a/b", "str"),
        (numpy.float64(0.1), "0.1", "float"),
        (numpy.float32(0.5), "0.5", "float"),
        (numpy.int64(7), "7", "int"),
        (numpy.bool_(False), "False", "bool"),
        (dict, "dict", "str"),
        (len, "len", "str"),
        (io.StringIO(), "", "str"),
        (Odd(), "odd one", "str"),
        (Broken(), "<Broken>", "str"),
        pytest.param(10**5000, hex(10**5000), "int", id="more digits than Python prints"),
    ),
)
def test_each_value_has_its_text_and_type(value: Any, text: str, kind: str) -> None:
    assert as_text(value) == (text, kind)


def test_a_list_that_holds_itself_is_still_a_text() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert as_text(loop) == ("[[...]]", "list")


def test_nothing_is_noted_for_a_program_without_options() -> None:
    noted: list[dict[str, Any]] = []
    send(noted.append, "Args", "argparse", [])
    assert noted == []
