"""A sender that is killed at random moments: what the store then holds is an exact prefix, and nothing comes twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store

BATCHES, POINTS = 150, 40

SENDER = """
import sys
from array import array
from pathlib import Path
from mlops_cli.errors import InvalidInput
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store

folder, task, batches, points = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = open_store(folder / "store.db", folder / "files")
print("ready", flush=True)
at = 0  # it remembers nothing: the store says where to go on
while at < batches:
    steps = array("q", range(at * points, (at + 1) * points))
    series = {"metric": "loss", "variant": "train", "iter": steps, "value": array("d", map(float, steps)),
              "timestamp": array("q", steps)}
    body = {"task": task, "run": "r", "stream": "s", "offset": at, "next": at + 1, "scalars": [series],
            "console": [{"timestamp": at, "level": "info", "raw": b"batch %d\\n" % at}]}
    answer = dispatch(store, "events.add_columns", body)
    at = answer["next"]
store.close()
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sender_killed_at_random_moments_neither_loses_nor_doubles(tmp_path, seed):
    store = open_store(tmp_path / "store.db", tmp_path / "files")
    task = dispatch(store, "tasks.create", {"name": "killed", "type": "training"})["id"]
    draw = random.Random(seed)
    command = [sys.executable, "-c", SENDER, str(tmp_path), task, str(BATCHES), str(POINTS)]
    kills = 0
    for _ in range(60):
        sender = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert sender.stdout.readline() == b"ready\n"
        if kills < 5:
            time.sleep(draw.uniform(0, 0.03))
            sender.send_signal(signal.SIGKILL)
        code = sender.wait(30)
        sender.stdout.close()
        reached = check(store, task)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    assert kills >= 1
    assert reached == BATCHES
    store.close()


def check(store, task) -> int:
    """What is stored is the points and the lines of the first batches, each once; returns how many batches."""
    row = store.db.connection.execute("SELECT next FROM streams").fetchone()
    reached = 0 if row is None else row[0]
    body = {"task": task, "event_type": "training_stats_scalar", "batch_size": 100_000}
    events = dispatch(store, "events.get_task_events", body)["events"]
    assert [(event["iter"], event["value"]) for event in events] == [(i, float(i)) for i in range(reached * POINTS)]
    chunks = dispatch(store, "events.get_console", {"task": task})["chunks"]
    assert [chunk["raw"] for chunk in chunks] == [b"batch %d\n" % number for number in range(reached)]
    return reached
