"""A run from its words to its record in the store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from mlops_cli.schemas import times

from .conftest import Recorded, python, wait_until


def test_a_run_is_recorded_with_its_console_parameters_and_printed_metrics(recorded: Recorded) -> None:
    (recorded.cwd / "train.py").write_text(
        "import argparse\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=0.5, help='learning rate')\n"
        "args = parser.parse_args()\n"
        "for step in range(3): print(f'step={step} loss={args.lr / (step + 1)}')\n"
    )
    done = recorded(sys.executable, "train.py", "--lr", "0.1", project="digits", tags=["first"])
    assert done.returncode == 0, done.stderr
    task = recorded.task()
    assert (task["status"], task["status_reason"], task["name"]) == ("completed", "completed", "train.py")
    assert task["tags"] == ["first"]
    parameter = task["hyperparams"]["Args"]["lr"]
    assert (parameter["value"], parameter["type"]) == ("0.1", "float")
    assert "learning rate" in parameter["description"]
    assert recorded.console(task["id"]) == done.stdout
    curve = recorded.api.events.scalars(task["id"])["loss"]["loss"]
    assert curve["x"] == [0, 1, 2]
    assert task["runtime"]["mlops_hook"] == "loaded"
    assert recorded.live() == []


def test_what_is_printed_beside_event_files_is_a_copy_and_does_not_count(recorded: Recorded) -> None:
    pytest.importorskip("tensorboardX")
    outside = recorded.cwd.parent / "logs"
    (recorded.cwd / "train.py").write_text(
        "from tensorboardX import SummaryWriter\n"
        f"writer = SummaryWriter({str(outside)!r})\n"
        "for step in range(3):\n"
        "    writer.add_scalar('val/acc', step / 3, 100 * step)\n"
        "    print(f'epoch={step} val/acc={step / 3:.1f}')\n"
        "writer.close()\n"
    )
    done = recorded(sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    curve = recorded.api.events.scalars(recorded.task()["id"])["val"]["acc"]
    assert curve["x"] == [0, 100, 200]
    assert curve["y"] == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_last_line_is_on_stderr_and_stdout_is_the_childs(recorded: Recorded) -> None:
    done = recorded("sh", "-c", "echo step=1 loss=0.25")
    task = recorded.task()["id"]
    assert done.stdout == b"step=1 loss=0.25\n"
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"mlops: {task[:8]} completed after ")
    assert line.endswith(f" · loss 0.25 · mlops show {task[:8]}")


def test_quiet_says_nothing_and_the_record_goes_to_its_file(recorded: Recorded) -> None:
    done = recorded("sh", "-c", "exit 3", quiet=True, json_file="record.json")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    record = json.loads((recorded.cwd / "record.json").read_text())
    task = recorded.task()
    assert record["id"] == task["id"]
    assert (record["status"], record["exit_code"], record["signal"], record["is_sent"]) == ("failed", 3, None, True)


def test_a_traceback_becomes_the_reason(recorded: Recorded) -> None:
    done = recorded(*python("print('x'); raise ValueError('bad shape')"))
    assert done.returncode == 1
    task = recorded.task()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 1: ValueError: bad shape")
    assert task["status_message"].endswith("ValueError: bad shape")


def test_the_interrupt_of_a_person_is_a_stop(recorded: Recorded) -> None:
    process = recorded.start(
        *python("import time; print('ready', flush=True); time.sleep(30)"),
        options={"stdout": subprocess.PIPE, "process_group": 0},
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert (recorded.task()["status"], recorded.task()["status_reason"]) == ("stopped", "interrupted")


def test_a_closed_reader_is_on_record(recorded: Recorded) -> None:
    line = " ".join(f"'{word}'" for word in recorded.command("yes"))
    done = subprocess.run(
        f"{line} | head -1", shell=True, capture_output=True, cwd=recorded.cwd, timeout=30, check=False
    )
    assert done.stdout == b"y\n"
    task = recorded.task()
    assert (task["status"], task["status_reason"]) == ("stopped", "output closed")


def test_variables_that_were_asked_for_are_recorded(recorded: Recorded) -> None:
    env = {**os.environ, "MY_SEED": "7", "OTHER": "x"}
    assert recorded("true", options={"env": env}, environment=["MY_SEED"]).returncode == 0
    kept = recorded.task()["hyperparams"]["Environment"]
    assert kept["MY_SEED"]["value"] == "7"
    assert "OTHER" not in kept


def test_a_short_project_name_is_made_long_enough(recorded: Recorded) -> None:
    assert recorded("true", project="w").returncode == 0
    assert recorded.api.projects.get(recorded.task()["project"])["name"] == "w-project"


def test_a_project_that_the_store_refuses_does_not_cost_the_record(recorded: Recorded) -> None:
    assert recorded("true", project="/".join(f"level{n}" for n in range(30))).returncode == 0
    task = recorded.task()
    assert recorded.api.projects.get(task["project"])["name"] == "experiments"
    assert "project level0" in task["runtime"]["mlops_notes"]


def test_nothing_is_recorded_of_a_command_that_does_not_exist(recorded: Recorded) -> None:
    assert recorded("no-such-program").returncode == 127
    assert recorded.folders() == []


def test_secrets_are_not_stored(recorded: Recorded) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
    done = recorded("sh", "-c", f"echo token {secret}", "--token", secret)
    assert secret.encode() in done.stdout
    task = recorded.task()
    assert secret not in json.dumps(task)
    assert secret.encode() not in recorded.console(task["id"])


def test_secrets_may_be_refused_before_anything_starts(recorded: Recorded) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
    done = recorded("sh", "-c", "touch started", "--token", secret, secrets="refuse")
    assert done.returncode == 9
    assert not (recorded.cwd / "started").exists()
    assert recorded.folders() == []


def test_a_model_that_is_written_becomes_an_output_model_and_data_an_input(recorded: Recorded) -> None:
    (recorded.cwd / "data.csv").write_text("a,b\n1,2\n")
    code = (
        "import json; open('data.csv').read(); open('model.safetensors', 'wb').write((2).to_bytes(8, 'little') + b'{}')"
    )
    assert recorded(*python(code)).returncode == 0
    task = recorded.task()
    (model,) = recorded.api.models.find({"task": [task["id"]]})
    assert model["name"] == "model"
    assert model["uri"] == (recorded.cwd / "model.safetensors").as_uri()
    assert model["metadata"]["sha256"]["value"] and model["metadata"]["size_bytes"]["value"] == "10"
    assert [entry["model"] for entry in task["models"]["output"]] == [model["id"]]
    inputs = [item for item in task["execution"]["artifacts"] if item["mode"] == "input"]
    assert [(item["key"], item["content_size"]) for item in inputs] == [(str(recorded.cwd / "data.csv"), 8)]


def test_upload_keeps_the_model(recorded: Recorded) -> None:
    assert recorded(*python("open('model.onnx', 'wb').write(b'x')"), upload=True).returncode == 0
    (model,) = recorded.api.models.find({})
    (recorded.cwd / "model.onnx").unlink()
    assert recorded.api.files.locate(model["uri"]).read_bytes() == b"x"


def test_a_home_that_cannot_be_written_is_told_before_the_start(recorded: Recorded) -> None:
    recorded.home.mkdir()
    (recorded.home / "runs").write_text("a file where a folder should be")
    done = recorded("touch", "started")
    assert done.returncode == 125
    assert b"cannot make a folder for this run" in done.stderr
    assert not (recorded.cwd / "started").exists()


def test_the_store_away_does_not_touch_the_child_and_sync_sends_it_later(recorded: Recorded) -> None:
    recorded.home.mkdir(parents=True)
    (recorded.home / "store.db").mkdir()  # a store that cannot be opened
    done = recorded("sh", "-c", "echo step=1 loss=0.5; exit 4", drain_s=0.3)
    assert (done.returncode, done.stdout) == (4, b"step=1 loss=0.5\n")
    assert b"`mlops sync` sends the rest" in done.stderr
    (run,) = recorded.live()
    (recorded.home / "store.db").rmdir()

    from mlops_cli.config.paths import locate
    from mlops_cli.supervisor.sync import sync

    assert sync(locate(), lambda: recorded.api).sent == (run,)
    assert sync(locate(), lambda: recorded.api).sent == ()
    task = recorded.task()
    assert (task["status"], task["status_reason"]) == ("failed", "exit code 4")
    assert recorded.console(task["id"]) == done.stdout
    assert task["runtime"]["mlops_run"] == run


def test_a_task_removed_while_it_runs_is_let_go(recorded: Recorded) -> None:
    process = recorded.start("cat", options={"stdin": subprocess.PIPE, "stderr": subprocess.PIPE})
    wait_until(lambda: recorded.home.joinpath("store.db").exists() and _phase(recorded) == "running", "the record")
    recorded.api.tasks.delete(recorded.task()["id"], force=True)
    assert process.stdin is not None
    process.stdin.write(b"more\n")
    process.stdin.close()
    assert process.wait(20) == 0
    assert recorded.tasks() == []
    assert recorded.live() == []


def test_eight_runs_at_once_are_eight_whole_records(recorded: Recorded) -> None:
    code = "for i in range(50): print(f'step={i} loss={i}')"
    started = [recorded.start(*python(code), "--n", str(n)) for n in range(8)]
    assert [process.wait(60) for process in started] == [0] * 8
    tasks = recorded.tasks()
    assert len(tasks) == 8
    assert {task["status"] for task in tasks} == {"completed"}
    assert all(recorded.console(task["id"]).count(b"\n") == 50 for task in tasks)
    assert recorded.live() == []


def _phase(recorded: Recorded) -> str:
    folders = recorded.folders()
    path = folders[0] / "recording.json" if folders else Path("none")
    return str(json.loads(path.read_text()).get("phase")) if path.exists() else ""


def test_the_record_knows_when_the_run_really_began_and_ended(recorded: Recorded) -> None:
    before = time.time()
    recorded("sh", "-c", "sleep 0.4")
    task = recorded.task()
    began, ended = (datetime.fromisoformat(str(find(task))).timestamp() for find in (times.began, times.finished))
    assert before <= began <= time.time()
    assert 0.4 <= ended - began <= 10


def test_the_person_hears_at_the_end_what_was_hidden(recorded: Recorded) -> None:
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    done = recorded("sh", "-c", f"echo {key}", "--password", "hunter22")
    first, last = done.stderr.decode().splitlines()
    assert first.startswith("mlops: secrets were hidden: ")
    assert "console line 1" in first and "argv[" in first
    assert key not in done.stderr.decode() and "hunter22" not in done.stderr.decode()
    assert last.endswith(f"mlops show {recorded.task()['id'][:8]}")


def test_a_file_left_out_for_a_secret_is_named_at_the_end(recorded: Recorded) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=recorded.cwd, check=True)
    (recorded.cwd / "weights.bin").write_bytes(b"\0\1AKIA" + b"QWERTYUIOPASDFGH" + b"\0")
    done = recorded("sh", "-c", "true")
    assert b"mlops: weights.bin is not in the record: it holds a secret" in done.stderr
