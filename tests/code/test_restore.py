"""Restoring: from every source, into new folders only, and whatever a hostile record says."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.code.model import ARTIFACT_KEY, Code
from mlops_cli.code.restore import restore
from mlops_cli.errors import Conflict, InvalidInput, MlopsError, NotFound

from .conftest import fingerprint, git, listing, rebuild, script_of

Repo = Callable[..., Path]
Take = Callable[..., Code]


def test_the_url_alone_is_enough_and_the_remote_is_not_touched(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    code, expected = take(repo), listing(repo)
    shutil.rmtree(repo)
    before = fingerprint(tmp_path / "repo.git")
    restored = rebuild(code, tmp_path / "again")
    assert listing(restored.path) == expected
    assert (restored.commit, restored.files) == (code.commit, 2)
    assert fingerprint(tmp_path / "repo.git") == before


def test_a_repository_at_hand_serves_when_the_url_is_gone(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    (repo / "bin").write_bytes(b"\0\xff")
    code = take(repo)
    shutil.rmtree(tmp_path / "repo.git")
    before = fingerprint(repo)
    assert listing(rebuild(code, tmp_path / "again", repository=repo).path) == listing(repo)
    assert fingerprint(repo) == before
    with pytest.raises(MlopsError):
        rebuild(code, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_worktree_is_made_when_asked(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    (repo / "new.py").write_text("new\n")
    code = take(repo)
    restored = rebuild(code, tmp_path / "tree", repository=repo, as_worktree=True)
    assert listing(restored.path) == listing(repo)
    assert git(restored.path, "rev-parse", "HEAD") == code.commit
    assert git(restored.path, "status", "--porcelain").split("\n") == ["M train.py", "?? new.py"]
    assert git(repo, "branch", "--list").split() == ["*", "main"]


@pytest.mark.parametrize("what", ["file", "full folder", "link"])
def test_a_taken_place_is_refused(make_repo: Repo, take: Take, tmp_path: Path, what: str) -> None:
    code = take(make_repo())
    dest = tmp_path / "taken"
    if what == "file":
        dest.write_text("mine")
    elif what == "link":
        dest.symlink_to(tmp_path / "elsewhere")
    else:
        dest.mkdir()
        (dest / "mine").write_text("mine")
    with pytest.raises(Conflict):
        rebuild(code, dest)
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_folder_is_filled(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (tmp_path / "empty").mkdir()
    assert listing(rebuild(take(repo), tmp_path / "empty").path) == listing(repo)


NEW_FILE = "diff --git a/{n} b/{n}\nnew file mode 100644\n--- /dev/null\n+++ b/{n}\n@@ -0,0 +1 @@\n+evil\n"
LINK = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+{target}\n"
LINK += "\\ No newline at end of file\n"


@pytest.mark.parametrize(
    "patch",
    [
        NEW_FILE.format(n="../evil"),
        NEW_FILE.format(n="x/../../evil"),
        NEW_FILE.format(n="/evil"),
        NEW_FILE.format(n=".git/hooks/post-checkout"),
        NEW_FILE.format(n="x/.GIT/config"),
        'diff --git "a/\\056\\056/evil" "b/\\056\\056/evil"\nnew file mode 100644\n--- /dev/null\n'
        '+++ "b/\\056\\056/evil"\n@@ -0,0 +1 @@\n+evil\n',
        "diff --git a/train.py b/../evil\nsimilarity index 100%\nrename from train.py\nrename to ../evil\n",
        LINK.format(target="..") + NEW_FILE.format(n="l/evil"),
        "--- /dev/null\n+++ b/../evil\n@@ -0,0 +1 @@\n+evil\n",
        "no patch at all\n",
    ],
)
def test_hostile_patches_write_nothing_outside(make_repo: Repo, take: Take, tmp_path: Path, patch: str) -> None:
    repo = make_repo()
    script = {**script_of(take(repo)), "diff": patch}
    with pytest.raises(MlopsError):
        restore(script, {}, tmp_path / "box/again", repository=repo)
    assert not (tmp_path / "box/again").exists()
    assert os.listdir(tmp_path / "box") == []


def test_a_link_that_leads_out_is_kept_named_and_never_written_through(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo()
    script = {**script_of(take(repo)), "diff": LINK.format(target="../outside")}
    restored = restore(script, {}, tmp_path / "again", repository=repo)
    assert os.readlink(restored.path / "l") == "../outside"
    assert restored.notes == ("l: a link that leads out of the folder, to ../outside",)


@pytest.mark.parametrize("commit", ["--upload-pack=touch evil", "HEAD", "0" * 40, "main", "", "$(id)"])
def test_hostile_commits_and_urls_run_nothing(make_repo: Repo, take: Take, tmp_path: Path, commit: str) -> None:
    script = {**script_of(take(make_repo())), "version_num": commit, "diff": ""}
    for url in (script["repository"], "--upload-pack=touch evil", f"ext::sh -c 'touch {tmp_path}/evil'"):
        with pytest.raises(MlopsError):
            restore({**script, "repository": url}, {}, tmp_path / "again")
    assert not (tmp_path / "evil").exists() and not Path("evil").exists()


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/b/evil.py"])
def test_a_stand_alone_script_is_written_under_its_name_only(tmp_path: Path, name: str) -> None:
    restored = restore({"diff": "print(1)\n", "entry_point": name, "working_dir": ".."}, {}, tmp_path / "box/again")
    assert listing(restored.path) == {b"evil.py": ("file", b"print(1)\n")}
    assert os.listdir(tmp_path / "box") == ["again"]


def test_a_record_without_code_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        restore({}, {}, tmp_path / "again")


def _tar(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            info.linkname = content.decode() if kind != tarfile.REGTYPE else ""
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", tarfile.REGTYPE, b"x")],
        [("/tmp/evil-of-a-test", tarfile.REGTYPE, b"x")],
        [("a/../../evil", tarfile.REGTYPE, b"x")],
        [("l", tarfile.SYMTYPE, b".."), ("l/evil", tarfile.REGTYPE, b"x")],
        [("l", tarfile.LNKTYPE, b"/etc/passwd")],
        [("fifo", tarfile.FIFOTYPE, b"")],
        [("twice", tarfile.REGTYPE, b"1"), ("twice", tarfile.REGTYPE, b"2")],
        [("file", tarfile.REGTYPE, b"1"), ("file/below", tarfile.REGTYPE, b"2")],
    ],
)
def test_hostile_archives_are_refused(tmp_path: Path, members: list[tuple[str, bytes, bytes]]) -> None:
    archive = _tar(tmp_path / "a.tar.gz", *members)
    with pytest.raises(InvalidInput):
        restore({}, {ARTIFACT_KEY: archive}, tmp_path / "box/again")
    assert os.listdir(tmp_path / "box") == []


def test_a_bomb_and_garbage_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_cli.code import archive as archives

    archive = _tar(tmp_path / "a.tar.gz", ("big", tarfile.REGTYPE, b"\0" * 2_000_000))
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000_000)
    with pytest.raises(InvalidInput):
        restore({}, {ARTIFACT_KEY: archive}, tmp_path / "again")
    for garbage in (
        b"",
        b"\x1f\x8bgarbage",
        b"# v2 git bundle\nxyz\n",
        b"# v2 git bundle\n",
        archive.read_bytes()[:100],
    ):
        (tmp_path / "garbage").write_bytes(garbage)
        with pytest.raises(MlopsError):
            restore({}, {ARTIFACT_KEY: tmp_path / "garbage"}, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_cut_bundle_is_refused(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo(pushed=False)
    code = take(repo)
    cut = tmp_path / "cut"
    cut.write_bytes(code.artifacts[0].path.read_bytes()[:-30])
    with pytest.raises(MlopsError):
        restore(script_of(code), {ARTIFACT_KEY: cut}, tmp_path / "again", repository=repo)
    assert not (tmp_path / "again").exists()


def test_a_fetch_uses_the_person_s_own_shorthands(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    code = take(repo)
    git(tmp_path, "config", "--global", f"url.{tmp_path}/.insteadOf", "https://git.invalid/")
    script = {**script_of(code), "repository": "https://git.invalid/repo.git"}
    assert listing(restore(script, {}, tmp_path / "again").path) == listing(repo)


def test_a_server_that_gives_out_no_single_commits_is_fetched_whole(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo()
    code = take(repo)
    (repo / "train.py").write_text("later\n")
    git(repo, "commit", "-qam", "later")
    git(repo, "push", "-q")
    git(tmp_path / "repo.git", "config", "uploadpack.allowAnySHA1InWant", "false")
    script = {**script_of(code), "repository": (tmp_path / "repo.git").as_uri()}
    assert rebuild(code, tmp_path / "one").files == 2
    assert listing(restore(script, {}, tmp_path / "again").path)[b"train.py"][1].startswith(b"import sys")


def test_a_clean_submodule_comes_from_the_clone_at_hand_or_is_named(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo, inner = make_repo(), make_repo("inner")
    git(repo, "submodule", "--quiet", "add", str(tmp_path / "inner.git"), "sub")
    git(repo, "commit", "-qm", "a submodule")
    git(repo, "push", "-q")
    code = take(repo)
    assert code.can_rebuild_from_diff and not code.artifacts
    assert listing(rebuild(code, tmp_path / "a", repository=repo).path) == listing(repo)
    restored = rebuild(code, tmp_path / "b")
    assert [left.path for left in restored.left_out] == ["sub"]
    assert os.listdir(restored.path / "sub") == []
    assert inner.is_dir()
