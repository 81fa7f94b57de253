"""The hook's way into a child: on every interpreter, beside the person's own start-up files, and out of sight."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from mlops_cli.hook.location import SITE_DIR

from .conftest import Hooked, environment, harvest
from .interpreters import HOOKED, OLDER, need

PROGRAM = textwrap.dedent(
    """
    import argparse, json, os, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--name", default="\\u00e9")
    values = parser.parse_args()
    with open("out.csv", "w") as file:
        file.write("1,2\\n")
    with open("in.csv") as file:
        file.read()
    print(json.dumps([values.lr, [entry for entry in sys.path if "hook" in entry]]))
    """
)


@pytest.mark.parametrize("version", HOOKED)
def test_parameters_files_and_the_interpreter_are_noted_on(version: str, hooked: Hooked, tmp_path: Path) -> None:
    (tmp_path / "work" / "in.csv").write_text("1\n")
    child = hooked(PROGRAM, "--lr", "0.5", python=need(version))
    assert (child.code, child.out, child.err) == (0, "[0.5, []]\n", "")
    assert child.items() == {
        "lr": {"value": "0.5", "type": "float", "default": "0.1", "help": "learning rate"},
        "name": {"value": "é", "type": "str", "default": "é", "help": ""},
    }
    assert child.opened("w") == [str(tmp_path / "work" / "out.csv")]
    assert child.of("open")[-1] == {"k": "open", "path": str(tmp_path / "work" / "in.csv"), "mode": "r", "size": 2}
    assert child.interpreter is not None
    assert child.interpreter["version"].startswith(version + ".")
    assert child.interpreter["argv"] == ["main.py", "--lr", "0.5"]
    assert SITE_DIR not in child.interpreter["path"]


@pytest.mark.parametrize("version", OLDER)
def test_older_interpreters_run_as_if_nothing_were_there(version: str, hooked: Hooked, tmp_path: Path) -> None:
    (tmp_path / "work" / "in.csv").write_text("1\n")
    child = hooked(PROGRAM, "--lr", "0.5", python=need(version))
    assert (child.code, child.out, child.err) == (0, "[0.5, []]\n", "")
    assert child.notes == [] and child.interpreter is None


@pytest.mark.parametrize("version", (*OLDER, *HOOKED))
def test_the_persons_own_start_files_run_unchanged_and_in_order(version: str, hooked: Hooked, tmp_path: Path) -> None:
    python = need(version)
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import sys\nsys.own = [__name__, __file__]\n")
    (own / "usercustomize.py").write_text("import sys\nsys.own.append('user')\n")
    (tmp_path / "second").mkdir()
    path = os.pathsep.join([str(own), str(tmp_path / "second")])
    script = (
        "import sys, os\nprint(sys.own)\nprint(sys.path[1:3])\nprint(sys.modules['sitecustomize'].__file__)\n"
        "print(os.environ['PYTHONPATH'])"
    )
    lines = hooked(script, python=python, env={"PYTHONPATH": path}).out.splitlines()
    assert lines[0].startswith(f"['sitecustomize', '{own}/sitecustomize.py")
    # Where user site-packages are switched off (a virtual environment), Python itself skips usercustomize.
    plain = subprocess.run(
        [python, "-c", "import sys; print('user' in sys.own)"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ("'user'" in lines[0]) == (plain.stdout == "True\n")
    assert lines[1] == str([str(own), str(tmp_path / "second")])
    assert lines[2].startswith(f"{own}/sitecustomize.py")
    # Grandchildren find the hook again.
    assert lines[3] == SITE_DIR + os.pathsep + path


@pytest.mark.parametrize("broken", ("1/0", "import nothing_of_that_name", "raise SystemExit(7)"))
def test_an_error_of_the_persons_sitecustomize_looks_as_without_us(broken: str, hooked: Hooked, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text(broken)
    child = hooked("print('alive')", env={"PYTHONPATH": str(own)})
    plain = subprocess.run(
        [sys.executable, "-c", "print('alive')"],
        env={**environment(child.folder, {}), "PYTHONPATH": str(own)},
        capture_output=True,
        text=True,
    )
    assert (child.code, child.out) == (plain.returncode, plain.stdout)
    # A start-up error that Python does not survive is shown with its whole way, which leads through us.
    if child.code == 0:
        assert child.err == plain.stderr
    else:
        assert child.err.splitlines()[-1] == plain.stderr.splitlines()[-1]


@pytest.mark.parametrize("flags", (["-I"], ["-E"], ["-S"]))
def test_interpreters_that_ignore_the_environment_run_without_the_hook(flags: list[str], hooked: Hooked) -> None:
    child = hooked("print('ran')", python=[sys.executable, *flags])
    assert (child.code, child.out, child.err) == (0, "ran\n", "")
    assert child.interpreter is None and child.notes == []


def test_a_virtual_environment_without_us_is_hooked_and_tells_its_own_paths(hooked: Hooked, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    python = str(tmp_path / "env" / "bin" / "python")
    child = hooked("import importlib.util; print(importlib.util.find_spec('mlops_cli'))", python=python)
    assert child.out == "None\n"
    assert child.interpreter is not None
    assert child.interpreter["executable"] == python
    assert child.interpreter["prefix"] == str(tmp_path / "env") != child.interpreter["base_prefix"]


def test_a_conda_like_prefix_without_a_marker_file_is_hooked(hooked: Hooked, tmp_path: Path) -> None:
    """Conda environments are whole prefixes found from the executable's place; PYTHONHOME makes one here."""
    real = Path(sys.base_prefix)
    prefix = tmp_path / "conda"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "lib").symlink_to(real / "lib")
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    script = "open(__import__('sys').prefix + '/conda-meta/history', 'a').close(); open('x.csv', 'w').close()"
    child = hooked(script, python=str(prefix / "bin" / "python"), env={"PYTHONHOME": str(prefix)})
    assert (child.code, child.err) == (0, "")
    assert child.interpreter is not None and child.interpreter["prefix"] == str(prefix)
    assert [Path(path).name for path in child.opened("w")] == ["x.csv"]


def test_start_up_code_of_a_pth_file_and_the_hook_live_together(hooked: Hooked, tmp_path: Path) -> None:
    """As coverage does it: code in a .pth file, which here imports a target before the hook is there."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    site_packages = next((tmp_path / "env").glob("lib/python3.*/site-packages"))
    (site_packages / "early.pth").write_text("import argparse, sys; sys.early = True\n")
    (tmp_path / "work" / "in.csv").write_text("1\n")
    child = hooked(PROGRAM + "print(sys.early)", "--lr", "2", python=str(tmp_path / "env" / "bin" / "python"))
    assert child.out.endswith("True\n") and child.items()["lr"]["value"] == "2.0"


def test_off_and_single_switches_are_obeyed(hooked: Hooked, tmp_path: Path) -> None:
    (tmp_path / "work" / "in.csv").write_text("1\n")
    off = hooked(PROGRAM, env={"MLOPS_HOOK": "off"})
    assert (off.code, off.interpreter, off.notes) == (0, None, [])
    child = hooked(PROGRAM, env={"MLOPS_HOOK": "-argparse"})
    assert child.of("params") == [] and child.of("open")
    assert child.interpreter is not None and child.interpreter["off"] == ["argparse"]
    child = hooked(PROGRAM, env={"MLOPS_HOOK": "-files"})
    assert child.of("params") and child.of("open") == []


def test_a_run_folder_of_another_machine_is_passed_over(hooked: Hooked, tmp_path: Path) -> None:
    child = hooked("print('ran')", env={"MLOPS_RUN_DIR": str(tmp_path / "elsewhere")})
    assert (child.code, child.out, child.err) == (0, "ran\n", "")


def test_a_run_folder_that_refuses_everything_costs_one_line(hooked: Hooked, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    script = "open('a.csv', 'w').close(); open('b.csv', 'w').close(); print('ran')"
    child = hooked(script, folder=folder)  # no spool/ in it
    assert (child.code, child.out) == (0, "ran\n")
    assert child.err.count("\n") == 1 and child.err.startswith("mlops: ")


def test_an_error_inside_the_hook_is_one_line_and_the_program_runs(hooked: Hooked, tmp_path: Path) -> None:
    taps = tmp_path / "taps"
    taps.mkdir()
    (taps / "bad.py").write_text("this is no Python")
    (taps / "worse.py").write_text("TARGET = ('colorsys',)\ndef apply(module, note): raise ValueError('broken')\n")
    child = hooked("import colorsys; print('ran')", env={"MLOPS_TAPS": str(taps)})
    assert (child.code, child.out) == (0, "ran\n")
    assert child.err.count("\n") == 1 and "SyntaxError" in child.err


def test_programs_that_only_forward_to_another_interpreter_are_left_alone(tmp_path: Path, hooked: Hooked) -> None:
    """Their packages are not the run's: the interpreter that they start is the one to note."""
    forwarder = tmp_path / "poetry"
    forwarder.write_text("import os, sys\nos.execv(sys.executable, [sys.executable] + sys.argv[1:])\n")
    child = hooked("print('unused')")
    folder = child.folder
    (folder / "interpreter.json").unlink()
    done = subprocess.run(
        [sys.executable, str(forwarder), "-c", "open('deep.csv', 'w')"],
        env=environment(folder, {}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    after = harvest(folder, done)
    assert after.interpreter is not None and after.interpreter["argv"] == ["-c"]
    assert [Path(path).name for path in after.opened("w")] == ["deep.csv"]


def test_nothing_heavy_is_imported_for_a_program_that_imports_nothing(hooked: Hooked) -> None:
    script = "import sys; print(' '.join(sorted(sys.modules)))"
    loaded = set(hooked(script).out.split())
    plain = set(hooked(script, env={"MLOPS_HOOK": "off"}).out.split())
    ours = {name for name in loaded - plain if not name.startswith("_mlops_hook")}
    assert ours <= {"__future__"}
    assert "_mlops_hook.records" not in loaded


def test_the_interpreters_paths_survive_any_bytes(hooked: Hooked, tmp_path: Path) -> None:
    odd = os.fsdecode(b'\xff"\\\n') + "ü😀"
    child = hooked("pass", odd)
    assert child.interpreter is not None
    assert child.interpreter["argv"][1] == '\\udcff"\\\nü😀'


@pytest.mark.parametrize("version", HOOKED)
@pytest.mark.parametrize("flags", (["-W", "error", "-X", "dev", "-bb"], ["-OO", "-B"], ["-s", "-u"]))
def test_strict_and_stripped_interpreters_have_nothing_to_say(
    version: str, flags: list[str], hooked: Hooked, tmp_path: Path
) -> None:
    (tmp_path / "work" / "in.csv").write_text("1\n")
    child = hooked(PROGRAM, "--lr", "0.5", python=[need(version), *flags])
    assert (child.code, child.out, child.err) == (0, "[0.5, []]\n", "")
    assert child.items()["lr"]["value"] == "0.5" and len(child.of("open")) == 2
