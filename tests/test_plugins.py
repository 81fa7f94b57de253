from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlops_cli import plugins
from mlops_cli.errors import PluginError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, as site-packages is, with two packages that offer plug-ins."""
    for name, entries in {
        "mlops-good": "[mlops_cli.launchers]\nslurm = good_plugin:Launcher\nbroken = good_plugin:Missing\n",
        "mlops-rude": "[mlops_cli.launchers]\nrude = rude_plugin:Launcher\ntwice = good_plugin:Launcher\n",
        "mlops-late": "[mlops_cli.launchers]\ntwice = good_plugin:Launcher\n",
    }.items():
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entries)
    (tmp_path / "good_plugin.py").write_text("class Launcher: pass\n")
    (tmp_path / "rude_plugin.py").write_text("raise RuntimeError('no driver here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_loaded", {})
    return tmp_path


def test_a_plugin_is_found_by_name_and_loaded_once(installed: Path) -> None:
    assert plugins.names("mlops_cli.launchers") == ["broken", "rude", "slurm", "twice"]
    assert "good_plugin" not in sys.modules
    loaded = plugins.load("mlops_cli.launchers", "slurm")
    assert loaded.__name__ == "Launcher" and plugins.load("mlops_cli.launchers", "slurm") is loaded
    del sys.modules["good_plugin"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("broken", "mlops-good"),
        ("rude", "no driver here"),
        ("twice", "several packages offer .*mlops-late, mlops-rude"),
        ("nope", "no plug-in `nope`"),
    ],
)
def test_a_plugin_that_cannot_be_used_names_itself_and_its_package(installed: Path, name: str, says: str) -> None:
    with pytest.raises(PluginError, match=says) as caught:
        plugins.load("mlops_cli.launchers", name)
    assert caught.value.hint


def test_one_broken_plugin_stops_no_other(installed: Path) -> None:
    usable, broken = plugins.load_all("mlops_cli.launchers")
    assert list(usable) == ["slurm"] and len(broken) == 3
