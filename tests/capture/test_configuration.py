"""Configuration files named on the command line are kept and flattened, hostile ones within bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mlops_cli.capture import configuration


def test_each_format_is_flattened_with_its_types(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lr: 0.1\nnet: {depth: 3, name: null, sizes: [1, 2]}\n")
    (tmp_path / "b.toml").write_text('on = true\n[opt]\nname = "adam"\n')
    (tmp_path / "c.json").write_text('{"x": {"y": 1}}')
    yaml, toml, json = configuration.read_named(
        ["t", "--config=a.yaml", "b.toml", "--extra", "c.json", "a.yaml"], tmp_path
    )
    assert yaml.section == "a"
    assert yaml.parameters == (
        ("lr", "0.1", "float"),
        ("net/depth", "3", "int"),
        ("net/name", "", ""),
        ("net/sizes", "[1, 2]", "list"),
    )
    assert toml.parameters == (("on", "True", "bool"), ("opt/name", "adam", "str"))
    assert json.parameters == (("x/y", "1", "int"),)
    assert yaml.text.startswith("lr: 0.1")


def test_a_file_that_does_not_parse_is_kept_as_text_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{broken")
    (found,) = configuration.read_named(["t", "a.json"], tmp_path)
    assert found.text == "{broken"
    assert found.parameters == ()
    assert "not json" in found.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)),
        "a: &a {b: *a, c: 1}\n",
        "l: &l [*l]\n",
        "a: " + "[" * 500 + "]" * 500 + "\n",
        "\n".join(f"k{i}: {i}" for i in range(5000)),
    ],
    ids=["laughs", "self-containing map", "self-containing list", "deep", "wide"],
)
def test_hostile_files_stay_within_bounds(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    begun = time.process_time()
    (found,) = configuration.read_named(["t", "a.yaml"], tmp_path)
    assert len(found.parameters) <= configuration.MAX_PARAMETERS
    assert all(len(value) <= configuration.MAX_VALUE_CHARS for _, value, _ in found.parameters)
    assert time.process_time() - begun < 20


def test_no_tag_of_yaml_makes_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"a: !!python/object/apply:os.system ['touch {tmp_path}/boom']\n")
    (found,) = configuration.read_named(["t", "a.yaml"], tmp_path)
    assert found.problems
    assert not (tmp_path / "boom").exists()


def test_big_files_missing_files_and_odd_names_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b" " * (configuration.MAX_BYTES + 1))
    words = ["t", "missing.yaml", "nul\0.yaml", "x" * 300 + ".yaml", "big.json"]
    (found,) = configuration.read_named(words, tmp_path)
    assert found.name == "big.json"
    assert "left out" in found.problems[0]
