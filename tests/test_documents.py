"""What the documents show is what the program prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.commands import reference, rendered
from mlops_cli.commands.tree import walk

TOP = Path(__file__).resolve().parent.parent
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
NODES = {" ".join(node.path): node for node in walk()}


def test_the_reference_is_what_the_commands_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(rendered.WIDTH))
    written = (TOP / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == reference.render(), "python -m mlops_cli.commands.reference docs/reference.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_document_shows_exists_with_its_flags(page: Path) -> None:
    for line in commands_in(page.read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        name = next((" ".join(words[:size]) for size in (3, 2, 1) if " ".join(words[:size]) in NODES), "")
        assert len(words) == 1 or name != "mlops" or words[1].startswith("-"), f"{page.name}: {line}"
        program = next((at for at, word in enumerate(words) if at > 1 and not word.startswith("-")), len(words))
        ours = words[:program] if name == "mlops run" else words
        known = {flag for path in ("mlops", name) for flags, _, _ in NODES[path].options for flag in flags}
        for word in ours[1:]:
            # `-name` and `-val/acc` are values of -c and -s: a flag has two dashes or one letter.
            if re.fullmatch(r"--[a-z-]+|-[a-zA-Z]", word):
                assert word in known, f"{page.name}: {line}: {word}"


def test_the_comparison_in_the_readme_is_what_the_example_prints(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = (TOP / "docs/examples/digits/train.py").read_text(encoding="utf-8")
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "train.py").write_text(script, encoding="utf-8")
    for words in ("run -q train.py --lr 0.001", "run -q train.py --lr 0.05", "diff @-1 @latest"):
        done = subprocess.run(
            [sys.executable, "-m", "mlops_cli", *words.split()], cwd=folder, env=env, capture_output=True, check=True
        )
    shown = (TOP / "README.md").read_text(encoding="utf-8").partition("$ mlops diff @-1 @latest\n")[2]
    wanted = shown.partition("```")[0].rstrip()
    assert blur(done.stdout.decode()).startswith(blur(wanted))


def commands_in(text: str) -> list[str]:
    """The lines of the fenced blocks that call `mlops`, without prompts and what is piped on."""
    found = []
    for block in re.findall(r"```(?:console|sh)\n(.*?)```", text, re.S):
        for line in block.splitlines():
            parts = re.split(r" \| ", line.removeprefix("$ "))
            found += [part.strip() for part in parts if re.match(r"mlops( |$)", part)]
    return found


def blur(text: str) -> str:
    """Ids and the last digits of figures differ from machine to machine, and with them the widths of columns."""
    lines = [re.sub(r"^([A-Z])  [0-9a-f]{8}", r"\1  ID", line) for line in text.splitlines()]
    return "\n".join(" ".join(re.sub(r"[0-9]+(\.[0-9]+)?%?", "N", line).split()) for line in lines)
