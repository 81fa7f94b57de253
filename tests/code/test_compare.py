"""The patch between two tasks: exact where both trees can be built, honest where not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlops_cli.code.compare import Version, patch_between
from mlops_cli.code.model import Code

from .conftest import fingerprint, git, script_of, without_times

Repo = Callable[..., Path]
Take = Callable[..., Code]


def _version(code: Code, name: str = "") -> Version:
    return Version(script_of(code), {artifact.key: artifact.path for artifact in code.artifacts}, name)


def test_the_same_code_has_no_patch(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("changed\n")
    assert patch_between(_version(take(repo)), _version(take(repo)), scratch=tmp_path / "s", repository=repo) == ""


def test_two_trees_of_one_repository_are_compared_across_commits(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("import sys\nlr = 0.2\nprint(lr)\n")
    first = take(repo)
    git(repo, "commit", "-qam", "second")
    (repo / "extra.py").write_text("x\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "third")
    git(repo, "push", "-q")
    (repo / "train.py").write_text("import sys\nlr = 0.3\nprint(lr)\n")
    (repo / "blob").write_bytes(b"\0\xff")
    untouched = fingerprint(repo)
    second = take(repo)
    patch = patch_between(_version(first), _version(second), scratch=tmp_path / "s", repository=repo)
    assert "-lr = 0.2\n+lr = 0.3\n" in patch and "b/extra.py" in patch and "Binary files" in patch
    assert "lr = 0.1" not in patch and not (tmp_path / "s").exists()
    assert without_times(fingerprint(repo)) == without_times(untouched)


def test_without_the_repository_the_records_are_compared_and_it_says_so(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo()
    (repo / "train.py").write_text("import sys\nlr = 0.2\nprint(lr)\n")
    first = take(repo)
    (repo / "train.py").write_text("import sys\nlr = 0.3\nprint(lr)\n")
    (repo / "only_b.py").write_text("new\n")
    second = take(repo)
    patch = patch_between(_version(first), _version(second), scratch=tmp_path / "s")
    assert patch.startswith("# The trees cannot be compared here: commit ")
    assert "-+lr = 0.2\n" in patch and "++lr = 0.3\n" in patch and "++new\n" in patch
    git(repo, "commit", "-qam", "x")
    git(repo, "push", "-q")
    patch = patch_between(_version(first), _version(take(repo)), scratch=tmp_path / "s")
    assert "# The base commits differ" in patch


def test_bundles_without_a_base_are_compared_without_any_repository(
    make_repo: Repo, take: Take, tmp_path: Path
) -> None:
    repo = make_repo(pushed=False)
    first = take(repo)
    (repo / "src/model.py").write_text("layer = 1\n")
    patch = patch_between(_version(first), _version(take(repo)), scratch=tmp_path / "s")
    assert "+layer = 1\n" in patch and not patch.startswith("#")


def test_stand_alone_scripts_are_compared_as_text(tmp_path: Path) -> None:
    a = Version({"diff": "x = 1\ny = 2\n\x0c", "entry_point": "t.py"})
    b = Version({"diff": "x = 1\ny = 3\n", "entry_point": "t.py"})
    assert patch_between(a, b, scratch=tmp_path / "s") == (
        "--- a/t.py\n+++ b/t.py\n@@ -1,3 +1,2 @@\n x = 1\n-y = 2\n-\x0c\n\\ No newline at end of file\n+y = 3\n"
    )


def test_a_script_and_a_repository_are_compared_as_far_as_known(make_repo: Repo, take: Take, tmp_path: Path) -> None:
    repo = make_repo()
    a = Version({"diff": "x = 1\n", "entry_point": "t.py"})
    patch = patch_between(a, _version(take(repo)), scratch=tmp_path / "s", repository=repo)
    assert patch.startswith("# The trees cannot be compared here")
