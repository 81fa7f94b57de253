"""What is not imported: the causes of a fast start, pinned. Times are measured in benchmarks/startup.py."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

PROGRAM = """
import io, sys
sys.argv = ["mlops", *{args!r}]
out, sys.stdout = sys.stdout, io.StringIO()
from mlops_cli.__main__ import main
try:
    code = main()
finally:
    sys.stdout = out
print([code, sorted(sys.modules)])
"""

HEAVY = {
    "msgspec", "rich", "requests", "urllib3", "platformdirs", "git", "psutil", "pynvml", "yaml", "tomli", "asyncio",
    "plotext", "matplotlib", "pydantic", "tempfile", "http.client", "ssl", "importlib.metadata", "unittest", "logging",
    "numpy", "torch",
}  # fmt: skip
TREE = {"typer", "click", "mlops_cli.commands.root", "argparse", "inspect", "dataclasses"}
STORE = {"sqlite3", "mlops_cli.client", "mlops_cli.server"}


def modules(*args: str) -> set[str]:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(args=args)], capture_output=True, text=True, check=True, timeout=60
    )
    code, found = ast.literal_eval(said.stdout)
    assert code == 0, said.stderr
    return set(found)


@pytest.mark.parametrize(
    "args", [("--version",), ("--help",), ("ls", "--help"), ("config", "set", "-h"), ("__names", "task")]
)
def test_version_help_and_names_are_answered_before_the_command_tree(args: tuple[str, ...]) -> None:
    assert not modules(*args) & (HEAVY | TREE | STORE | {"typing", "re", "json"})


def test_a_command_without_the_store_imports_no_store() -> None:
    assert not modules("version") & (HEAVY | STORE)


def test_ls_imports_only_what_the_answer_needs() -> None:
    found = modules("ls")
    assert not found & HEAVY
    assert "mlops_cli.client.filters" not in found
    assert "mlops_cli.commands.show" not in found
    assert "sqlite3" in found


def test_a_filter_brings_the_filter_language_and_nothing_heavy() -> None:
    found = modules("ls", "status:failed")
    assert "mlops_cli.client.filters" in found
    assert not found & (HEAVY - {"tempfile"})


def test_a_command_imports_its_own_module_alone() -> None:
    ours = {name for name in modules("config", "ls") if name.startswith("mlops_cli.commands.")}
    assert "mlops_cli.commands.config" in ours
    assert not ours & {"mlops_cli.commands.run", "mlops_cli.commands.ls", "mlops_cli.commands.diff"}


def test_importing_the_package_imports_nothing() -> None:
    program = "import sys; before = set(sys.modules); import mlops_cli; print(sorted(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['mlops_cli']"
