"""HTTPS between our client and our server, by certificates of one's own: who is trusted, what is said when not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from mlops_cli.errors import Unreachable
from mlops_cli.server.http.serve import Listen
from mlops_cli.testing.server import Served, temporary_server


class Authority(NamedTuple):
    """An authority of one's own, made for these tests."""

    folder: Path
    certificate: Path
    secret: Path


class Pair(NamedTuple):
    certificate: Path
    secret: Path


def openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    made = Authority(folder, folder / "ca.pem", folder / "ca-key.pem")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=our authority",
        "-keyout", made.secret, "-out", made.certificate,
    )  # fmt: skip
    return made


def issue(authority: Authority, name: str = "IP:127.0.0.1", *, days: int = 2) -> Pair:
    """A server's certificate for that name, signed by the authority."""
    pair = Pair(authority.folder / f"{days}.pem", authority.folder / f"{days}-key.pem")
    wish, names = authority.folder / "wish.csr", authority.folder / "names"
    names.write_text(f"subjectAltName={name}\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", pair.secret, "-out", wish)
    openssl(
        "x509", "-req", "-in", wish, "-CA", authority.certificate, "-CAkey", authority.secret, "-CAcreateserial",
        "-days", days, "-extfile", names, "-out", pair.certificate,
    )  # fmt: skip
    return pair


def serve(folder: Path, pair: Pair) -> Any:
    return temporary_server(folder, listen=Listen(port=0, certificate=str(pair.certificate), key=str(pair.secret)))


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Points the environment at a server, trusting the certificates of that file."""

    def point(served: Served, cacert: Path | None = None) -> None:
        monkeypatch.setenv("MLOPS_SERVER", served.url)
        monkeypatch.setenv("MLOPS_ACCESS_KEY", served.access_key)
        monkeypatch.setenv("MLOPS_SECRET_KEY", served.secret_key)
        if cacert is not None:
            monkeypatch.setenv("MLOPS_CACERT", str(cacert))

    return point


def refused() -> Unreachable:
    with connect(load_settings()) as api, pytest.raises(Unreachable) as caught:
        api.tasks.find({})
    return caught.value


def test_a_run_goes_over_https_to_a_server_whose_authority_is_trusted(
    authority: Authority, tmp_path: Path, go: Any, mlops: Any, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serve(tmp_path / "served", issue(authority)) as served:
        assert served.url.startswith("https://")
        go(served, authority.certificate)
        done = mlops("run", "--name", "sealed", sys.executable, "-c", "print('over the wire')")
        assert done.returncode == 0 and "sync" not in done.stderr
        assert cli("ls", "-c", "name,status", "--json").json == [{"name": "sealed", "status": "completed"}]
        assert cli("logs", "@latest").lines == ["over the wire"]
        (tmp_path / "notes.txt").write_text("kept\n")
        draft = cli("clone", "@latest").out.strip()
        cli("artifact", "put", draft, "notes.txt")
        got = Path(cli("artifact", "get", draft, "notes.txt", "--to", "got/").out.strip())
        assert got.read_text() == "kept\n"


def test_without_its_authority_the_server_is_not_believed_and_the_setting_is_named(
    authority: Authority, tmp_path: Path, go: Any, mlops: Any
) -> None:
    with serve(tmp_path / "served", issue(authority)) as served:
        go(served)
        error = refused()
        assert served.url.partition("//")[2] in error.message and "unable to get local issuer" in error.message
        assert "MLOPS_CACERT" in error.hint
        said = mlops("ls")
        assert (said.returncode, said.stdout) == (6, "") and "MLOPS_CACERT=FILE" in said.stderr
        assert "Traceback" not in said.stderr


def test_verify_false_asks_for_no_proof_and_a_file_there_is_as_good(
    authority: Authority, tmp_path: Path, go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tmp_path / "served", issue(authority)) as served:
        go(served)
        for word in ("false", str(authority.certificate)):
            monkeypatch.setenv("MLOPS_VERIFY", word)
            with connect(load_settings()) as api:
                assert api.tasks.find({}) == []


def test_a_certificate_of_another_name_is_told_as_such(authority: Authority, tmp_path: Path, go: Any) -> None:
    with serve(tmp_path / "served", issue(authority, "DNS:other.example,IP:127.0.0.9")) as served:
        go(served, authority.certificate)
        error = refused()
        assert "127.0.0.1" in error.message and "mismatch" in error.message
        assert "MLOPS_SERVER" in error.hint


def test_a_certificate_that_has_ended_is_told_as_such(authority: Authority, tmp_path: Path, go: Any) -> None:
    pair = issue(authority, days=0)
    time.sleep(1.1)  # it ends in the second in which it was made
    with serve(tmp_path / "served", pair) as served:
        go(served, authority.certificate)
        error = refused()
        assert "expired" in error.message
        assert "clock" in error.hint and "MLOPS_CACERT" not in error.hint


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_file_of_certificates_that_is_none_is_named(
    authority: Authority, tmp_path: Path, go: Any, content: str | None
) -> None:
    wrong = tmp_path / "wrong.pem"
    if content is not None:
        wrong.write_text(content)
    with serve(tmp_path / "served", issue(authority)) as served:
        go(served, wrong)
        with connect(load_settings()) as api, pytest.raises(Unreachable, match=r"wrong\.pem") as caught:
            api.tasks.find({})
        assert "MLOPS_CACERT" in caught.value.hint
