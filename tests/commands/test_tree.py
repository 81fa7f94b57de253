"""Every command of the tree: help with an example, one JSON document where it reads, a living lazy table."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.commands import rendered
from mlops_cli.commands.lazy import ALIASES, TABLE, Stub
from mlops_cli.commands.tree import walk

EVERYWHERE_FLAGS = (
    "-q", "--quiet", "-v", "--verbose", "--debug", "--color", "--no-pager", "--no-input", "--user", "--context"
)  # fmt: skip
NODES = {" ".join(node.path): node for node in walk()}
LEAVES = [name for name, node in NODES.items() if not node.children]


@pytest.mark.parametrize("name", TABLE)
def test_each_row_of_the_lazy_table_is_the_beginning_of_its_commands_help(name: str) -> None:
    command = Stub(name).load()
    assert command.name == name
    assert command.help.startswith(TABLE[name].help.rstrip("."))
    assert len(TABLE[name].help) <= 70


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_help_with_an_example_that_names_it(name: str) -> None:
    text = NODES[name].help
    assert "Examples:" in text
    assert f"\n    {name}" in text or f"| {name}" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", NODES)
def test_no_flag_of_ours_means_two_things(name: str) -> None:
    flags = [flag for flags, _, _ in NODES[name].options for flag in flags]
    assert len(flags) == len(set(flags))


@pytest.mark.parametrize("name", LEAVES)
def test_examples_use_only_commands_and_flags_that_exist(name: str) -> None:
    block = NODES[name].help.partition("Examples:\n")[2].partition("\n\n")[0]
    for part in re.split(r"\||&&|\n", block):
        words = shlex.split(part.split(" # ")[0].split(" > ")[0])
        if words[:1] != ["mlops"]:
            continue
        node = NODES.get(" ".join(words[:3])) or NODES[" ".join(words[:2])]
        known = {flag for flags, _, _ in node.options for flag in flags} | {*EVERYWHERE_FLAGS}
        taking = {flag for flags, _, takes in node.options if takes for flag in flags}
        ours = words[: words.index("train.py")] if "train.py" in words else words
        for before, word in pairwise(ours[len(node.path) - 1 :]):
            if re.match(r"--?[a-zA-Z]", word) and before not in taking:
                assert word in known or "-m" in words, f"{part}: {word}"


def test_the_rendered_help_is_what_the_tree_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(rendered.WIDTH))
    assert Path(rendered.FILE).read_text(encoding="utf-8") == rendered.render(), (
        "generate it anew: python -m mlops_cli.commands.rendered"
    )


def test_a_narrow_terminal_gets_help_that_fits_it(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert rendered.find(["ls"]) is None
    assert max(map(len, cli("project", "--help", width=60).lines[:6])) <= 60


def test_aliases_are_no_commands_and_lead_somewhere(cli: Any) -> None:
    assert not set(ALIASES) & set(TABLE)
    assert cli("list", "--json").json == []
    assert cli("config", "list", "--json").json


# What each reading command is asked in JSON, on a store with two experiments; `EXP` is one of them.
READS = {
    "ls": [], "show": ["EXP"], "logs": ["EXP"], "metrics": ["EXP"], "plot": ["EXP"], "diff": ["EXP", "OTHER"],
    "clone": ["EXP", "lr=0.3"], "tag": ["EXP", "base"], "note": ["EXP"], "rename": ["EXP", "other name"],
    "mv": ["EXP", "attic"], "archive": ["EXP"], "rm": ["EXP", "--yes"], "checkout": ["EXP"], "status": [], "sync": [],
    "stop": ["EXP"], "doctor": [], "export": ["EXP", "--to", "x.mlops"], "import": ["EXP.mlops"], "config ls": [],
    "config get": ["project"], "project ls": [], "project show": ["HERE"], "project create": ["a new one"],
    "project rm": ["a new one", "--yes"], "server up": ["--print-unit"],
    "server status": [], "server backup": ["b.tar"], "server restore": ["b.tar", "--force"],
    "auth login": [], "auth status": [], "auth users": [], "context ls": [], "context show": [],
    "artifact ls": ["EXP"], "artifact get": ["EXP", "none"], "artifact put": ["DRAFT", "EXP.txt"], "model ls": [],
    "model show": ["none"], "model get": ["none"],
    "api": ["tasks.get_all"], "plugin ls": [], "version": [],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in LEAVES if "--json  " in NODES[name].help])
def test_json_is_one_document_for_every_command(
    name: str, cli: Any, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task = make("first", lr="0.1", curve=[1.0, 0.5])
    other = make("second", lr="0.2", curve=[1.0, float("nan")])
    words = name.removeprefix("mlops ")
    replaced = {"EXP": task, "OTHER": other, "HERE": tmp_path.name}
    arguments = [replaced.get(word, word) for word in READS[words]]
    if words == "import":
        cli("export", task, "--to", "EXP.mlops")
        cli("rm", task, "--yes")
    if words == "artifact put":
        (tmp_path / "EXP.txt").write_text("kept")
        replaced["DRAFT"] = cli("clone", task).out.strip()
        arguments = [replaced.get(word, word) for word in READS[words]]
    if words == "server restore":
        cli("server", "backup", "b.tar")
    if words == "project rm":
        cli("project", "create", "a new one")
    result = cli.run(*words.split(), *arguments, "--json")
    document = json.loads(result.out)
    # Nothing was captured, no server runs, there is no such thing: that is said as JSON, too.
    if words in ("checkout", "server status", "auth login", "context show", "artifact get", "model show", "model get"):
        assert document is None
        assert result.code != 0
        assert json.loads(result.err)["error"]["code"]
    else:
        assert (result.code, result.err) == (0, "") or words in ("rm", "doctor", "stop"), result.err
        assert document is not None


@pytest.mark.parametrize("name", [n for n in LEAVES if "EXP" in NODES[n].arguments and "--json  " in NODES[n].help])
def test_not_found_is_null_on_stdout_and_one_object_on_stderr(name: str, cli: Any) -> None:
    words = name.removeprefix("mlops ").split()
    more = {"rename": ["abc"], "mv": ["there"], "get": ["key"], "put": ["file"]}.get(words[-1], [])
    result = cli.run(*words, "no such thing", *more, "--json")
    assert result.code == 3
    assert result.json is None
    assert json.loads(result.err)["error"]["code"] == "not_found"
