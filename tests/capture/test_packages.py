"""Packages are those of the child's interpreter, read from its folders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.capture import packages


def test_it_agrees_with_the_standard_library_about_this_interpreter() -> None:
    script = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps([sys.path, sorted({(d.metadata['Name'], d.version) for d in m.distributions()})]))"
    )
    path, expected = json.loads(subprocess.check_output([sys.executable, "-c", script]))
    found = {(package.name, package.version) for package in packages.installed(path)}
    assert found == {(packages.canonical(name), version) for name, version in expected}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    def add(folder: str, **direct_url: object) -> None:
        (tmp_path / folder).mkdir()
        if direct_url:
            (tmp_path / folder / "direct_url.json").write_text(json.dumps(direct_url))

    add("plain_name-1.0.dist-info")
    add("local-2.0+cu121.dist-info", url="file:///home/me/local", dir_info={"editable": True})
    add("vcs-0.1.dist-info", url="https://example.org/x.git", vcs_info={"vcs": "git", "commit_id": "abc"})
    add("wheel-3.dist-info", url="https://example.org/w.whl", archive_info={})
    add("broken-1.dist-info", url=3)
    (tmp_path / "broken-1.dist-info" / "direct_url.json").write_text("{")
    (tmp_path / "not-a-package").mkdir()
    return tmp_path


def test_where_a_package_came_from_is_kept(site: Path) -> None:
    found = packages.installed([str(site), str(site), str(site / "missing"), str(site / "x.zip")])
    assert packages.requirements(found).splitlines() == [
        "broken==1",
        "# local==2.0+cu121 (editable from file:///home/me/local)",
        "plain-name==1.0",
        "vcs @ git+https://example.org/x.git@abc",
        "wheel @ https://example.org/w.whl",
    ]


def test_the_first_folder_on_the_path_wins(tmp_path: Path) -> None:
    for folder, version in (("a", "1.0"), ("b", "2.0")):
        (tmp_path / folder / f"x-{version}.dist-info").mkdir(parents=True)
    (found,) = packages.installed([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.version == "1.0"


def test_an_environments_folders_follow_from_its_interpreter() -> None:
    found = packages.installed(packages.site_folders(sys.executable))
    assert "pytest" in {package.name for package in found}


def test_the_nearest_lock_file_is_taken_but_none_above_the_repository(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    inner = top / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "uv.lock").touch()
    assert packages.lock_file(inner, top) is None
    (top / "requirements.txt").touch()
    assert packages.lock_file(inner, top) == top / "requirements.txt"
    (top / "poetry.lock").touch()
    assert packages.lock_file(inner, top) == top / "poetry.lock"
    (inner / "uv.lock").touch()
    assert packages.lock_file(inner, top) == inner / "uv.lock"
    assert packages.lock_file(top / "a", None) is None
