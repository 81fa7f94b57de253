"""Effective options of click and typer programs, on the real libraries."""

from __future__ import annotations

import textwrap

import pytest

from .conftest import Hooked
from .frameworks import need_module

CLICK = """
import click, sys

@click.group()
@click.option("--verbose/--quiet", default=False)
def cli(verbose): pass

@cli.command()
@click.argument("data")
@click.option("--lr", type=float, default=0.1, help="learning rate")
@click.option("--layers", type=int, multiple=True)
@click.option("--seed", type=int, envvar="SEED")
@click.option("--word", prompt=True, hide_input=True, default="hush")
def train(data, lr, layers, seed, word):
    print(data, lr, layers, seed, word)

@cli.command()
@click.option("--lr", type=float)
def other(lr): pass
"""

TYPER = """
import enum
import typer
from typing import List, Optional
app = typer.Typer()

class Mode(str, enum.Enum):
    fast = "fast"
    slow = "slow"

@app.command()
def train(data: str, lr: float = typer.Option(0.1, help="learning rate"), mode: Mode = Mode.fast,
          layers: Optional[List[int]] = None, seed: Optional[int] = typer.Option(None, envvar="SEED")):
    print(data, lr, mode.value, layers, seed)

@app.command()
def other(): pass

app()
"""


def test_a_click_group_and_its_command_say_values_and_where_they_came_from(hooked: Hooked) -> None:
    args = ("--verbose", "train", "x.csv", "--layers", "1", "--layers", "2", "--word", "secret")
    child = hooked(CLICK + "cli()", *args, python=need_module("click"), env={"SEED": "5"})
    assert child.out == "x.csv 0.1 (1, 2) 5 secret\n", child.err
    found = {name: (item["value"], item["type"], item.get("from", "")) for name, item in child.items().items()}
    assert found == {
        "verbose": ("True", "bool", "commandline"),
        "data": ("x.csv", "str", "commandline"),
        "lr": ("0.1", "float", "default"),
        "layers": ("[1, 2]", "list", "commandline"),
        "seed": ("5", "int", "environment"),
        "word": ("<hidden>", "str", "commandline"),
        "command": ("train", "str", ""),
    }
    assert (child.items()["lr"]["default"], child.items()["lr"]["help"]) == ("0.1", "learning rate")


def test_click_called_with_a_list_of_its_own_is_not_the_programs_line(hooked: Hooked) -> None:
    script = CLICK + "cli(['other', '--lr', '3'], standalone_mode=False)"
    child = hooked(script, "something", "else", python=need_module("click"))
    assert (child.code, child.of("params")) == (0, [])


def test_an_error_of_a_click_command_shows_no_frame_of_ours(hooked: Hooked) -> None:
    script = textwrap.dedent(
        """
        import click
        @click.command()
        def main(): raise ValueError("mine")
        main()
        """
    )
    python = need_module("click")
    child, plain = hooked(script, python=python), hooked(script, python=python, env={"MLOPS_HOOK": "off"})
    assert (child.code, child.err) == (plain.code, plain.err) and "ValueError: mine" in child.err


@pytest.mark.parametrize("extra", ((), ("--mode", "slow", "--layers", "3")))
def test_typer_with_its_own_or_the_outside_click(extra: tuple[str, ...], hooked: Hooked) -> None:
    child = hooked(TYPER, "train", "x.csv", *extra, python=need_module("typer"))
    assert child.code == 0, child.err
    found = {name: (item["value"], item["type"]) for name, item in child.items().items()}
    assert found["data"] == ("x.csv", "str") and found["lr"] == ("0.1", "float")
    assert found["mode"] == ("slow" if extra else "fast", "str")
    assert found["command"] == ("train", "str")
    assert found["seed"] == ("", "")
    assert found["layers"][0] in (("[3]",) if extra else ("", "[]"))
    assert child.items()["lr"]["help"] == "learning rate"
    assert child.items()["lr"]["from"] == "default"
