"""Configuration of Hydra jobs and of plain OmegaConf programs, on the real libraries."""

from __future__ import annotations

from pathlib import Path

from .conftest import Hooked
from .frameworks import need_module

CONFIG = """
model: {name: cnn, width: 8, layers: [1, 2]}
lr: 0.1
double: ${times_two:${lr}}
missing: ???
empty: {}
nothing: null
name: "ü"
"""

PROGRAM = """
import hydra
from omegaconf import OmegaConf
OmegaConf.register_new_resolver("times_two", lambda value: value * 2)
@hydra.main(config_path=".", config_name="config", version_base=None)
def main(config):
    print(config.lr, config.double)
    %s
main()
"""


def test_a_hydra_job_says_its_resolved_values_and_its_text(hooked: Hooked, tmp_path: Path) -> None:
    python = need_module("hydra")
    (tmp_path / "work" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    child = hooked(PROGRAM % "pass", "lr=0.5", "+new=1", python=python)
    assert child.out == "0.5 1.0\n", child.err
    found = {name: (item["value"], item["type"]) for name, item in child.items("Hydra").items()}
    assert found == {
        "model.name": ("cnn", "str"),
        "model.width": ("8", "int"),
        "model.layers": ("[1, 2]", "list"),
        "lr": ("0.5", "float"),
        "double": ("1.0", "float"),
        "missing": ("???", "str"),
        "empty": ("{}", "dict"),
        "nothing": ("", ""),
        "name": ("ü", "str"),
        "new": ("1", "int"),
    }
    assert child.items() == {}  # Hydra's own argparse is not the program's
    (configuration,) = child.of("configuration")
    assert (configuration["name"], configuration["format"]) == ("hydra", "yaml")
    assert "double: ${times_two:${lr}}" in configuration["text"] and "lr: 0.5" in configuration["text"]


def test_each_job_of_a_multirun_is_noted(hooked: Hooked, tmp_path: Path) -> None:
    python = need_module("hydra")
    (tmp_path / "work" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    child = hooked(PROGRAM % "pass", "-m", "lr=1,2", python=python)
    assert child.code == 0, child.err
    assert [note["items"]["lr"]["value"] for note in child.of("params")] == ["1", "2"]


def test_an_error_in_the_job_is_shown_as_without_us(hooked: Hooked, tmp_path: Path) -> None:
    python = need_module("hydra")
    (tmp_path / "work" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    script = PROGRAM % "raise ValueError('mine')"
    child, plain = hooked(script, python=python), hooked(script, python=python, env={"MLOPS_HOOK": "off"})
    assert (child.code, child.out, child.err) == (plain.code, plain.out, plain.err)
    assert "ValueError: mine" in child.err


def test_omegaconf_without_hydra_is_known_by_the_command_line_in_it(hooked: Hooked) -> None:
    script = """
from omegaconf import OmegaConf
base = OmegaConf.create({"lr": 0.1, "model": {"width": 8}})
OmegaConf.merge(base, {"lr": 7})          # not from the command line
config = OmegaConf.merge(base, OmegaConf.from_cli())
print(config.lr, OmegaConf.from_cli(["a=1"]).a)
"""
    child = hooked(script, "lr=0.3", python=need_module("omegaconf"))
    assert child.out == "0.3 1\n", child.err
    found = [{name: item["value"] for name, item in note["items"].items()} for note in child.of("params")]
    assert found == [{"lr": "0.3", "model.width": "8"}]
    assert [note["name"] for note in child.of("configuration")] == ["omegaconf"]
