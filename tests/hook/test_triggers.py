"""How a tap wakes: after the real import only, whatever finds the module, and without a trace on it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from .conftest import Hooked

TAP = """
TARGET = ("lonely", "pack.inner")
def apply(module, note):
    note({"k": "woken", "module": module.__name__, "value": module.value})
"""


def taps(tmp_path: Path) -> dict[str, str]:
    """A plug-in's tap file, and two modules that it waits for."""
    (tmp_path / "mytap.py").write_text(TAP)
    library = tmp_path / "library"
    (library / "pack").mkdir(parents=True)
    (library / "lonely.py").write_text("value = 1\n")
    (library / "pack" / "__init__.py").write_text("from . import inner\n")
    (library / "pack" / "inner.py").write_text("value = 2\n")
    return {"MLOPS_TAPS": str(tmp_path / "mytap.py"), "PYTHONPATH": str(library)}


def woken(child: object) -> list[tuple[str, int]]:
    assert child.code == 0, child.err  # type: ignore[attr-defined]
    return [(note["module"], note["value"]) for note in child.of("woken")]  # type: ignore[attr-defined]


def test_a_tap_of_a_plug_in_wakes_after_the_import_of_its_targets(hooked: Hooked, tmp_path: Path) -> None:
    child = hooked("import pack, lonely, importlib\nimportlib.import_module('lonely')", env=taps(tmp_path))
    assert woken(child) == [("pack.inner", 2), ("lonely", 1)]


def test_asking_whether_a_module_is_there_wakes_nothing(hooked: Hooked, tmp_path: Path) -> None:
    script = (
        "import importlib.util\nassert importlib.util.find_spec('lonely')\nassert not importlib.util.find_spec('none')"
    )
    assert woken(hooked(script, env=taps(tmp_path))) == []


def test_a_plug_ins_tap_is_switched_off_by_its_file_name(hooked: Hooked, tmp_path: Path) -> None:
    assert woken(hooked("import lonely", env={**taps(tmp_path), "MLOPS_HOOK": "-mytap"})) == []


def test_the_imported_module_looks_as_without_us(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import argparse, inspect, lonely, pkgutil
print(type(lonely.__loader__), type(lonely.__spec__.loader), lonely.__spec__.origin, vars(lonely.__loader__).keys())
print(inspect.getsource(lonely), lonely.__loader__ is lonely.__spec__.loader, pkgutil.get_data("lonely", "lonely.py"))
print(inspect.signature(argparse.ArgumentParser.parse_known_args))
"""
    env = taps(tmp_path)
    child, plain = hooked(script, env=env), hooked(script, env={**env, "MLOPS_HOOK": "off"})
    assert woken(child) == [("lonely", 1)]
    assert child.out == plain.out


def test_modules_of_a_zip_file_and_lazily_loaded_ones_wake_their_tap(hooked: Hooked, tmp_path: Path) -> None:
    env = taps(tmp_path)
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        for name in ("pack/__init__.py", "pack/inner.py"):
            archive.write(tmp_path / "library" / name, name)
    before, archive_path = env["PYTHONPATH"], str(tmp_path / "lib.zip")
    script = f"""
import importlib.util, sys
spec = importlib.util.find_spec("lonely")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
sys.modules["lonely"] = module
spec.loader.exec_module(module)
print("value" in object.__getattribute__(module, "__dict__"))
module.value
sys.path.remove({before!r}); sys.path.insert(0, {archive_path!r})
import pack
"""
    child = hooked(script, env=env)
    assert child.out == "False\n", child.err
    assert woken(child) == [("lonely", 1), ("pack.inner", 2)]


def test_a_reloaded_module_is_tapped_again_and_once(hooked: Hooked) -> None:
    script = """
import argparse, importlib
importlib.reload(argparse)
argparse.ArgumentParser(prog="x").parse_args()
parser = argparse.ArgumentParser(); parser.add_argument("--lr", default=1)
parser.parse_args()
"""
    child = hooked(script)
    assert child.code == 0, child.err
    assert [list(note["items"]) for note in child.of("params")] == [["lr"]]


def test_a_target_that_fails_to_import_fails_as_without_us(hooked: Hooked, tmp_path: Path) -> None:
    env = taps(tmp_path)
    (tmp_path / "library" / "lonely.py").write_text("import nothing_of_that_name\n")
    script = "try: import lonely\nexcept ImportError as error: print(error)\nimport sys; print('lonely' in sys.modules)"
    child = hooked(script, env=env)
    assert child.out == "No module named 'nothing_of_that_name'\nFalse\n"
    assert woken(child) == []
