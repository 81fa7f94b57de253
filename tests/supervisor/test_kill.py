"""SIGKILL at random points of every phase: what the child logged is in the store, once, and nothing stays running."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlops_cli.hook import records
from mlops_cli.supervisor.phases import MADE, PHASES

from .conftest import Recorded, wait_until

HITS = 3
TRIES = 30

CHILD = """
import os, sys, time
sys.path.insert(0, {hook!r})
import records
writer = records.Writer(os.environ["MLOPS_RUN_DIR"])
ledger = os.open({ledger!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
printed = os.open({ledger!r} + ".printed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
end = time.monotonic() + {seconds}
step = 0
while time.monotonic() < end:
    for _ in range(50):
        writer.scalar("loss", "train", step, step * 0.5)
        os.write(ledger, b"%d\\n" % step)
        step += 1
    os.write(1, b"line %d\\n" % step)
    os.write(printed, b"line %d\\n" % step)
    time.sleep(0.002)
writer.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_every_phase_nothing_is_lost_doubled_or_left_running(
    recorded: Recorded, tmp_path: Path, phase: str
) -> None:
    chance = random.Random(f"kill {phase}")
    hits: Counter[str] = Counter()
    for attempt in range(TRIES):
        ledger = tmp_path / f"ledger{attempt}"
        child = tmp_path / f"child{attempt}.py"
        child.write_text(CHILD.format(hook=str(Path(records.__file__).parent), ledger=str(ledger), seconds=0.25))
        hits[_kill_in(recorded, [sys.executable, str(child)], phase, chance)] += 1
        _check(recorded, ledger)
        if hits[phase] >= HITS:
            return
    pytest.fail(f"{phase} was hit {hits[phase]} times in {TRIES} tries: {dict(hits)}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HITS))
def test_killed_after_it_has_sent_something_nothing_is_sent_twice(
    recorded: Recorded, tmp_path: Path, seed: int
) -> None:
    ledger, child = tmp_path / "ledger", tmp_path / "child.py"
    child.write_text(CHILD.format(hook=str(Path(records.__file__).parent), ledger=str(ledger), seconds=2.0))
    process = recorded.start(sys.executable, str(child))
    wait_until(lambda: [path for path in recorded.folders() if (path / "state.json").exists()], "the first sending")
    time.sleep(random.Random(f"sent {seed}").random() * 1.2)
    process.kill()
    process.wait(10)
    _check(recorded, ledger)


def _kill_in(recorded: Recorded, argv: list[str], phase: str, chance: random.Random) -> str:
    """Start a run, kill it (the supervisor alone, or everything) when it reaches the phase; the phase it had."""
    known = set(recorded.folders())
    process = recorded.start(*argv)
    while True:
        folder = next((path for path in recorded.folders() if path not in known), None)
        if folder is not None and (PHASES.index(_phase(folder)) >= PHASES.index(phase)):
            break
        assert process.poll() is None, "it ended before the phase came"
    if phase in ("started", "running"):
        time.sleep(chance.random() * 0.05)
    pids = [process.pid]
    if chance.random() < 0.5:
        note = _json(folder / "child.json")
        pids += [note["waiter"]["pid"], note["pid"]] if note else []
    for pid in chance.sample(pids, len(pids)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait(10)
    return _phase(folder) if folder.exists() else PHASES[-1]


def _check(recorded: Recorded, ledger: Path) -> None:
    killed_at = time.monotonic()

    def is_settled() -> bool:
        for folder in recorded.folders():
            # The waiter may have been forked already and about to note its child; after that it is an old folder.
            if not (folder / "child.json").exists() and time.monotonic() - killed_at > 0.5:
                os.utime(folder, (1, 1))
        recorded.settle()
        return not _live(recorded)

    wait_until(is_settled, "the end of every run", timeout=20)
    tasks = recorded.tasks()
    assert all(task["status"] in ("completed", "failed") for task in tasks), [task["status"] for task in tasks]
    runs = [task["runtime"]["mlops_run"] for task in tasks]
    assert len(runs) == len(set(runs)), "twins"
    logged = [int(line) for line in ledger.read_bytes().split()] if ledger.exists() else []
    newest = max(tasks, key=lambda task: task["created"]) if tasks else None
    if not logged:
        return
    assert newest is not None
    points = [event["iter"] for event in recorded.api.events.points(newest["id"], "loss")]
    # A kill may fall between the record and its line in the ledger: one point more.
    assert points[: len(logged)] == logged
    assert len(points) - len(logged) in (0, 1)
    # Two points of one step are one in the store, whoever sent them twice; the count of reports tells.
    ((summary,),) = [variants.values() for variants in newest["last_metrics"].values()]
    assert summary["count"] == len(points)
    told = ledger.with_name(f"{ledger.name}.printed")
    printed = told.read_bytes() if told.exists() else b""
    console = recorded.console(newest["id"])
    assert console.startswith(printed)
    assert console[len(printed) :].count(b"\n") <= 1  # killed between the two writes


def _live(recorded: Recorded) -> list[str]:
    return recorded.live() if (recorded.runs / "live").exists() else []


def _phase(folder: Path) -> str:
    return str((_json(folder / "recording.json") or {}).get("phase", MADE))


def _json(path: Path) -> dict | None:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return None
