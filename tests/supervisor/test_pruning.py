"""Folders of runs that are long since in the store go, once a day; one that is not wholly sent never does."""

from __future__ import annotations

import os
import time
from typing import Any

from mlops_cli.config.paths import locate
from mlops_cli.spool.folder import RunFolder
from mlops_cli.supervisor import pruning

from .conftest import Recorded


def test_looking_around_prunes_once_a_day_what_is_sent_and_old(recorded: Recorded, cli: Any) -> None:
    long_ago = time.time() - 40 * 86_400
    unsent, sent, late = (RunFolder.create(recorded.runs) for _ in range(3))
    for folder in (unsent, sent, late):
        folder.write_json("child.json", {"pid": 1, "start": 1, "boot": "another", "host": "elsewhere"})
        os.utime(folder.path, (long_ago, long_ago))
    sent.finish()
    os.utime(sent.path, (long_ago, long_ago))
    assert cli("status").code == 0
    assert [folder.path.exists() for folder in (unsent, sent, late)] == [True, False, True]
    late.finish()
    os.utime(late.path, (long_ago, long_ago))
    cli("status")
    assert late.path.exists(), "it was pruned a moment ago"
    yesterday = time.time() - pruning.PERIOD_S - 1
    os.utime(locate().cache / "pruned", (yesterday, yesterday))
    cli("ls")
    assert not late.path.exists()
    assert unsent.path.exists()


def test_the_settings_hold(recorded: Recorded, cli: Any) -> None:
    long_ago = time.time() - 40 * 86_400
    folder = RunFolder.create(recorded.runs)
    folder.finish()
    os.utime(folder.path, (long_ago, long_ago))
    cli("config", "set", "runs.keep_days", "50")
    cli("status")
    assert folder.path.exists()
