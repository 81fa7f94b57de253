"""The real, unmodified `clearml-agent` as a worker of our server: it takes tasks, runs, aborts and reports them."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Sdk, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("clearml_agent") is None, reason="needs clearml-agent: pip install clearml-agent"
    ),
]

CONF = """
api { api_server: "%(CLEARML_API_HOST)s", web_server: "%(CLEARML_WEB_HOST)s", files_server: "%(CLEARML_FILES_HOST)s"
      credentials { access_key: "%(CLEARML_API_ACCESS_KEY)s", secret_key: "%(CLEARML_API_SECRET_KEY)s" } }
agent { disable_agent_update_check: true, cpu_only: true
        package_manager { system_site_packages: true, pip_version: "" } }
"""
QUICK = {
    "CLEARML_AGENT_SKIP_PYTHON_ENV_INSTALL": "1",
    "CLEARML_AGENT_QUEUE_POLL_FREQ_SEC": "1",
    "CLEARML_CPU_ONLY": "1",
    "NVIDIA_VISIBLE_DEVICES": "none",
    "CLEARML_WORKER_NAME": "tester",
}
WORKER = "tester:cpu:0"


@pytest.fixture(scope="module")
def agent(server: Server, sdk: Sdk) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that listens to the default queue and to one that it makes."""
    conf, log = sdk.folder / "agent.conf", sdk.folder / "agent.log"
    conf.write_text(CONF % server.env)
    environ = {**sdk.environ(QUICK), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    del environ["CLEARML_CONFIG_FILE"]
    program = str(Path(sys.executable).with_name("clearml-agent"))
    command = [program, "--config-file", str(conf), "daemon", "--queue", "default", "made", "--create-queue"]
    with log.open("wb") as writer:
        process = subprocess.Popen([*command, "--foreground"], env=environ, stdout=writer, stderr=writer)
    try:
        until(lambda: workers(server), f"the agent did not register:\n{log.read_text()[-2000:]}")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_queued_script_is_run_and_its_end_and_output_are_known(server: Server, agent: object) -> None:
    task = queued(server, "print('hello from the worker')")
    found = ended(server, task)
    assert (found["status"], found["status_reason"]) == ("completed", "worker execution done")
    assert found["last_worker"] == WORKER and found["execution"]["queue"] == queue(server, "default")["id"]
    assert "hello from the worker" in server.mlops("logs", task).out
    assert queue(server, "default")["entries"] == []


def test_the_worker_is_listed_with_the_queues_that_it_listens_to(server: Server, agent: object) -> None:
    (worker,) = workers(server)
    assert worker["id"] == WORKER and worker["ip"] == "127.0.0.1"
    assert {item["name"] for item in worker["queues"]} == {"default", "made"}
    assert [item["name"] for item in queue(server, "made")["workers"]] == [WORKER]


def test_a_script_that_fails_is_failed_with_its_exit_code(server: Server, agent: object) -> None:
    found = ended(server, queued(server, "raise SystemExit(3)", queue_name="made"))
    assert (found["status"], found["status_reason"]) == ("failed", "worker execution exit code 3")


def test_an_abort_reaches_the_process_through_the_agent(server: Server, agent: object, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    script = "import time\nfor n in range(600):\n    open(%r, 'w').write(str(n)); time.sleep(0.1)\n"
    task = queued(server, script % str(beat))
    until(beat.exists, "the script did not start")
    until(lambda: workers(server)[0].get("task", {}).get("id") == task, "the worker did not say what it runs")
    assert server.call("tasks.stop", {"task": task})["fields"]["status_message"] == "stopping"
    found = ended(server, task)
    assert (found["status"], found["status_reason"]) == ("stopped", "task was stopped by tasks.stop")
    last = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == last, "the process lives on"


def test_an_agent_that_is_interrupted_takes_its_leave(server: Server, agent: subprocess.Popen[bytes]) -> None:
    agent.send_signal(signal.SIGINT)
    agent.wait(20)
    assert workers(server) == [] and queue(server, "default")["workers"] == []


def queued(server: Server, script: str, **where: str) -> str:
    """A task that is the script, waiting for a worker."""
    fields = {"binary": "python3", "entry_point": "job.py", "working_dir": ".", "diff": script, "requirements": {}}
    task = server.call("tasks.create", {"name": "for the agent", "type": "training", "script": fields})["id"]
    server.call("tasks.enqueue", {"task": task, **where})
    return str(task)


def ended(server: Server, task: str) -> dict[str, Any]:
    def look() -> Any:
        found = server.call("tasks.get_by_id", {"task": task})["task"]
        return found if found["status"] not in ("created", "queued", "in_progress") else None

    return dict(until(look, "the task did not end"))


def workers(server: Server) -> list[dict[str, Any]]:
    return list(server.call("workers.get_all", {})["workers"])


def queue(server: Server, name: str) -> dict[str, Any]:
    (found,) = server.call("queues.get_all_ex", {"name": f"^{name}$"})["queues"]
    return dict(found)


def until(condition: Callable[[], Any], otherwise: str, timeout_s: float = 40) -> Any:
    """What the condition gives once that is something."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
    return found
