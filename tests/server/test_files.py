"""Files by content: once, whole, under a safe name, found again by a URI that survives a move of the store."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.errors import Denied, InvalidInput, NotFound, Unreachable
from mlops_cli.server.files.local import LocalFiles, safe_name


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path / "files")


def source(tmp_path: Path, content: bytes = b"content", name: str = "a.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_file_is_stored_by_its_content_and_read_back(files, tmp_path):
    content = os.urandom(3_000_000)
    kept = files.put(source(tmp_path, content), "best model.pt")
    assert kept.sha256 == hashlib.sha256(content).hexdigest() and kept.size_bytes == len(content)
    assert kept.uri == f"files/{kept.sha256[:2]}/{kept.sha256}/best%20model.pt"
    assert files.path_of(kept.uri) == kept.path and kept.path.read_bytes() == content
    assert list((tmp_path / "files" / "incoming").iterdir()) == []


def test_the_same_content_is_stored_once_under_each_of_its_names(files, tmp_path):
    path = source(tmp_path)
    first, again, other = files.put(path, "x"), files.put(path, "x"), files.put(path, "y")
    assert first == again and other.path != first.path
    assert first.path.stat().st_ino == other.path.stat().st_ino
    assert files.delete(first.uri) and other.path.read_bytes() == b"content"
    assert not files.delete(first.uri)
    assert files.delete(other.uri) and not other.path.parent.exists()


def test_a_later_change_of_the_source_does_not_reach_the_copy(files, tmp_path):
    path = source(tmp_path)
    kept = files.put(path)
    path.write_bytes(b"changed")
    assert kept.path.read_bytes() == b"content"


def test_a_link_shares_the_bytes_of_a_source_that_will_not_change(files, tmp_path):
    path = source(tmp_path)
    kept = files.put(path, link=True)
    assert kept.path.stat().st_ino == path.stat().st_ino and kept.sha256 == hashlib.sha256(b"content").hexdigest()
    (tmp_path / "alias").symlink_to(path)
    assert not files.put(tmp_path / "alias", link=True).path.is_symlink()


def test_an_empty_file_is_a_file(files, tmp_path):
    assert files.put(source(tmp_path, b"")).size_bytes == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..", "file"),
        ("", "file"),
        ("a\\b\x00c\nd", "a_b_c_d"),
        ("ünï 🎉.pt", "ünï 🎉.pt"),
        ("bad\udcff.bin", "bad?.bin"),
        ("-rf", "-rf"),
    ],
)
def test_names_are_one_safe_segment(files, tmp_path, name, expected):
    assert safe_name(name) == expected
    kept = files.put(source(tmp_path), name or "..")
    assert kept.path.parent.parent.parent == files.root and files.path_of(kept.uri) == kept.path


def test_long_names_keep_their_suffix(files, tmp_path):
    name = safe_name("ü" * 300 + ".safetensors")
    assert len(name.encode()) <= 200 and name.endswith(".safetensors")
    assert files.put(source(tmp_path), "ü" * 300 + ".safetensors").path.exists()


def test_uris_are_made_absolute_and_relative_again(files, tmp_path):
    kept = files.put(source(tmp_path), "a b.bin")
    absolute = files.absolute(kept.uri)
    assert absolute.startswith("file:///") and files.relative(absolute) == kept.uri
    assert files.path_of(absolute) == kept.path
    for foreign in ("s3://b/x", "/plain/path", "file:///elsewhere/x", "", "files/notes.txt"):
        assert files.absolute(foreign) == foreign and files.relative(foreign) == foreign
        assert not files.owns(foreign)


@pytest.mark.parametrize(
    "uri",
    [
        "files/../../etc/passwd",
        "files/aa/" + "a" * 64 + "/..",
        "files/aa/" + "a" * 64 + "/%2e%2e%2fx",
        "s3://x",
        "files/ab/cd/e",
        "",
    ],
)
def test_other_uris_are_never_turned_into_a_path(files, uri):
    with pytest.raises(InvalidInput):
        files.path_of(uri)
    with pytest.raises(InvalidInput):
        files.delete(uri)


def test_what_cannot_be_stored_is_explained(files, tmp_path):
    with pytest.raises(NotFound):
        files.put(tmp_path / "absent")
    with pytest.raises(InvalidInput):
        files.put(tmp_path)


def test_an_unreadable_source_is_explained(files, tmp_path):
    path = source(tmp_path)
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(Denied):
            files.put(path)
    finally:
        if is_root:
            os.seteuid(0)


def test_a_disk_without_room_is_explained_and_leaves_nothing(files, tmp_path):
    path = source(tmp_path, b"x" * 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(Unreachable, match="cannot store"):
            files.put(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry for entry in (tmp_path / "files").rglob("*") if entry.is_file()] == []
    assert files.put(path).size_bytes == 100_000


def test_processes_that_store_and_delete_the_same_content_never_leave_half_a_file(files, tmp_path):
    path = source(tmp_path, b"z" * 100_000)
    program = (
        "import sys, pathlib; from mlops_cli.server.files.local import LocalFiles\n"
        "files = LocalFiles(pathlib.Path(sys.argv[1]))\n"
        "for i in range(60):\n"
        "    kept = files.put(pathlib.Path(sys.argv[2]), f'n{i % 3}')\n"
        "    if sys.argv[3] == '1': files.delete(kept.uri)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(files.root), str(path), str(n % 2)]) for n in range(4)
    ]
    assert [child.wait(60) for child in children] == [0] * 4
    for kept in (tmp_path / "files").glob("*/*/*"):
        assert kept.stat().st_size == 100_000
