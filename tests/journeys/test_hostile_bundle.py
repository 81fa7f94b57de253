"""A file given to `import` may come from anybody: nothing lands outside of the store, half, or huge."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Mlops

Entries = list[tuple[str, bytes]]


@pytest.fixture
def bundle(mlops: Mlops, tmp_path: Path) -> Path:
    (mlops.cwd / "train.py").write_text("print('step=1 loss=0.5')\n")
    (mlops.cwd / "helper.py").write_text("x = 1\n")
    mlops.ok("run", "train.py")
    mlops.ok("export", "@latest", "--to", str(tmp_path / "good.mlops"))
    return tmp_path / "good.mlops"


def _rewrite(good: Path, bad: Path, change: Callable[[Entries], Entries]) -> None:
    """The same archive with other entries, whichever kind of archive it is."""
    if zipfile.is_zipfile(good):
        with zipfile.ZipFile(good) as archive:
            entries = [(item.filename, archive.read(item)) for item in archive.infolist()]
        with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in change(entries):
                archive.writestr(name, data)
        return
    with tarfile.open(good) as archive:
        entries = []
        for member in archive.getmembers():
            file = archive.extractfile(member)
            entries.append((member.name, file.read() if file else b""))
    with tarfile.open(bad, "w:gz") as archive:
        for name, data in change(entries):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _outside(tmp_path: Path) -> set[str]:
    return {str(path) for path in tmp_path.rglob("*") if "other" not in path.parts}


@pytest.mark.parametrize("name", ["../escaped", "/tmp/mlops-escaped", "files/../../escaped", "a\\..\\..\\escaped"])
def test_a_path_that_leads_outside_is_refused(mlops: Mlops, bundle: Path, tmp_path: Path, name: str) -> None:
    bad = tmp_path / "bad.mlops"
    _rewrite(bundle, bad, lambda entries: [*entries, (name, b"evil")])
    _refused(mlops, bad, tmp_path)
    assert not Path("/tmp/mlops-escaped").exists()


def test_changed_bytes_are_refused(mlops: Mlops, bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mlops"
    _rewrite(bundle, bad, lambda entries: [(name, data.replace(b"train.py", b"evil0.py")) for name, data in entries])
    _refused(mlops, bad, tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(mlops: Mlops, bundle: Path, tmp_path: Path, share: float) -> None:
    bad = tmp_path / "bad.mlops"
    data = bundle.read_bytes()
    bad.write_bytes(data[: int(len(data) * share)])
    _refused(mlops, bad, tmp_path)


def test_a_bomb_is_refused_before_it_bursts(mlops: Mlops, bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mlops"
    _rewrite(bundle, bad, lambda entries: [(name, b"\0" * 300_000_000) for name, _ in entries[:1]] + entries[1:])
    assert bad.stat().st_size < 5_000_000
    _refused(mlops, bad, tmp_path)


@pytest.mark.parametrize("kind", ["folder", "absent", "text"])
def test_what_is_no_bundle_is_refused(mlops: Mlops, tmp_path: Path, kind: str) -> None:
    bad = tmp_path / "bad.mlops"
    if kind == "folder":
        bad.mkdir()
    elif kind == "text":
        bad.write_text("{}")
    _refused(mlops, bad, tmp_path)


def _refused(mlops: Mlops, bad: Path, tmp_path: Path) -> None:
    other = mlops.with_home(tmp_path / "other")
    before = _outside(tmp_path)
    done = other("import", str(bad))
    assert done.code in (1, 2, 3, 6, 9), done
    assert "error:" in done.errors
    assert "Traceback" not in done.errors
    assert _outside(tmp_path) == before
    assert other.ok("ls", "--all", "--json").json == []
    files = other.home / "files"
    assert not files.exists() or not [path for path in files.rglob("*") if path.is_file()]
