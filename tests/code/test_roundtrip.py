"""Generated repositories survive capture and restore byte by byte, and capturing writes nothing into them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlops_cli.code.capture import capture
from mlops_cli.code.status import start

from .conftest import fingerprint, git, listing, rebuild, without_times

NAMES = [
    b"a.py", b"b.txt", b"dir/c.py", b"dir/deep/d", b"with space", b"new\nline", b'quo"te', b"latin-\xe9",
    "ünï.py".encode(), b"tab\there", b"-dash", b"back\\slash", b"dir2/e.csv",
]  # fmt: skip
CONTENTS = [
    b"", b"x\n", b"no end", b"crlf\r\nline\r\n", b"mixed\r\nline\n", b"caf\xe9 latin\n", b"\x00\x01binary\xff",
    "ünï\n".encode(), b"line\n" * 50, b"line\n" * 25 + b"changed\n" + b"line\n" * 24,
    b"diff --git a/x b/x\n--- a/x\n+++ b/x\n",
    b"\xef\xbb\xbfbom\n", b"form\x0cfeed\r",
]  # fmt: skip
ATTRIBUTES = [b"* text=auto\n", b"*.py text eol=crlf\n*.txt text eol=lf\n", b"*.txt ident\n"]

edits = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(CONTENTS), st.booleans()),
        st.tuples(
            st.just("link"), st.sampled_from(NAMES), st.sampled_from([b"a.py", b"gone", b"../out", b"/abs/\xe9"])
        ),
        st.tuples(st.just("delete"), st.sampled_from(NAMES)),
        st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("stage")),
        st.tuples(st.just("commit")),
    ),
    max_size=6,
)


def _apply(repo: Path, edit: tuple[object, ...]) -> None:
    what, *rest = edit
    if what == "stage":
        git(repo, "add", "-A")
    elif what == "commit":
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "--allow-empty", "-m", "next")
    else:
        path = os.path.join(os.fsencode(repo), rest[0])  # type: ignore[arg-type]
        _make_way(path)
        exists = os.path.lexists(path)
        if what == "move" and exists:
            to = os.path.join(os.fsencode(repo), rest[1])  # type: ignore[arg-type]
            _make_way(to)
            os.rename(path, to)
        elif what == "delete" and exists:
            os.unlink(path)
        elif what == "link":
            if exists:
                os.unlink(path)
            os.symlink(rest[1], path)  # type: ignore[arg-type]
        elif what == "write":
            if exists:
                os.unlink(path)
            with open(path, "wb") as file:
                file.write(rest[1])  # type: ignore[arg-type]
            os.chmod(path, 0o755 if rest[2] else 0o644)


def _make_way(path: bytes) -> None:
    """The names of NAMES never stand in each other's way, only their folders have to exist."""
    os.makedirs(os.path.dirname(path), exist_ok=True)


@given(
    before=edits,
    after=edits,
    attributes=st.sampled_from([b"", b"", b"", *ATTRIBUTES]),
    history=st.sampled_from(["pushed", "pushed", "detached", "none", "shallow", "no remote"]),
    submodule=st.sampled_from(["", "", "", "clean", "dirty", "unpushed"]),
    at_hand=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_any_repository_comes_back_byte_by_byte(
    before: list[tuple[object, ...]],
    after: list[tuple[object, ...]],
    attributes: bytes,
    history: str,
    submodule: str,
    at_hand: bool,
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="roundtrip-"))
    try:
        repo = _build(folder, before, attributes, history, submodule)
        for edit in after if history != "none" else [edit for edit in after if edit[0] != "commit"]:
            _apply(repo, edit)
        expected, untouched = listing(repo), fingerprint(repo)
        staging = folder / "staging"
        staging.mkdir()
        code = capture(start(repo).wait(), cwd=repo, script=Path("a.py"), staging=staging)
        assert fingerprint(repo) == untouched
        assert not code.left_out and not code.problem, code.left_out
        if submodule == "clean":
            at_hand = True  # the files of a clean submodule are where its link points to
        restored = rebuild(code, folder / "restored", repository=repo if at_hand or history == "no remote" else None)
        assert listing(restored.path) == expected
        assert without_times(fingerprint(repo)) == without_times(untouched)
    finally:
        shutil.rmtree(folder)


def _build(folder: Path, before: list[tuple[object, ...]], attributes: bytes, history: str, submodule: str) -> Path:
    repo = folder / "repo"
    repo.mkdir()
    git(repo, "init", "-q")
    (repo / "base.txt").write_bytes(b"base\n")
    if attributes:
        (repo / ".gitattributes").write_bytes(attributes)
    if history == "none":
        return repo
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "root")
    for edit in before:
        _apply(repo, edit)
    _apply(repo, ("commit",))
    if submodule:
        _add_submodule(folder, repo)
    if history != "no remote":
        git(folder, "init", "-q", "--bare", "remote.git")
        git(repo, "remote", "add", "origin", (folder / "remote.git").as_uri())
        git(repo, "push", "-q", "-u", "origin", "main")
    if history == "shallow" and not submodule:
        shutil.rmtree(repo)
        git(folder, "clone", "-q", "--depth=1", (folder / "remote.git").as_uri(), "repo")
    if history == "detached":
        git(repo, "checkout", "-q", "--detach")
    if submodule == "dirty":
        (repo / "sub/inner.py").write_bytes(b"changed\r\n")
        (repo / "sub/extra").write_bytes(b"\xff")
    if submodule == "unpushed":
        (repo / "sub/inner.py").write_bytes(b"committed\n")
        git(repo / "sub", "commit", "-qam", "mine")
        git(repo, "commit", "-qam", "move the submodule")
    return repo


def _add_submodule(folder: Path, repo: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "inner.py").write_bytes(b"inner\n")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "inner")
    git(repo, "submodule", "--quiet", "add", inner.as_uri(), "sub")
    git(repo, "commit", "-qm", "a submodule")
