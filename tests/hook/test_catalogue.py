"""The catalogue and the tap files tell the same, and each switch is known by its name."""

from __future__ import annotations

import importlib
from pathlib import Path

from mlops_cli.hook import catalogue, taps


def test_each_tap_file_waits_for_what_the_catalogue_says() -> None:
    folder = Path(taps.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == set(catalogue.TAPS) | {catalogue.FILES}
    for name, (targets, _) in catalogue.TAPS.items():
        assert targets == importlib.import_module(f"mlops_cli.hook.taps.{name}").TARGET


def test_describe_tells_which_taps_are_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit")
    rows = {row["name"]: row["on"] for row in catalogue.describe("-torch, -mine", str(tmp_path))}
    assert [name for name, on in rows.items() if not on] == ["torch", "mine"]
    assert set(rows) == set(catalogue.TAPS) | {"files", "mine"}
    assert not any(row["on"] for row in catalogue.describe("off", str(tmp_path)))
    assert all(row["on"] and row["notes"] for row in catalogue.describe())
