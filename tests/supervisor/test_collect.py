"""Notes folded into one picture: order, repetition and nonsense change nothing that matters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.supervisor.collect import KINDS, Collected, fold_all, model_name, parameter_items

NOTES = [
    {
        "k": "params",
        "section": "Args",
        "items": {"lr": {"value": "0.1", "type": "float", "default": "0.5", "help": "rate"}},
    },
    {"k": "params", "section": "Args", "items": {"lr": {"value": "0.2", "type": "float"}}},
    {"k": "open", "path": "/d/in.csv", "mode": "r", "size": 3},
    {"k": "open", "path": "/d/both.bin", "mode": "r", "size": 3},
    {"k": "open", "path": "/d/both.bin", "mode": "w"},
    {"k": "model", "path": "/d/m.pt", "framework": "PyTorch", "by": "torch"},
    {"k": "artifact", "name": "a", "path": "/d/a"},
    {"k": "tensorboard", "path": "/d/events"},
    {"k": "mark", "file": "/d/events", "at": 100},
    {"k": "mark", "file": "/d/events", "at": 50},
    {"k": "left_out", "what": "x", "why": "y"},
    {"k": "summary", "name": "best", "value": "epoch 3"},
]


def test_the_picture_holds_what_was_told() -> None:
    found = fold_all(NOTES)
    assert found.params["Args"]["lr"]["value"] == "0.2"
    assert found.inputs() == ["/d/in.csv"]
    assert list(found.models) == ["/d/m.pt"]
    assert found.marks == {"/d/events": 100}
    assert found.left_out == {"x": "y"}
    assert found.params["Summary"]["best"]["value"] == "epoch 3"


def test_a_helper_adds_parameters_and_changes_none() -> None:
    def told(inner: bool, **values: str) -> dict[str, object]:
        items = {name: {"value": value, "type": "str"} for name, value in values.items()}
        return {"k": "params", "section": "Args", "inner": inner, "items": items}

    notes = [told(True, lr="7"), told(False, lr="0.1"), told(True, lr="5", port="80"), told(True, port="81")]
    for told_so_far in (notes, notes + notes):
        found = fold_all(told_so_far).params["Args"]
        assert {name: item["value"] for name, item in found.items()} == {"lr": "0.1", "port": "81"}


def test_folding_twice_changes_nothing() -> None:
    once, twice = fold_all(NOTES), fold_all(NOTES + NOTES)
    assert {name: getattr(twice, name) for name in Collected.__slots__} == {
        name: getattr(once, name) for name in Collected.__slots__
    }


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["k", "path", "section", "items", "name", "at", "file", "mode", "size", "what", "why"]),
            st.one_of(st.sampled_from(sorted(KINDS)), st.none(), st.integers(), st.text(), st.lists(st.integers())),
        )
    )
)
def test_whatever_a_child_writes_is_survived(notes: list[dict[str, object]]) -> None:
    collected = fold_all(notes)
    assert all(isinstance(items, dict) for items in collected.params.values())


def test_parameters_are_text_with_types_scrubbed_and_described() -> None:
    items = {
        "lr": {"value": 0.1, "type": "float", "default": 0.5, "help": "rate"},
        "seed": {"value": None, "type": "NoneType"},
    }
    found = parameter_items("Args", items, lambda name, value: f"<{value}>" if name == "lr" else value)
    assert found == [
        {"section": "Args", "name": "lr", "value": "<0.1>", "type": "float", "description": "rate (default: <0.5>)"},
        {"section": "Args", "name": "seed", "value": ""},
    ]


def test_models_of_the_same_name_are_told_apart() -> None:
    assert model_name("/r/a/best.pt", "t", []) == "best"
    assert model_name("/r/a/best.pt", "t", ["best"]) == "a/best"
    assert model_name("/r/a/best.pt", "t", ["best", "a/best"]) == "/r/a/best.pt"
