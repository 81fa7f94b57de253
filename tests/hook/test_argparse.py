"""What the argparse tap notes, and what it must not take for the program's parameters."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from .conftest import Hooked
from .interpreters import HOOKED, need


def script(body: str) -> str:
    return "import argparse, sys\nparser = argparse.ArgumentParser()\n" + textwrap.dedent(body)


def test_every_kind_of_option_has_its_text_and_type(hooked: Hooked) -> None:
    child = hooked(
        script(
            """
            import pathlib, enum
            class Mode(enum.Enum):
                FAST = "fast"
            parser.add_argument("data", type=pathlib.Path)
            parser.add_argument("--lr", type=float, default="0.1", help="rate in %(prog)s, %(default)s at first")
            parser.add_argument("--epochs", "-e", type=int, default=3)
            parser.add_argument("--layers", type=int, nargs="+", default=[1])
            parser.add_argument("--amp", action="store_true")
            parser.add_argument("--seed", type=int)
            parser.add_argument("--mode", type=Mode, default=Mode.FAST)
            parser.add_argument("--quiet", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
            parser.add_argument("--log", type=argparse.FileType("w"))
            parser.add_argument("--bound", type=float)
            parser.set_defaults(func=print, kind="train")
            parser.parse_args()
            """
        ),
        *("d/ü", "--layers", "4", "5", "--amp", "-e", "7", "--log", "log.txt", "--bound=-inf"),
    )
    assert child.code == 0
    found = {name: (item["value"], item["type"], item["default"]) for name, item in child.items().items()}
    assert found == {
        "data": ("d/ü", "str", ""),
        "lr": ("0.1", "float", "0.1"),
        "epochs": ("7", "int", "3"),
        "layers": ("[4, 5]", "list", "[1]"),
        "amp": ("True", "bool", "False"),
        "seed": ("", "", ""),
        "mode": ("fast", "str", "fast"),
        "log": ("log.txt", "str", ""),
        "bound": ("-inf", "float", ""),
        "kind": ("train", "str", "train"),
    }
    assert child.items()["lr"]["help"] == "rate in main.py, 0.1 at first"
    assert [note["inner"] for note in child.of("params")] == [False]


@pytest.mark.parametrize("version", HOOKED)
def test_nested_sub_commands_are_one_note_with_all_their_options(version: str, hooked: Hooked) -> None:
    child = hooked(
        script(
            """
            parser.add_argument("--verbose", action="store_true")
            first = parser.add_subparsers(dest="command")
            train = first.add_parser("train")
            train.add_argument("--lr", type=float, default=0.1, help="rate")
            second = train.add_subparsers()
            cnn = second.add_parser("cnn")
            cnn.add_argument("--width", type=int, default=8, help="channels")
            print(parser.parse_args())
            """
        ),
        *("train", "--lr", "1", "cnn", "--width", "9"),
        python=need(version),
    )
    assert len(child.of("params")) == 1
    found = {name: (item["value"], item["default"], item["help"]) for name, item in child.items().items()}
    assert found == {
        "verbose": ("False", "False", ""),
        "command": ("train", "", ""),
        "lr": ("1.0", "0.1", "rate"),
        "width": ("9", "8", "channels"),
    }


@pytest.mark.parametrize("version", HOOKED)
def test_intermixed_and_known_arguments_are_noted_once_each(version: str, hooked: Hooked) -> None:
    body = """
    parser.add_argument("--lr", type=float)
    parser.add_argument("files", nargs="*")
    print(parser.{call}())
    """
    for call, args in (
        ("parse_intermixed_args", ("a", "--lr", "2", "b")),
        ("parse_known_args", ("a", "b", "--lr", "2")),
    ):
        child = hooked(script(textwrap.dedent(body).format(call=call)), *args, python=need(version))
        assert child.code == 0, child.err
        assert len(child.of("params")) == 1
        assert child.items()["files"]["value"] == '["a", "b"]' and child.items()["lr"]["value"] == "2.0"


def test_an_explicit_list_counts_only_when_it_is_the_process_own(hooked: Hooked) -> None:
    body = "parser.add_argument('--lr', type=float, default=1.0)\nparser.parse_args({})\n"
    assert hooked(script(body.format("sys.argv[1:]")), "--lr", "3").items()["lr"]["value"] == "3.0"
    assert hooked(script(body.format("['--lr', '9']")), "--lr", "3").of("params") == []
    assert hooked(script(body.format("sys.argv[1:]"))).items()["lr"]["value"] == "1.0"


def test_the_empty_list_of_a_library_is_not_the_programs(hooked: Hooked, tmp_path: Path) -> None:
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "somelib.py").write_text(script("parser.add_argument('--inner', default=1)\nparser.parse_args([])\n"))
    child = hooked("import somelib", env={"PYTHONPATH": str(library)})
    assert (child.code, child.of("params")) == (0, [])


def test_launchers_and_machinery_keep_their_options_to_themselves(hooked: Hooked, tmp_path: Path) -> None:
    package = tmp_path / "joblib" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "joblib" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        script("parser.add_argument('--pipe')\nparser.parse_args()\nopen('seen.csv', 'w')")
    )
    child = hooked(
        "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'joblib.inner', '--pipe', '5'])",
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert child.code == 0
    assert child.opened("w") and child.of("params") == []


def test_a_wrong_command_line_ends_as_without_us(hooked: Hooked) -> None:
    body = script("parser.add_argument('--lr', type=float)\nparser.parse_args()\n")
    child, plain = hooked(body, "--lr", "x"), hooked(body, "--lr", "x", env={"MLOPS_HOOK": "off"})
    assert (child.code, child.out, child.err) == (plain.code, plain.out, plain.err) and child.code == 2
    assert child.of("params") == []
    # And a later, right one is noted: nothing of the failed call is left behind.
    retry = (
        "try:\n    parser.parse_args(sys.argv[1:])\nexcept SystemExit:\n    sys.argv = ['x']\n    parser.parse_args()\n"
    )
    child = hooked(script("parser.add_argument('--lr', type=float, default=4.0)\n" + retry), "--lr", "x")
    assert child.items()["lr"]["value"] == "4.0"


def test_subclasses_and_namespaces_are_seen(hooked: Hooked) -> None:
    child = hooked(
        script(
            """
            class Mine(argparse.ArgumentParser):
                def parse_args(self, args=None, namespace=None):
                    return super().parse_args(args, namespace)
            class Space(argparse.Namespace):
                pass
            mine = Mine()
            mine.add_argument("--lr", type=float, default=0.5)
            space = mine.parse_args(namespace=Space(extra=[1, {"a": None}]))
            assert type(space) is Space
            """
        )
    )
    assert child.code == 0, child.err
    assert child.items()["lr"]["value"] == "0.5"
    assert child.items()["extra"]["value"] == '[1, {"a": null}]'
    assert child.items()["extra"]["type"] == "list"


def test_a_huge_value_is_left_out_and_said(hooked: Hooked) -> None:
    child = hooked(script("parser.set_defaults(big='x' * 70000, small=1)\nparser.parse_args()"))
    assert list(child.items()) == ["small"]
    assert child.of("left_out") == [{"k": "left_out", "what": "parameter Args/big", "why": "longer than 64 KiB"}]
