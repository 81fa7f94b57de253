"""The generated completion scripts: up to date, and right in real shells, where no Python is started."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_cli.client.names import read_names, remember
from mlops_cli.commands import completion, names
from mlops_cli.config.paths import locate

FOLDER = Path(__file__).resolve().parent.parent / "completions"

CACHE = "task\t1f3a2b4c\ntask\tresnet-warm\nproject\tvision/resnet\ntag\tbase\n"


@pytest.mark.parametrize("shell", completion.FILES)
def test_the_scripts_are_what_the_tree_generates(shell: str) -> None:
    written = (FOLDER / completion.FILES[shell]).read_text(encoding="utf-8")
    assert written == completion.generate(shell), "python -m mlops_cli.commands.completion completions"


@pytest.mark.parametrize("env", [{"MLOPS_HOME": "/a"}, {"HOME": "/b"}, {"HOME": "/b", "XDG_CACHE_HOME": "/c"}])
def test_names_are_read_where_the_settings_say(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLOPS_HOME", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert names.cache_file() == str(locate().names_cache)


def test_names_are_answered_from_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home)
    assert names.answer(["task", "res"]) == "resnet-warm\n"
    assert names.answer(["project"]) == "vision/resnet\n"
    assert names.answer(["nothing"]) == names.answer([]) == ""


def fill(home: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "names").write_text(CACHE, encoding="utf-8")


def shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


CASES = [
    ("mlops l", {"logs", "ls"}),
    ("mlops config ", {"get", "ls", "set"}),
    ("mlops config s", {"set"}),
    ("mlops ls --arc", {"--archived"}),
    ("mlops ls -o nd", {"ndjson"}),
    ("mlops ls --color a", {"always", "auto"}),
    ("mlops ls -p vis", {"vision/resnet"}),
    ("mlops show 1f", {"1f3a2b4c"}),
    ("mlops show @la", {"@latest"}),
    ("mlops -q show res", {"resnet-warm"}),
    ("mlops diff @latest res", {"resnet-warm"}),
    ("mlops project show v", {"vision/resnet"}),
    ("mlops nothing ", set()),
]


def no_python(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `mlops` and `python` only leave a trace: completion must start neither."""
    for name in ("mlops", "python", "python3"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/started\n")
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


BASH = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
_mlops 2>/dev/null
# What bash puts in place of the last of its own words: the prefix up to that word break is taken off again.
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_completes(line: str, expected: set[str], home: Path, tmp_path: Path) -> None:
    fill(home)
    said = subprocess.run(
        [shell("bash"), "--norc", "-c", 'COMP_WORDBREAKS=" \t\n"; ' + BASH, "bash", str(FOLDER / "mlops.bash"), line],
        capture_output=True, text=True, timeout=20, env=no_python(tmp_path), check=False,
    )  # fmt: skip
    assert set(said.stdout.split()) == expected, said.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(("typed", "line"), [("@la", "@latest"), ("@best:lo", "@best:lo"), ("res", "resnet-warm")])
def test_a_bash_at_a_terminal_keeps_what_stands_before_a_word_break(
    typed: str, line: str, home: Path, tmp_path: Path
) -> None:
    fill(home)
    bash = shell("bash")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(bash, ["bash", "--norc", "-i"], {**no_python(tmp_path), "PS1": "> ", "TERM": "dumb"})
    try:
        os.write(fd, f"source {FOLDER / 'mlops.bash'}\n".encode())
        os.write(fd, f"mlops show {typed}\t\x01echo \n".encode())
        shown, until = b"", time.monotonic() + 20
        while f"\nshow {line}".encode() not in shown.replace(b"\r", b"").replace(b"mlops ", b""):
            assert time.monotonic() < until, shown
            if select.select([fd], [], [], 0.1)[0]:
                shown += os.read(fd, 65536)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


@pytest.mark.parametrize("line", ["mlops show ", "mlops tag x -p ", "mlops run ", "mlops run x "])
def test_bash_runs_nothing_that_somebody_called_an_experiment_or_a_file(line: str, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "$(touch pwned)").touch()
    fill(home)
    with (home / "cache" / "names").open("a") as file:
        file.writelines(
            f"{kind}\t$(touch${{IFS}}pwned)\n{kind}\t`touch${{IFS}}pwned`\n" for kind in ("task", "project")
        )
    said = subprocess.run(
        [shell("bash"), "--norc", "-c", BASH, "bash", str(FOLDER / "mlops.bash"), line],
        capture_output=True, text=True, timeout=20, env=no_python(tmp_path), cwd=place, check=False,
    )  # fmt: skip
    assert "touch" in said.stdout
    assert [path.name for path in place.iterdir()] == ["$(touch pwned)"]


def test_only_names_that_mean_themselves_to_a_shell_are_remembered(tmp_path: Path) -> None:
    cache = tmp_path / "names"
    plain = ["a/b-c_d.e", "größe", "lr=0.1,b=2", "@x:y", "50%"]
    remember(
        cache,
        {"task": [*plain, "$(id)", "`id`", "a b", "a;b", "a*", "-rf", "a'b", 'a"b', "a\\b", "a\tb", "~x", "{a,b}"]},
    )
    assert read_names(cache, "task") == plain


def test_bash_leaves_the_words_of_a_run_to_files(home: Path, tmp_path: Path) -> None:
    fill(home)
    (tmp_path / "train.py").touch()
    said = subprocess.run(
        [shell("bash"), "--norc", "-c", BASH, "bash", str(FOLDER / "mlops.bash"), "mlops run python tr"],
        capture_output=True, text=True, timeout=20, env=no_python(tmp_path), cwd=tmp_path, check=False,
    )  # fmt: skip
    assert said.stdout.split() == ["train.py"]


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_completes(line: str, expected: set[str], home: Path, tmp_path: Path) -> None:
    fill(home)
    script = f"source {FOLDER / 'mlops.fish'}; complete -C '{line}'"
    said = subprocess.run(
        [shell("fish"), "--no-config", "-c", script],
        capture_output=True, text=True, timeout=20, env=no_python(tmp_path), cwd=tmp_path, check=False,
    )  # fmt: skip
    found = {text.split("\t")[0] for text in said.stdout.splitlines()} - {"bin/"}
    assert found == expected, said.stderr
    assert not (tmp_path / "started").exists()


ZSH = """
zmodload zsh/zpty
zpty shell {zsh} -f -i
zpty -w shell 'PROMPT=""; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -d {dump}'
zpty -w shell 'zstyle ":completion:*" verbose no; LISTMAX=1000; bindkey "^I" list-choices'
zpty -w shell 'print READY'
zpty -r shell out '*READY*READY*'
zpty -w -n shell {line}$'\\t'
sleep 0.7
zpty -r -t shell out && print -r -- "$out"
while zpty -r -t shell out; do print -r -- "$out"; done
"""


@pytest.mark.parametrize(("line", "expected"), [case for case in CASES if len(case[1]) > 1])
def test_zsh_lists(line: str, expected: set[str], home: Path, tmp_path: Path) -> None:
    """In a pseudo-terminal; a single candidate would be put into the line, so only lists are looked at."""
    fill(home)
    script = ZSH.format(zsh=shell("zsh"), folder=FOLDER, dump=tmp_path / "dump", line=f"'{line}'")
    said = subprocess.run(
        [shell("zsh"), "-f", "-c", script],
        capture_output=True, text=True, timeout=30, env=no_python(tmp_path), cwd=tmp_path, check=False,
    )  # fmt: skip
    found = set(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", said.stdout).split())
    assert expected <= found, said.stdout + said.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("name", completion.FILES)
def test_the_command_prints_the_script(name: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "mlops_cli", "completion", name], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == (FOLDER / completion.FILES[name]).read_text(encoding="utf-8")
