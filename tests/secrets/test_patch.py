"""Patches without secrets still apply: real patches by real git, applied by real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_cli.secrets import REDACTED, scrub_patch

TOKEN = "ghp_" + "a1B2" * 9


def _git(cwd: Path, *args: str, stdin: bytes | None = None) -> bytes:
    options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *options, *args], cwd=cwd, input=stdin, check=True, capture_output=True).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("".join(f"line {i}\n" for i in range(30)))
    (tmp_path / "old.py").write_text(f"token = '{TOKEN}'\nx = 1\n")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "base")
    return tmp_path


def test_an_added_secret_is_replaced_and_the_patch_applies(repo: Path) -> None:
    lines = (repo / "a.py").read_text().splitlines(keepends=True)
    lines[3:3] = [f"api_key = '{TOKEN}'\n", "y = 2\n"]
    lines[20] = "password = 'hunter2'\n"
    (repo / "a.py").write_text("".join(lines))
    scrubbed = scrub_patch(_git(repo, "diff"))
    assert [(line.path, line.line, line.kind) for line in scrubbed.altered] == [
        (b"a.py", 4, "github token"),
        (b"a.py", 21, "named"),
    ]
    assert scrubbed.altered[0].finding().place == "a.py:4"
    assert TOKEN.encode() not in scrubbed.patch
    _git(repo, "checkout", "-q", "a.py")
    _git(repo, "apply", "-", stdin=scrubbed.patch)
    lines[3], lines[20] = f"api_key = '{REDACTED}'\n", f"password = '{REDACTED}'\n"
    assert (repo / "a.py").read_text() == "".join(lines)


@pytest.mark.parametrize("change", ["x = 2\n", "x = 1\nz = 3\n"])
def test_a_secret_in_context_takes_the_file_out_and_leaves_the_others(repo: Path, change: str) -> None:
    (repo / "old.py").write_text(f"token = '{TOKEN}'\n{change}")
    (repo / "a.py").write_text("new\n")
    scrubbed = scrub_patch(_git(repo, "diff"))
    assert [(out.path, out.kind) for out in scrubbed.left_out] == [(b"old.py", "github token")]
    assert b"old.py" not in scrubbed.patch and TOKEN.encode() not in scrubbed.patch
    assert b"+new" in scrubbed.patch


def test_a_private_key_is_replaced_line_by_line(repo: Path) -> None:
    (repo / "a.py").write_text("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\nlast\n")
    scrubbed = scrub_patch(_git(repo, "diff"))
    _git(repo, "checkout", "-q", "a.py")
    _git(repo, "apply", "-", stdin=scrubbed.patch)
    assert (repo / "a.py").read_text() == f"{REDACTED}\n" * 3 + "last\n"


def test_code_that_only_speaks_of_secrets_stays(repo: Path) -> None:
    code = (
        "token = tokens[0]\npassword = getpass.getpass()\nsecret_key = SECRET\ntoken = token2id\n"
        "parser.add_argument('--password', default=None)\ndef f(token: str = '', api_key=None): ...\n"
        "digest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'\n"
        "blob = '7GkQ2vLx9RbT4nWp8ZsYc3HdJ6fMaE1U'\npassword = config2.password1\n"
    )
    (repo / "a.py").write_text(code)
    patch = _git(repo, "diff")
    assert scrub_patch(patch).patch == patch


def test_lines_that_look_like_headers_inside_hunks_are_content(repo: Path) -> None:
    (repo / "a.py").write_text("-- x\n++ b/evil\npassword = 'hunter2'\n")
    scrubbed = scrub_patch(_git(repo, "diff"))
    assert [(line.path, line.line) for line in scrubbed.altered] == [(b"a.py", 3)]


def test_an_environment_file_is_hidden_line_by_line(repo: Path) -> None:
    (repo / ".env").write_text("DB_PASSWORD=hunter\nexport API_KEY=abc123def\nHF_TOKEN=abcd1234efgh\nDEBUG=1\nKEY=x\n")
    _git(repo, "add", "-N", ".env")
    scrubbed = scrub_patch(_git(repo, "diff"))
    assert scrubbed.patch.count(b"<redacted>") == 3 and b"+DEBUG=1\n+KEY=x\n" in scrubbed.patch
