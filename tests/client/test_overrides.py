from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.client.api import Api
from mlops_cli.client.argv import program_length, rewrite_argv, rewrite_command
from mlops_cli.client.clone import clone
from mlops_cli.client.overrides import Change, apply_changes, parse_overrides, plan_changes
from mlops_cli.errors import Ambiguous, InvalidInput, NotFound

from .conftest import Make

RECORDED: dict[str, dict[str, dict[str, Any]]] = {
    "Args": {
        "lr": {"section": "Args", "name": "lr", "value": "0.1", "type": "float"},
        "epochs": {"section": "Args", "name": "epochs", "value": "5", "type": "int"},
        "amp": {"section": "Args", "name": "amp", "value": "False", "type": "bool"},
        "layers": {"section": "Args", "name": "layers", "value": "[64, 32]", "type": "list"},
        "seed": {"section": "Args", "name": "seed", "value": "", "type": None},
        "batch_size": {"section": "Args", "name": "batch_size", "value": "32", "type": "int"},
        "opt": {"section": "Args", "name": "opt", "value": "adam", "type": "str"},
    },
    "Hydra": {
        "model/depth": {"section": "Hydra", "name": "model/depth", "value": "3", "type": "int"},
        "opt": {"section": "Hydra", "name": "opt", "value": "sgd", "type": "str"},
    },
    "Environment": {"lr": {"section": "Environment", "name": "lr", "value": "no", "type": "str"}},
}


def _plan(*words: str, allow_new: bool = False) -> list[Change]:
    return plan_changes(RECORDED, parse_overrides(words), allow_new=allow_new)


@pytest.mark.parametrize(
    ("word", "place", "value"),
    [
        ("lr=1e-3", "Args/lr", "1e-3"),
        ("Args/lr=2", "Args/lr", "2"),
        ("--lr=2", "Args/lr", "2"),
        ("epochs=1e2", "Args/epochs", "100"),
        ("epochs=-3", "Args/epochs", "-3"),
        ("amp=yes", "Args/amp", "True"),
        ("layers=1,2", "Args/layers", "[1, 2]"),
        ("layers=[1,2]", "Args/layers", "[1,2]"),
        ("layers=a,b", "Args/layers", "['a', 'b']"),
        ("layers=", "Args/layers", "[]"),
        ("seed=7", "Args/seed", "7"),
        ("batch-size=64", "Args/batch_size", "64"),
        ("model/depth=4", "Hydra/model/depth", "4"),
        ("Hydra/model/depth=4", "Hydra/model/depth", "4"),
        ("Hydra/opt=a=b", "Hydra/opt", "a=b"),
        ("Args/opt=", "Args/opt", ""),
    ],
)
def test_a_value_takes_the_recorded_type(word: str, place: str, value: str) -> None:
    [change] = _plan(word)
    assert (f"{change.section}/{change.name}", change.new) == (place, value)


@pytest.mark.parametrize(
    "word", ["epochs=1.5", "epochs=many", "lr=fast", "amp=perhaps", "layers=[1", "epochs=inf", "lr="]
)
def test_a_value_of_another_type_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        _plan(word)
    [change] = _plan(word, allow_new=True)
    assert change.new == word.partition("=")[2]


def test_an_unknown_key_suggests_the_nearest_and_needs_permission() -> None:
    with pytest.raises(NotFound) as caught:
        _plan("epoch=3")
    assert "`epochs`" in caught.value.hint and caught.value.exit_code == 3
    [change] = _plan("warmup=3", allow_new=True)
    assert (change.section, change.name, change.old) == ("Args", "warmup", None)
    edited = apply_changes(RECORDED, [change])
    assert edited["Args"]["warmup"]["value"] == "3" and "warmup" not in RECORDED["Args"]


def test_a_name_that_two_sections_have_must_say_which() -> None:
    with pytest.raises(Ambiguous) as caught:
        _plan("opt=adamw")
    assert caught.value.data["candidates"] == ["Args/opt", "Hydra/opt"]


def test_an_option_that_argv_and_the_program_both_told_is_changed_in_both() -> None:
    recorded = {
        "Args": {"lr": {"value": "0.1", "type": "float"}},
        "Hydra": {"lr": {"value": "0.1", "type": "float"}, "model.depth": {"value": "3", "type": "int"}},
        "config": {"wd": {"value": "0", "type": "float"}},
    }
    changes = plan_changes(recorded, [("lr", "0.5"), ("model.depth", "4"), ("wd", "1")])
    assert [(change.section, change.name) for change in changes] == [
        ("Args", "lr"), ("Hydra", "lr"), ("Hydra", "model.depth"), ("config", "wd"),
    ]  # fmt: skip
    assert rewrite_argv(["python", "t.py", "lr=0.1"], changes) == ["python", "t.py", "lr=0.5", "model.depth=4"]


def test_the_last_of_two_values_for_one_key_wins() -> None:
    assert [change.new for change in _plan("lr=1", "lr=2")] == ["2"]
    with pytest.raises(InvalidInput, match="not an override"):
        _plan("lr")


def _change(name: str, new: str, *, old: str | None = "x", type_: str | None = "str") -> Change:
    return Change("Args", name, old, new, type_)


@pytest.mark.parametrize(
    ("argv", "change", "result"),
    [
        ("python train.py --lr 0.1 -v", _change("lr", "2"), "python train.py --lr 2 -v"),
        ("python train.py --lr=0.1", _change("lr", "2"), "python train.py --lr=2"),
        ("python train.py lr=0.1 bs=2", _change("lr", "2"), "python train.py lr=2 bs=2"),
        ("python train.py +lr=0.1", _change("lr", "2"), "python train.py +lr=2"),
        ("./run -b 32", _change("b", "64"), "./run -b 64"),
        ("./run -b32", _change("b", "64"), "./run -b64"),
        ("./run --batch-size 1", _change("batch_size", "2"), "./run --batch-size 2"),
        ("./run --lr -0.5 x", _change("lr", "-1"), "./run --lr -1 x"),
        ("./run --layers 1 2 3 --x 1", _change("layers", "[7, 8]", type_="list"), "./run --layers 7 8 --x 1"),
        ("./run --amp --x 1", _change("amp", "False", old="True", type_="bool"), "./run --x 1"),
        ("./run --amp true", _change("amp", "False", old="True", type_="bool"), "./run --amp False"),
        ("./run --x 1", _change("amp", "True", old="False", type_="bool"), "./run --x 1 --amp"),
        ("./run --x 1", _change("amp", "False", old="True", type_="bool"), "./run --x 1"),
        ("./run --x 1", _change("lr", "2", old=None), "./run --x 1 --lr 2"),
        ("./run x=1", _change("lr", "2", old=None), "./run x=1 lr=2"),
        ("./run --lr 1 --lr 2", _change("lr", "3"), "./run --lr 3 --lr 3"),
        ("python -u train.py --x 1", _change("u", "2", old=None), "python -u train.py --x 1 -u 2"),
        ("python -m pkg.train --lr 1", _change("lr", "2"), "python -m pkg.train --lr 2"),
    ],
)
def test_the_command_keeps_its_form(argv: str, change: Change, result: str) -> None:
    assert rewrite_argv(argv.split(), [change]) == result.split()


def test_environment_and_properties_are_not_put_into_the_command() -> None:
    assert rewrite_argv(["./run"], [Change("Environment", "A", "1", "2", "str")]) == ["./run"]
    assert program_length(["torchrun", "--nproc_per_node", "2", "train.py", "--lr", "1"]) == 4


_VALUES = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=10)


@given(_VALUES.filter(lambda text: not text.startswith("-")), st.sampled_from(["--lr {}", "--lr={}", "lr={}"]))
def test_any_value_reaches_the_command_as_one_word(value: str, form: str) -> None:
    words = form.split(" ")
    argv = ["python", "train.py", *(word.replace("{}", "0.1") for word in words), "--last", "9"]
    expected = ["python", "train.py", *(word.replace("{}", value) for word in words), "--last", "9"]
    assert rewrite_argv(argv, [_change("lr", value)]) == expected
    import shlex

    assert shlex.split(rewrite_command(shlex.join(argv), [_change("lr", value)])) == expected


@given(st.dictionaries(st.sampled_from(["lr", "epochs", "amp", "layers"]), st.text(max_size=8)))
def test_every_override_is_refused_or_changes_only_its_own_parameter(overrides: dict[str, str]) -> None:
    try:
        changes = plan_changes(RECORDED, list(overrides.items()))
    except InvalidInput:
        return
    edited = apply_changes(RECORDED, changes)
    for section, items in RECORDED.items():
        for name, item in items.items():
            if section == "Args" and name in overrides:
                assert edited[section][name]["type"] == item["type"]
            else:
                assert edited[section][name] == item


def test_a_clone_is_a_draft_with_the_changes_everywhere(api: Api, make: Make) -> None:
    argv = ["python", "train.py", "--lr", "0.1", "--epochs=5"]
    source = make(
        "first",
        project="team/digits",
        hyperparams={"Args": {key: RECORDED["Args"][key] for key in ("lr", "epochs")}},
        runtime={"mlops_argv": json.dumps(argv), "mlops_cwd": "/w", "mlops_run": "ab" * 16, "hostname": "h"},
        script={"entry_point": "train.py --lr 0.1 --epochs=5", "diff": "patch", "version_num": "c" * 40},
        execution={"artifacts": [{"key": "code", "type": "file", "uri": "file:///b"}, {"key": "out", "type": "file"}]},
    )
    made = clone(api, source, ["lr=0.5"], name="second", tags=["try"])
    assert [(change.name, change.old, change.new) for change in made.changes] == [("lr", "0.1", "0.5")]
    draft = api.tasks.document(made.id)
    assert (draft["status"], draft["name"], draft["parent"], draft["tags"]) == ("created", "second", source, ["try"])
    assert draft["hyperparams"]["Args"]["lr"]["value"] == "0.5"
    assert draft["hyperparams"]["Args"]["epochs"]["value"] == "5"
    assert json.loads(draft["runtime"]["mlops_argv"]) == ["python", "train.py", "--lr", "0.5", "--epochs=5"]
    assert draft["runtime"]["mlops_cwd"] == "/w" and "mlops_run" not in draft["runtime"]
    assert draft["script"]["entry_point"] == "train.py --lr 0.5 --epochs=5"
    assert (draft["script"]["diff"], draft["script"]["version_num"]) == ("patch", "c" * 40)
    assert [item["key"] for item in draft["execution"]["artifacts"]] == ["code"]
    assert api.tasks.document(source)["hyperparams"]["Args"]["lr"]["value"] == "0.1"


def test_a_command_that_was_not_recorded_is_not_invented(api: Api, make: Make) -> None:
    source = make("from another client", lr="0.1", script={"entry_point": "train.py"})
    made = clone(api, source, ["lr=0.5"])
    draft = api.tasks.document(made.id)
    assert made.argv == () and draft["script"]["entry_point"] == "train.py"
    assert draft["hyperparams"]["Args"]["lr"]["value"] == "0.5" and not draft.get("runtime")


def test_a_refused_or_dry_clone_makes_nothing(api: Api, make: Make) -> None:
    source = make("first", lr="0.1")
    with pytest.raises(NotFound):
        clone(api, source, ["nope=1"])
    assert clone(api, source, ["lr=3"], is_dry_run=True).id == ""
    assert [task["id"] for task in api.tasks.find({})] == [source]


GUESSES: dict[str, dict[str, dict[str, Any]]] = {
    "Args": {
        "lr": {"value": "1", "type": "int", "description": "guessed from the command line"},
        "amp": {"value": "True", "type": "bool", "description": "guessed from the command line"},
        "declared": {"value": "1", "type": "int", "description": "how often"},
    }
}


@pytest.mark.parametrize(
    ("word", "value", "type_"),
    [
        ("lr=0.5", "0.5", "float"),
        ("lr=2", "2", "int"),
        ("lr=nan", "nan", "float"),
        ("amp=off", "False", "bool"),
        ("amp=bf16", "bf16", "str"),
        ("amp=0.5", "0.5", "float"),
    ],
)
def test_a_guessed_type_gives_way_to_a_wider_value(word: str, value: str, type_: str) -> None:
    (change,) = plan_changes(GUESSES, parse_overrides([word]))
    assert (change.new, change.type) == (value, type_)


@pytest.mark.parametrize("word", ["lr=fast", "lr=0.5l", "declared=0.5"])
def test_a_typo_and_a_declared_type_still_hold(word: str) -> None:
    with pytest.raises(InvalidInput):
        plan_changes(GUESSES, parse_overrides([word]))


def test_a_flag_that_gets_a_value_keeps_its_place_in_the_command() -> None:
    changes = plan_changes(GUESSES, parse_overrides(["amp=bf16", "lr=0.5"]))
    assert rewrite_argv(["./train", "--amp", "--lr", "1"], changes) == ["./train", "--amp", "bf16", "--lr", "0.5"]
