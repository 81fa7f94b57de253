"""A secret that a run meets is in no file that we keep, wherever it came from."""

from __future__ import annotations

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


def test_a_secret_that_may_not_be_stored_stops_the_run_before_it_starts(mlops: Mlops) -> None:
    done = mlops("run", "--secrets", "refuse", sys.executable, "-c", "open('started', 'w')", "--token", ARGUED)
    assert done.code == 9
    assert ARGUED not in done.errors
    assert not (mlops.cwd / "started").exists()
    assert list(_holding(mlops.home, ARGUED)) == []
