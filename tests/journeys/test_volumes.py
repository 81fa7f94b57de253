"""Much of everything: console, points, runs; and numbers that are none."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.server.db.sqlite import Database

from .conftest import SCRIPTS, Mlops

MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


@pytest.mark.slow
def test_a_hundred_megabytes_of_console_in_bounded_memory(mlops: Mlops, tmp_path: Path) -> None:
    line = "x" * 99
    code = f"import sys\nfor _ in range(1000): sys.stdout.write({line + chr(10)!r} * 1000)"
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, SCRIPTS / "mlops", "run", sys.executable, "-c", code],
            cwd=mlops.cwd,
            env=mlops.environment,
            stdout=out,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").stat().st_size == 100_000_000
    # The largest of all processes below: supervisor, waiter, child.
    assert int(done.stderr.split()[-1]) < 200_000, "kilobytes"
    with (tmp_path / "again").open("wb") as again:
        mlops.ok("logs", "@latest", "--raw", "--all", stdout=again)
    assert (tmp_path / "again").stat().st_size == 100_000_000
    assert (tmp_path / "again").read_bytes() == (tmp_path / "out").read_bytes()
    # Kept compressed, and once.
    assert sum(path.stat().st_size for path in mlops.home.rglob("*") if path.is_file()) < 20_000_000


def test_numbers_that_are_none_and_steps_that_go_back(mlops: Mlops) -> None:
    code = (
        "import mlops_cli; run = mlops_cli.init()\n"
        "for step, value in [(5, 1.0), (3, float('nan')), (4, float('inf')), (2, float('-inf')), (3, 7.0)]:\n"
        "    run.log({'loss': value}, step=step)\n"
        "run.log({'tiny': 5e-324, 'huge': 1.7976931348623157e308}, step=-(2**63))\n"
        "run.log({'last': 1}, step=2**63 - 1)\n"
    )
    mlops.ok("run", sys.executable, "-c", code)
    rows = mlops.ok("metrics", "@latest", "loss", "--points", "--json").json
    # One point a step, the newest; what is no number is a text in JSON.
    assert [list(row.values()) for row in rows] == [[2, "-Infinity"], [3, 7.0], [4, "Infinity"], [5, 1.0]]
    json.loads(mlops.ok("show", "@latest", "--json").out, parse_constant=pytest.fail)
    assert mlops.curve("tiny") == [(-(2**63), 5e-324)]
    assert mlops.curve("huge") == [(-(2**63), 1.7976931348623157e308)]
    assert mlops.curve("last") == [(2**63 - 1, 1.0)]
    for command in (
        ("metrics",),
        ("ls",),
        ("show",),
        ("plot", "@latest", "-m", "loss"),
        ("metrics", "@latest", "--csv"),
    ):
        mlops.ok(*command)


def test_a_million_points_of_one_run(mlops: Mlops) -> None:
    code = (
        "import mlops_cli; run = mlops_cli.init()\n"
        "for step in range(500_000): run.log({'loss': 1 / (step + 1), 'acc': step * 0.5}, step=step)\n"
        "run.log({'acc': -1.0}, step=250_000)\n"
    )
    mlops.ok("run", sys.executable, "-c", code)
    loss, acc = (
        mlops.ok("api", "events.get_curve", "-F", f"task={mlops.show()['id']}", "-F", f"metric={name}", "-F",
                 f"variant={name}", "-F", "samples=100", "--json").json
        for name in ("loss", "acc")
    )  # fmt: skip
    assert (loss["total"], loss["first_iter"], loss["last_iter"]) == (500_000, 0, 499_999)
    assert max(loss["max"]) == 1.0
    assert min(acc["min"]) == -1.0
    assert len(loss["x"]) <= 100
    assert mlops.ok("metrics", "@latest", "acc", "--at", "499999", "--json").code == 0
    assert mlops.sql("SELECT count(*) FROM chunks")[0][0] < 5000
    # Sent, and gone from the spool.
    assert sum(path.stat().st_size for path in (mlops.home / "runs").rglob("*") if path.is_file()) < 100_000


COPY = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999)
INSERT INTO tasks ({names}) SELECT {values} FROM tasks, numbers
"""
OTHERWISE = {
    "id": "printf('%032x', n)",
    "seq": "seq + n",
    "name": "'copy ' || n",
    "run_id": "NULL",
    "created": "printf('2020-01-01T00:00:00.%06d+00:00', n)",
    "started": "printf('2020-01-01T00:00:00.%06d+00:00', n)",
}


def _steps_of_ls(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """How many thousand instructions of SQLite's machine one `ls` takes, and what it lists."""
    steps = 0
    opened = Database._open

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watched(self: Database) -> Any:
        connection = opened(self)
        connection.set_progress_handler(count, 1000)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_open", watched)
        done = cli("-q", "ls", "-n", "20")
    return steps, done.lines


def test_ten_thousand_runs_cost_a_list_of_twenty_no_more_than_twenty(
    mlops: Mlops, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mlops.ok("run", "-p", "many", "true")
    monkeypatch.chdir(mlops.cwd)
    monkeypatch.setenv("MLOPS_PROJECT", "many")
    few, newest = _steps_of_ls(cli, monkeypatch)
    connection = sqlite3.connect(mlops.home / "store.db")
    names = [row[1] for row in connection.execute("PRAGMA table_info(tasks)")]
    with connection:
        connection.execute(
            COPY.format(names=", ".join(names), values=", ".join(OTHERWISE.get(name, name) for name in names))
        )
    connection.close()
    assert mlops.sql("SELECT count(*) FROM tasks") == [(10_000,)]
    many, listed = _steps_of_ls(cli, monkeypatch)
    assert len(listed) == 20
    assert listed[:1] == newest
    # A look at each of ten thousand rows takes a few hundred thousand instructions.
    assert many < few + 60, (few, many)
    assert len(mlops.ok("-q", "ls", "--all", "name~'copy 99'").lines) == 111
    assert mlops.ok("ls", "-n", "3", "-c", "id").lines[0] == newest[0]


def test_a_run_that_prints_nothing_and_ends_at_once(mlops: Mlops) -> None:
    mlops.ok("run", "true")
    assert mlops.show()["status"] == "completed"
    assert mlops.ok("logs", "@latest").out == b""
    assert mlops.ok("metrics", "@latest", "--json").json == []
