"""Models by the real SDK: made, described, found, fetched, published, archived, removed."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Sdk, Server


@pytest.fixture(scope="module")
def found(sdk: Sdk) -> dict[str, Any]:
    answer: dict[str, Any] = sdk("models.py").found
    return answer


def test_a_model_comes_back_with_all_that_was_said_of_it(found: dict[str, Any]) -> None:
    assert found["loaded"] == {
        "name": "first",
        "tags": ["good", "small"],
        "labels": {"cat": 1},
        "framework": "PyTorch",
        "config": "layers = 3",
        "metadata": {
            "accuracy": {"key": "accuracy", "type": "float", "value": "0.5"},
            "note": {"key": "note", "type": "str", "value": "kept"},
        },
        "casted": 0.5,
        "digest": True,
        "task": True,
    }
    assert found["package"] == ["a", "b"]


def test_an_imported_model_is_the_same_the_second_time(found: dict[str, Any]) -> None:
    assert found["same import"] is True
    assert found["of task"]["input"] == ["brought"]
    assert found["of task"]["output"] == ["first"]


def test_models_are_found_by_project_name_tags_metadata_and_state(found: dict[str, Any]) -> None:
    by = found["by"]
    assert by["project"] == ["a package", "brought", "first"]
    assert by["name"] == ["first"]
    assert by["tags"] == ["a package", "first"]
    assert by["all tags"] == ["first"]
    assert by["not tags"] == ["a package", "first"]
    assert by["metadata"] == ["first"]
    assert by["other metadata"] == by["published"] == []


def test_models_are_published_retagged_archived_and_removed(server: Server, found: dict[str, Any]) -> None:
    assert found["published"] == [True, ["first"]]
    assert found["retagged"] == ["best"]
    assert found["archived"] == ["brought", "first"]
    assert found["with archived"] == ["a package", "brought", "first"]
    assert found["removed"] is True
    assert found["left"] == ["brought", "first"]
    assert server.status(found["removed url"]) == 404


def test_show_names_the_models_of_the_task(server: Server, found: dict[str, Any]) -> None:
    text = server.mlops("show", found["ids"]["task"], "models").out
    assert "backbone" in text and "weights" in text and "example.invalid/resnet.onnx" in text


def test_what_was_reported_on_a_model_is_kept_with_it(server: Server, found: dict[str, Any]) -> None:
    model = server.call("models.get_by_id", {"model": found["ids"]["brought"]})["model"]
    series = [row for metric in model["last_metrics"].values() for row in metric.values()]
    assert {(row["metric"], row["value"]) for row in series} == {("quality", 0.75), ("Summary", 10)}
