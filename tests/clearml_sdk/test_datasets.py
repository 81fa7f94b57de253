"""Datasets by the real SDK: two generations, what changed between them, and their bytes."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Sdk, Server


@pytest.fixture(scope="module")
def found(sdk: Sdk) -> dict[str, Any]:
    answer: dict[str, Any] = sdk("datasets.py", timeout=110).found
    return answer


def test_the_second_generation_knows_what_changed(found: dict[str, Any]) -> None:
    assert found["added"] == ["d.csv"]
    assert found["modified"] == ["a.csv"]
    assert found["removed"] == ["b.csv"]
    first, second = found["ids"]
    assert found["graph"] == {second: [first], first: []}


def test_both_generations_are_found_and_hold_their_own_files(found: dict[str, Any]) -> None:
    assert found["latest"] == [True, "1.0.1", True]
    assert found["old"] == [True, "1.0.0", ["raw"]]
    assert found["files"] == [["a.csv", "b.csv", "sub/c.bin"], ["a.csv", "d.csv", "sub/c.bin"]]
    assert found["contents"] == [
        {"a.csv": "1,2\n", "b.csv": "3,4\n3,4\n3,4\n"},
        {"a.csv": "1,2,changed\n", "d.csv": "new\n"},
    ]
    assert found["whole"] is True
    assert found["verified"] == []
    assert found["mutable"] == ["a.csv", "c.bin", "d.csv"]
    assert found["metadata"] == {"rows": 2}


def test_datasets_are_listed_moved_squashed_and_deleted(found: dict[str, Any]) -> None:
    listed = {(item["name"], item["version"]) for item in found["listed"]}
    assert listed == {("cats", "1.0.0"), ("cats", "1.0.1")}
    assert found["moved"] is True
    assert found["squashed"] == ["a.csv", "b.csv", "d.csv", "sub/c.bin"]
    assert "dogs" not in found["names"] and "hounds" not in found["names"]


def test_our_commands_show_both_generations(server: Server, found: dict[str, Any]) -> None:
    rows = server.mlops("ls", "tag:raw", "--json").json
    assert [row["id"] for row in rows] == [found["ids"][0]]
    assert "cats" in server.mlops("show", found["ids"][1]).out
    assert server.mlops("show", found["ids"][1], "--json").json["runtime"]["ds_file_count"] == 3
