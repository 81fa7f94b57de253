"""Parameters are read off any program's command line."""

from __future__ import annotations

import pytest

from mlops_cli.capture import args


@pytest.mark.parametrize(
    ("command", "length", "script"),
    [
        ("python train.py --lr 0.1", 2, "train.py"),
        ("python3.11 -u -W ignore train.py x", 5, "train.py"),
        ("/opt/venv/bin/python -m pkg.train --lr 1", 3, None),
        ("python -c pass 1", 3, None),
        ("torchrun --nproc_per_node 2 train.py --lr 1", 4, "train.py"),
        ("accelerate launch --mixed_precision fp16 sub/train.py", 5, "sub/train.py"),
        ("bash run.sh 3", 2, "run.sh"),
        ("./train --lr 1", 1, None),
        ("python", 1, None),
    ],
)
def test_the_programs_own_words_end_at_its_script(command: str, length: int, script: str | None) -> None:
    assert args.program_length(command.split()) == length
    assert args.script_of(command.split()) == script


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("./t --lr 0.1", [("lr", "0.1", "float")]),
        ("./t --lr=1e-3", [("lr", "1e-3", "float")]),
        ("./t -b 32", [("b", "32", "int")]),
        ("./t -b32", [("b", "32", "int")]),
        ("./t lr=0.1 model.name=x", [("lr", "0.1", "float"), ("model.name", "x", "str")]),
        ("./t +trainer.gpus=2", [("trainer.gpus", "2", "int")]),
        ("./t --fp16", [("fp16", "True", "bool")]),
        ("./t --batch-size 8", [("batch_size", "8", "int")]),
        ("./t --shift -0.5", [("shift", "-0.5", "float")]),
        ("./t --layers 64 32 10", [("layers", "[64, 32, 10]", "list")]),
        ("./t --tag a --tag b", [("tag", "[a, b]", "list")]),
        ("./t -v -v", [("v", "2", "int")]),
        ("./t --name x y", [("name", "x", "str")]),
        ("./t --multirun lr=1", [("multirun", "True", "bool"), ("lr", "1", "int")]),
        ("./t --on true --off False", [("on", "true", "bool"), ("off", "False", "bool")]),
        ("./t --limit inf", [("limit", "inf", "float")]),
        ("./t", []),
        ("python -m pkg --lr 1", [("lr", "1", "int")]),
    ],
)
def test_every_form_of_an_option_is_a_parameter(command: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(item.name, item.value, item.type) for item in args.read(command.split())] == expected


def test_values_keep_blanks_newlines_and_unicode() -> None:
    found = args.read(["./t", "--text", "zwei\nZeilen ü", "--empty", "", "--eq=a=b"])
    assert [(item.name, item.value) for item in found] == [("text", "zwei\nZeilen ü"), ("empty", ""), ("eq", "a=b")]
