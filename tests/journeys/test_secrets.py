"""A secret that a run meets is in no file that we keep, wherever it came from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .conftest import Mlops

ARGUED = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
PRINTED = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"
KNOWN = "correct-horse-battery-7291"
EDITED = "AKIA" + "Z2X3C4V5B6N7M8A9"
CONFIGURED = "sk-ant-api03-" + "Zx9Yw8Vu7T" * 9
IN_URL = "s3cr3tPassw0rd9"
RAISED = "glpat-" + "x7Yb2Qk9Lm4Np8Rs3Tv5"
TOLD = "sk-ant-api03-" + "Ab1Cd2Ef3G" * 9

TRAIN = f"""
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--token")
parser.add_argument("--config")
parser.add_argument("--db")
args = parser.parse_args()
print("the token is", "{PRINTED[:3]}" + "{PRINTED[3:]}", flush=True)
print("known:", os.environ["SERVICE_PASSWORD"], file=sys.stderr, flush=True)
print("step=1 loss=0.5")
"""


def _holding(root: Path, secret: str) -> Iterator[str]:
    for path in root.rglob("*"):
        if path.is_file() and secret.encode() in path.read_bytes():
            yield str(path.relative_to(root))


def test_no_file_of_ours_holds_a_secret_when_the_run_is_over(mlops: Mlops, repository: Callable[..., Path]) -> None:
    top = repository({"train.py": TRAIN, "client.py": "key = None\n"})
    (top / "client.py").write_text(f'key = "{EDITED}"\n')
    (top / "config.yaml").write_text(f"api_key: {CONFIGURED}\nlr: 0.1\n")
    mlops = mlops.with_env(SERVICE_PASSWORD=KNOWN)
    words = ("--token", ARGUED, "--config", "config.yaml", "--db", f"postgres://user:{IN_URL}@host/db")
    done = mlops.ok("run", "train.py", *words)
    # The person sees what the program said.
    assert PRINTED in done.text
    assert KNOWN in done.errors
    mlops.check()
    for secret in (ARGUED, PRINTED, KNOWN, EDITED, CONFIGURED, IN_URL):
        assert list(_holding(mlops.home, secret)) == [], secret
    notes = mlops.show()["runtime"]["mlops_notes"]
    assert "a secret" in notes
    assert mlops.curve() == [(1, 0.5)]


def test_what_a_person_calls_a_run_holds_no_secret(mlops: Mlops) -> None:
    words = ("--name", f"with {ARGUED}", "--tag", PRINTED, "--note", f"key {CONFIGURED}")
    mlops.ok("run", *words, "true")
    mlops.check()
    for secret in (ARGUED, PRINTED, CONFIGURED):
        assert list(_holding(mlops.home, secret)) == [], secret
    assert mlops.show()["name"] == "with <redacted>"


def test_what_a_program_dies_of_quotes_no_secret(mlops: Mlops) -> None:
    spoken = f"{RAISED[:6]!r} {RAISED[6:]!r}"
    (mlops.cwd / "dies.py").write_text(f"raise ValueError('no entry for ' + {spoken})\n")
    (mlops.cwd / "inside.py").write_text(
        "import mlops_cli\nrun = mlops_cli.init()\n"
        f"run.text('notes', 'the key is ' + {TOLD[:6]!r} {TOLD[6:]!r})\n"
        f"raise ValueError('no entry for ' + {spoken})\n"
    )
    assert RAISED in mlops("run", sys.executable, "dies.py").errors.split("\nmlops: ")[0]
    task = mlops.show()
    assert "no entry for <redacted>" in task["status_reason"]
    assert "no entry for <redacted>" in task["status_message"]
    done = subprocess.run(
        [sys.executable, "inside.py"], cwd=mlops.cwd, env=mlops.environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "no entry for <redacted>" in mlops.show()["status_reason"]
    assert mlops.live() == []
    for secret in (RAISED, TOLD):
        assert list(_holding(mlops.home, secret)) == [], secret


def test_a_secret_that_may_not_be_stored_stops_the_run_before_it_starts(mlops: Mlops) -> None:
    done = mlops("run", "--secrets", "refuse", sys.executable, "-c", "open('started', 'w')", "--token", ARGUED)
    assert done.code == 9
    assert ARGUED not in done.errors
    assert not (mlops.cwd / "started").exists()
    assert list(_holding(mlops.home, ARGUED)) == []
