"""What capture says about repositories of every kind: base, patch, artifact, what was left out and altered."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.code.model import Altered, Code, LeftOut, Limits
from mlops_cli.code.status import start

from .conftest import fingerprint, git, listing, rebuild

TOKEN = "ghp_" + "a1B2" * 9
Repo = Callable[..., Path]
Take = Callable[..., Code]


def test_a_clean_pushed_tree_is_its_commit(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    head = git(repo, "rev-parse", "HEAD")
    code = take(repo)
    assert (code.repository, code.branch, code.ref) == (git(repo, "remote", "get-url", "origin"), "main", "origin/main")
    assert (code.commit, code.head, code.diff, code.artifacts) == (head, head, "", ())
    assert (code.working_dir, code.entry_point, code.can_rebuild_from_diff) == (".", "train.py", True)


def test_a_clean_pushed_tree_costs_two_processes(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    calls = tmp_path / "calls"
    shim = tmp_path / "bin/git"
    shim.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    shim.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = f"{shim.parent}:{path}"
        assert take(repo).commit
    finally:
        os.environ["PATH"] = path
    assert len(calls.read_text().splitlines()) == 2


def test_everything_since_the_base_is_in_the_patch(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    base = git(repo, "rev-parse", "HEAD")
    (repo / "unpushed.py").write_text("a = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "not pushed")
    (repo / "staged.py").write_text("b = 2\n")
    git(repo, "add", "staged.py")
    (repo / "train.py").write_text("import sys\nlr = 0.2\nprint(lr)\n")
    (repo / "new.py").write_text("c = 3\n")
    (repo / ".gitignore").write_text("ignored/\n")
    (repo / "ignored").mkdir()
    (repo / "ignored/x").write_text("no\n")
    git(repo, "mv", "src/model.py", "src/net.py")
    before = fingerprint(repo)
    code = take(repo)
    assert fingerprint(repo) == before
    assert code.commit == base and code.head != base and code.can_rebuild_from_diff and not code.artifacts
    for part in ("+a = 1", "+b = 2", "+c = 3", "-lr = 0.1", "+lr = 0.2", "rename to src/net.py"):
        assert part in code.diff
    assert "ignored/x" not in code.diff
    # A foreign agent clones, checks the commit out and applies the patch.
    clone = tmp_path / "agent"
    git(tmp_path, "clone", "-q", code.repository, str(clone))
    git(clone, "checkout", "-q", code.commit)
    git(clone, "apply", "-", stdin=code.diff.encode())
    expected = listing(repo)
    del expected[b"ignored/x"]
    assert listing(clone) == expected


def test_the_working_dir_is_relative_to_the_repository(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    code = take(repo / "src", script="../train.py")
    assert (code.working_dir, code.entry_point) == ("src", "../train.py")


@pytest.mark.parametrize(
    ("name", "content"), [("latin.py", b"# caf\xe9\n"), ("blob.bin", b"\0\1\2\xff"), ("dos.py", b"a = 1\r\nb = 2\r\n")]
)
def test_what_a_text_patch_cannot_say_travels_in_a_bundle(
    make_repo: Repo, take: Take, tmp_path: Path, name: str, content: bytes
) -> None:
    repo = make_repo()
    (repo / name).write_bytes(content)
    (repo / "train.py").write_text("changed\n")
    code = take(repo)
    assert not code.can_rebuild_from_diff and "+changed" in code.diff
    assert [artifact.type for artifact in code.artifacts] == ["git-bundle"]
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_patch_over_the_bound_travels_in_a_bundle(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "large.txt").write_text("".join(f"line {i}\n" for i in range(200_000)))
    (repo / "train.py").write_text("changed\n")
    code = take(repo)
    assert not code.can_rebuild_from_diff and "+changed" in code.diff and "large.txt" not in code.diff
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_no_remote_means_the_script_as_diff_and_everything_in_a_bundle(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo(pushed=False)
    (repo / "new.py").write_text("c = 3\n")
    code = take(repo)
    assert (code.repository, code.commit, code.entry_point, code.working_dir) == ("", "", "train.py", ".")
    assert code.diff == (repo / "train.py").read_text()
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_repository_without_commits_comes_back(tmp_path: Path, take: Take) -> None:
    repo = tmp_path / "empty"
    repo.mkdir()
    git(repo, "init", "-q")
    (repo / "train.py").write_text("x = 1\n")
    (repo / "staged.py").write_text("y = 1\n")
    git(repo, "add", "staged.py")
    code = take(repo)
    assert code.diff == "x = 1\n" and not code.can_rebuild_from_diff
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_stand_alone_script_goes_whole_into_the_diff(tmp_path: Path, take: Take) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "train.py").write_text("print('ü')\n")
    (folder / "data.bin").write_bytes(b"\0" * 100)
    code = take(folder)
    assert (code.repository, code.entry_point, code.diff, code.artifacts) == ("", "train.py", "print('ü')\n", ())
    assert code.can_rebuild_from_diff
    assert listing(rebuild(code, tmp_path / "again").path) == {b"train.py": ("file", "print('ü')\n".encode())}


def test_the_folder_of_a_script_travels_as_a_tar_of_its_code(tmp_path: Path, take: Take) -> None:
    folder = tmp_path / "plain"
    (folder / "pkg/__pycache__").mkdir(parents=True)
    (folder / "env2").mkdir()
    files = {"train.py": b"import pkg.a\n", "pkg/a.py": f"token = '{TOKEN}'\n".encode(), "run.sh": b"#!/bin/sh\n"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "run.sh").chmod(0o755)
    for name in ("pkg/__pycache__/a.pyc", "weights.pt", "env2/pyvenv.cfg", "env2/x.py", "out.json"):
        (folder / name).write_bytes(b"x")
    code = take(folder, exclude=frozenset({folder / "out.json"}))
    assert [artifact.type for artifact in code.artifacts] == ["tar"]
    assert code.altered == (Altered("pkg/a.py", 1, "github token"),)
    restored = rebuild(code, tmp_path / "again")
    assert listing(restored.path) == {
        b"train.py": ("file", b"import pkg.a\n"),
        b"pkg/a.py": ("file", b"token = '<redacted>'\n"),
        b"run.sh": ("run", b"#!/bin/sh\n"),
    }
    assert [(one.path, one.line) for one in restored.altered] == [("pkg/a.py", 1)]


def test_large_files_and_the_run_s_own_are_left_out_and_named(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    (repo / "huge.bin").write_bytes(b"x" * 5000)
    (repo / "log.txt").write_text("written by the run\n")
    (repo / "out").mkdir()
    (repo / "out/a.txt").write_text("too\n")
    (repo / "kept.py").write_text("kept\n")
    code = take(repo, limits=Limits(file_bytes=1000), exclude=frozenset({repo / "log.txt", repo / "out"}))
    assert set(code.left_out) == {
        LeftOut("huge.bin", "5000 bytes, more than 1000"),
        LeftOut("log.txt", "written by the run"),
        LeftOut("out/a.txt", "written by the run"),
    }
    assert "+kept" in code.diff and "log.txt" not in code.diff


def test_a_committed_but_unpushed_large_file_is_left_out_too(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    (repo / "huge.bin").write_bytes(os.urandom(5000))
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "oops")
    code = take(repo, limits=Limits(file_bytes=1000))
    assert code.left_out == (LeftOut("huge.bin", "5000 bytes, more than 1000"),)
    assert code.can_rebuild_from_diff and code.diff == ""


def test_the_bound_for_all_files_leaves_some_out(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    for i in range(5):
        (repo / f"f{i}").write_bytes(b"%d" % i * 1000)
    code = take(repo, limits=Limits(total_bytes=3500))
    assert [left.path for left in code.left_out] == ["f3", "f4"]


def test_a_file_written_after_the_status_is_no_code_and_a_changed_one_is_noted(make_repo: Repo, tmp_path: Path) -> None:
    from mlops_cli.code.capture import capture

    repo = make_repo()
    (repo / "mine.py").write_text("a\n")
    status = start(repo).wait()
    assert status is not None
    (repo / "output.txt").write_text("by the run\n")
    (repo / "mine.py").write_text("b\n")
    os.utime(repo / "mine.py", ns=(status.finished_ns + 10**9,) * 2)
    staging = tmp_path / "s"
    staging.mkdir()
    code = capture(status, cwd=repo, script=None, staging=staging)
    assert "output.txt" not in code.diff and "+b" in code.diff
    assert code.notes == ("mine.py: changed while captured",)


def test_a_secret_is_hidden_in_patch_and_bundle_alike(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text(f"import sys\nlr = 0.1\nkey = '{TOKEN}'\nprint(lr)\n")
    (repo / "keys.bin").write_bytes(b"\0\1" + TOKEN.encode() + b"\0")
    (repo / 'quo"te').write_text(f"password = 'hunter2'\n{TOKEN}\n")
    (repo / "blob.bin").write_bytes(b"\0\1\2")
    code = take(repo)
    assert set(code.altered) == {
        Altered("train.py", 3, "github token"), Altered('quo"te', 1, "named"), Altered('quo"te', 2, "github token"),
    }  # fmt: skip
    assert [left.path for left in code.left_out] == ["keys.bin"]
    assert TOKEN not in code.diff and TOKEN not in code.left_out[0].why
    restored = rebuild(code, tmp_path / "again")
    found = listing(restored.path)
    assert found[b"train.py"][1] == b"import sys\nlr = 0.1\nkey = '<redacted>'\nprint(lr)\n"
    assert b"keys.bin" not in found and found[b"blob.bin"][1] == b"\0\1\2"
    assert {(one.path, one.line) for one in restored.altered} == {("train.py", 3), ('quo"te', 1), ('quo"te', 2)}


def test_a_file_with_a_secret_beside_the_change_stays_as_the_base_has_it(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo()
    (repo / "train.py").write_text(f"key = '{TOKEN}'\nlr = 0.1\n")
    git(repo, "commit", "-qam", "a secret")
    git(repo, "push", "-q")
    (repo / "train.py").write_text(f"key = '{TOKEN}'\nlr = 0.2\n")
    code = take(repo)
    assert code.diff == "" and [left.path for left in code.left_out] == ["train.py"]


def test_keep_keeps_and_credentials_leave_the_url(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    (repo / "train.py").write_text(f"key = '{TOKEN}'\n")
    git(repo, "remote", "set-url", "origin", "https://me:word1234@example.com/a.git")
    assert TOKEN in take(repo, policy="keep").diff
    code = take(repo)
    assert code.repository == "https://example.com/a.git"
    assert Altered("repository", 0, "url password") in code.altered


def test_a_known_value_is_hidden_in_the_patch(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("x = 'horse-battery'\n")
    assert "horse-battery" not in take(repo, known=["horse-battery"]).diff


def test_the_base_is_found_without_an_upstream(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    base = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-b", "work")
    (repo / "train.py").write_text("changed\n")
    git(repo, "commit", "-qam", "mine")
    code = take(repo)
    assert (code.commit, code.ref, code.branch, code.local_branch) == (base, "origin/main", "main", "work")
    git(repo, "checkout", "-q", "--detach")
    assert take(repo).commit == base
    git(repo, "remote", "rename", "origin", "team/fork")
    code = take(repo)
    assert (code.commit, code.ref, code.branch) == (base, "team/fork/main", "main")


def test_the_upstream_wins_and_shorthands_are_written_out(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    git(tmp_path, "init", "-q", "--bare", "other.git")
    git(repo, "config", f"url.{tmp_path}/.insteadOf", "short:")
    git(repo, "remote", "add", "other", "short:other.git")
    git(repo, "push", "-q", "other", "main:trunk")
    git(repo, "branch", "-q", "--set-upstream-to=other/trunk")
    code = take(repo)
    assert (code.repository, code.branch, code.ref) == (f"{tmp_path}/other.git", "trunk", "other/trunk")


def test_a_merge_in_progress_is_captured_as_the_files_lie(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "train.py").write_text("side\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "train.py").write_text("main\n")
    git(repo, "commit", "-qam", "main")
    subprocess.run(["git", "merge", "side"], cwd=repo, capture_output=True, check=False)
    assert b"<<<<<<<" in (repo / "train.py").read_bytes()
    before = fingerprint(repo)
    code = take(repo)
    assert fingerprint(repo) == before
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_line_ends_made_by_attributes_come_back_and_stay_out_of_the_patch(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo()
    (repo / ".gitattributes").write_text("*.txt text eol=crlf\n")
    (repo / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    (repo / "b.txt").write_bytes(b"same\r\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "dos")
    git(repo, "push", "-q")
    (repo / "a.txt").write_bytes(b"one\r\nTWO\r\n")
    code = take(repo)
    assert "-two\n+TWO\n" in code.diff and "same" not in code.diff and "\r" not in code.diff
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_an_lfs_pointer_stays_a_pointer(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 5000\n"
    (repo / "model.bin").write_text(pointer)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "pointer")
    git(repo, "push", "-q")
    git(repo, "config", "filter.lfs.clean", f"printf '{pointer}' #")
    git(repo, "config", "filter.lfs.smudge", "cat")
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "attributes")
    git(repo, "push", "-q")
    (repo / "model.bin").write_bytes(b"w" * 5000)
    git(repo, "add", "-A")
    assert git(repo, "status", "--porcelain") == ""
    code = take(repo)
    assert code.left_out == (LeftOut("model.bin", "kept as its LFS pointer"),)
    assert code.diff == ""


def test_hostile_configuration_runs_nothing(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    trap = tmp_path / "trap"
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "core.pager", "diff.x.command"):
        git(repo, "config", key, f"touch {trap}; cat")
    (repo / ".gitattributes").write_text("*.py diff=x\n")
    hooks = repo / ".git/hooks"
    for name in ("post-index-change", "post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {trap}\n")
        (hooks / name).chmod(0o755)
    (repo / "train.py").write_text("changed\n")
    code = take(repo)
    rebuild(code, tmp_path / "again", repository=repo)
    assert "+changed" in code.diff
    assert not trap.exists()


def test_another_repository_inside_is_named_and_not_taken(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    inner = repo / "vendor"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x.py").write_text("x\n")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "inner")
    code = take(repo)
    assert code.left_out == (LeftOut("vendor/", "another repository inside this one"),)


def test_a_worktree_and_a_sparse_checkout_are_captured(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    git(repo, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "tree")
    tree = tmp_path / "tree"
    (tree / "train.py").write_text("in the worktree\n")
    code = take(tree)
    assert "+in the worktree" in code.diff and code.local_branch == "tree"
    git(repo, "sparse-checkout", "set", "--no-cone", "/train.py")
    assert not (repo / "src").exists()
    (repo / "train.py").write_text("sparse\n")
    code = take(repo)
    assert "+sparse" in code.diff and "src/model.py" not in code.diff


def test_ten_thousand_files_and_many_new_ones(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    for i in range(100):
        (repo / f"d{i}").mkdir()
        for j in range(100):
            (repo / f"d{i}/f{j}.py").write_text(f"{i} {j}\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "many")
    git(repo, "push", "-q")
    (repo / "d5/f5.py").write_text("changed\n")
    code = take(repo)
    assert code.diff.count("diff --git") == 1 and code.can_rebuild_from_diff
    for i in range(300):
        (repo / f"new{i}").write_text(f"{i}\n")
    code = take(repo, limits=Limits(files=100))
    assert code.diff.count("diff --git") == 100
    assert code.left_out == (LeftOut("201 more changed files", "only 100 are looked at"),)


def test_without_git_the_script_is_still_captured(
    make_repo: Repo, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    code = take(repo)
    assert code.problem == "git is not installed"
    assert code.left_out[0] == LeftOut("the repository", "git is not installed")
    assert code.diff == (repo / "train.py").read_text() and code.artifacts[0].type == "tar"


def test_a_repository_of_somebody_else_is_explained(
    make_repo: Repo, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    code = take(repo)
    assert "safe.directory" in code.problem
    assert code.diff == (repo / "train.py").read_text()


def test_a_broken_repository_keeps_its_place(make_repo: Repo, take: Take) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    (repo / ".git/index").write_bytes(b"garbage")
    code = take(repo)
    assert code.problem and code.diff == "changed\n"


def test_a_repository_with_sha256_names_comes_back(tmp_path: Path, take: Take) -> None:
    repo = tmp_path / "modern"
    repo.mkdir()
    git(repo, "init", "-q", "--object-format=sha256")
    (repo / "train.py").write_text("x = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "first")
    (repo / "dir").mkdir()
    (repo / "dir/new.bin").write_bytes(b"\0\1")
    code = take(repo)
    assert len(code.head) == 64
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_place_given_by_the_environment_is_honoured(
    make_repo: Repo, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    (repo / "blob").write_bytes(b"\0\xff")
    moved = tmp_path / "elsewhere.git"
    (repo / ".git").rename(moved)
    monkeypatch.setenv("GIT_DIR", str(moved))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo))
    code = take(repo)
    assert "+changed" in code.diff and code.artifacts
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_folder_that_becomes_a_file_and_back(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "src/model.py").unlink()
    (repo / "src").rmdir()
    (repo / "src").write_text("now a file\n")
    (repo / "train.py").unlink()
    (repo / "train.py").mkdir()
    (repo / "train.py/inner.py").write_text("now a folder\n")
    code = take(repo, script=None)
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_what_a_killed_supervisor_left_is_removed(make_repo: Repo, tmp_path: Path) -> None:
    from mlops_cli.code.capture import capture

    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    (tmp_path / "s/.code-1/objects").mkdir(parents=True)
    capture(start(repo).wait(), cwd=repo, script=None, staging=tmp_path / "s")
    assert os.listdir(tmp_path / "s") == []


def test_untracked_files_without_end_are_counted_and_not_held(
    make_repo: Repo, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_cli.code import status

    monkeypatch.setattr(status, "MOST_CHANGES", 3)
    repo = make_repo()
    for i in range(10):
        (repo / f"f{i}").write_text("x\n")
    code = take(repo, limits=Limits(files=2))
    assert code.left_out == (LeftOut("8 more changed files", "only 2 are looked at"),)


def test_a_submodule_that_the_configuration_hides_is_seen(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    make_repo("inner")
    git(repo, "submodule", "--quiet", "add", str(tmp_path / "inner.git"), "sub")
    git(repo, "config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "a hidden submodule")
    git(repo, "push", "-q")
    (repo / "sub/train.py").write_text("changed inside\n")
    code = take(repo)
    assert not code.can_rebuild_from_diff and "Subproject" not in code.diff
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


def test_a_relative_path_of_a_remote_is_written_out(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    git(repo, "remote", "set-url", "origin", "../repo.git")
    code = take(repo)
    assert code.repository == str(tmp_path / "repo.git")
    assert listing(rebuild(code, tmp_path / "again").path) == listing(repo)


@pytest.mark.parametrize("inside", [True, False])
def test_a_full_disk_leaves_out_what_does_not_fit_and_says_so(make_repo: Repo, tmp_path: Path, inside: bool) -> None:
    """The staging folder cannot be written: the same errors as those of a full disk, for root as well."""
    from mlops_cli.code.capture import capture

    repo = make_repo()
    (repo / "latin.py").write_bytes(b"# caf\xe9\n")
    if not inside:
        (repo / ".git").rename(tmp_path / "gone")
    staging = Path("/proc/self/fdinfo")
    code = capture(start(repo).wait(), cwd=repo, script=Path("train.py"), staging=staging)
    assert code.left_out and not code.artifacts and not code.can_rebuild_from_diff
    assert bool(code.commit) == inside
    assert code.entry_point == "train.py"
