"""The snapshot puts everything into the API's fields, hides secrets, and survives gatherers that fail."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.capture import host, snapshot
from mlops_cli.capture.snapshot import CodeState, Request
from mlops_cli.errors import Refused

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def take(tmp_path: Path, argv: list[str], **more: Any) -> snapshot.Snapshot:
    return snapshot.take(Request(argv=argv, cwd=tmp_path, environ=more.pop("environ", {}), **more))


def test_a_python_run_becomes_the_fields_that_a_worker_needs(tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_text("lr: 0.5\n")
    interpreter = {"version": "3.11.7", "executable": sys.executable, "path": sys.path}
    taken = take(
        tmp_path,
        ["python", "sub/train.py", "--lr", "0.1", "--config", "conf.yaml"],
        interpreter=interpreter,
        is_python=True,
        code=CodeState("https://example.org/r.git", "main", "c0ffee", "sub", "train.py", "a patch"),
        environ={"CUDA_VISIBLE_DEVICES": "0", "HOME": "/root"},
    )
    script = taken.task["script"]
    assert script["binary"] == "python3.11"
    assert script["entry_point"] == "train.py --lr 0.1 --config conf.yaml"
    assert (script["repository"], script["branch"], script["version_num"]) == (
        "https://example.org/r.git",
        "main",
        "c0ffee",
    )
    assert "pytest==" in script["requirements"]["pip"]
    parameters = taken.task["hyperparams"]
    lr = {"section": "Args", "name": "lr", "value": "0.1", "type": "float"}
    assert parameters["Args"]["lr"] == {**lr, "description": "guessed from the command line"}
    assert parameters["conf"]["lr"]["value"] == "0.5"
    assert set(parameters["Environment"]) == {"CUDA_VISIBLE_DEVICES"}
    assert taken.task["configuration"]["conf.yaml"]["value"] == "lr: 0.5\n"
    assert taken.task["runtime"]["cpu_cores"] >= 1
    assert json.loads(taken.task["runtime"]["mlops_argv"])[1] == "sub/train.py"
    assert all(isinstance(value, str | int | float) for value in taken.task["runtime"].values())


def test_secrets_are_hidden_everywhere_and_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"token: {TOKEN}\n")
    taken = take(
        tmp_path,
        ["./t", "--api-key", "s3cr3t-Value-99", "--url=https://u:pa55w0rdX@example.org/", "c.yaml", "S3kritPhrase77"],
        environ={"CUDA_TOKEN": "abcdefgh1234", "MY_PASSWORD": "S3kritPhrase77"},
    )
    text = json.dumps(taken.task)
    for secret in (TOKEN, "s3cr3t-Value-99", "pa55w0rdX", "S3kritPhrase77", "abcdefgh1234"):
        assert secret not in text, secret
    assert any("secret" in note.why for note in taken.notes)
    assert TOKEN not in str(taken.notes)


def test_refuse_stores_nothing_and_keep_stores_all(tmp_path: Path) -> None:
    argv = ["./t", "--password", "s3cr3t-Value-99"]
    with pytest.raises(Refused) as caught:
        take(tmp_path, argv, policy="refuse")
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t-Value-99" in json.dumps(take(tmp_path, argv, policy="keep").task)


def test_a_gatherer_that_fails_says_so_and_the_rest_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, Any]:
        raise OSError("no /proc here")

    monkeypatch.setattr(host, "runtime", broken)
    taken = take(tmp_path, ["./t", "--lr", "1"])
    assert any(note.what == "host" and "no /proc here" in note.why for note in taken.notes)
    assert taken.task["hyperparams"]["Args"]["lr"]["value"] == "1"


@pytest.mark.parametrize(
    ("argv", "is_python", "cause"),
    [
        (["bash", "x.sh"], False, "no Python program"),
        (["python", "-I", "x.py"], True, "started with -I"),
        (["python", "-uE", "x.py"], True, "started with -uE"),
        (["python", "x.py"], True, "ended before Python started"),
    ],
)
def test_a_hook_that_left_no_note_has_a_likely_cause(
    tmp_path: Path, argv: list[str], is_python: bool, cause: str
) -> None:
    taken = take(tmp_path, argv, is_python=is_python)
    assert cause in taken.task["runtime"]["mlops_hook"]


def test_entry_points_quote_what_a_shell_would_split() -> None:
    assert snapshot.entry_point(["python", "a b.py", "--t", "x y"], "") == "'a b.py' --t 'x y'"
    assert snapshot.entry_point(["python", "-u", "d/a.py", "1"], "a.py") == "-u a.py 1"
    assert snapshot.entry_point(["python", "-m", "pkg.train", "--lr", "1"], "") == "-m pkg.train --lr 1"
