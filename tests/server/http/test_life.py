"""The command `mlops server`: up, in the background, down; killed under load; on a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

Json = dict[str, Any]


class Process:
    """A server as its own process; `key` is told at the first start."""

    def __init__(self, home: Path, *args: str, port: int = 0) -> None:
        env = {**os.environ, "MLOPS_HOME": str(home)}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "mlops_cli", "server", "up", "--port", str(port), "--json", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        )
        assert self.child.stdout is not None
        text = b""
        while not text.endswith(b"\n}\n"):
            part = self.child.stdout.readline()
            assert part, self.child.stderr.read().decode() if self.child.stderr else ""
            text += part
        told = json.loads(text)
        self.url: str = told["url"]
        self.environment: dict[str, str] = told["environment"]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        code = self.child.wait(40)
        for stream in (self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()
        return code


@contextlib.contextmanager
def up(home: Path, *args: str, port: int = 0) -> Iterator[Process]:
    process = Process(home, *args, port=port)
    try:
        yield process
    finally:
        if process.child.poll() is None:
            process.end()


def key_of(process: Process) -> tuple[str, str]:
    return process.environment["CLEARML_API_ACCESS_KEY"], process.environment["CLEARML_API_SECRET_KEY"]


def ask(url: str, key: tuple[str, str], endpoint: str, body: Any, session: Any = requests) -> Json:
    answer = session.post(f"{url}/{endpoint}", json=body, auth=key, timeout=20)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["data"]
    return found


def test_the_key_is_told_once_and_holds_after_a_restart(tmp_path: Path) -> None:
    with up(tmp_path) as first:
        key = key_of(first)
        assert first.environment["MLOPS_SERVER"] == first.environment["CLEARML_FILES_HOST"] == first.url
        assert ask(first.url, key, "users.get_current_user", {})["user"]["role"] == "admin"
        assert first.end() == 0
    with up(tmp_path) as second:
        assert "CLEARML_API_SECRET_KEY" not in second.environment
        assert ask(second.url, key, "server.info", {})["api_version"] == "2.34"


def test_in_the_background_it_says_where_it_is_and_ends_when_told(mlops: Any, home: Path) -> None:
    started = mlops("server", "up", "--port", "0", "--detach")
    assert started.returncode == 0, started.stderr
    assert "export CLEARML_API_SECRET_KEY=" in started.stdout
    told = json.loads(mlops("server", "status", "--json").stdout)
    try:
        assert told["answers"] is True
        assert told["memory_bytes"] < 70_000_000
        assert requests.get(f"{told['url']}/health", timeout=5).status_code == 200
        again = mlops("server", "up", "--port", "0")
        assert again.returncode == 5
        assert told["url"] in again.stderr
        refused = mlops("server", "restore", "x.tar")
        assert "runs already" in refused.stderr
        # The secret is told to whoever started it, and to no log.
        secret = next(line for line in started.stdout.splitlines() if "SECRET" in line).partition("=")[2]
        assert all(secret.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())
    finally:
        ended = mlops("server", "stop")
    assert ended.returncode == 0, ended.stderr
    assert mlops("server", "status").returncode == 3
    assert mlops("server", "stop").returncode == 3
    assert not (home / "server.json").exists()


def test_a_server_for_everybody_is_found_by_its_own_machine(mlops: Any) -> None:
    started = mlops(
        "server", "up", "--host", "0.0.0.0", "--port", "0", "--url", "https://mlops.example.org/", "--detach"
    )
    try:
        assert "export MLOPS_SERVER=https://mlops.example.org\n" in started.stdout
        told = json.loads(mlops("server", "status", "--json").stdout)
        assert (told["url"], told["answers"]) == ("https://mlops.example.org", True)
    finally:
        mlops("server", "stop")


def test_a_start_that_fails_says_why_even_in_the_background(mlops: Any, home: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        failed = mlops("server", "up", "--port", port, "--detach")
        assert failed.returncode == 6
        assert "in use" in failed.stderr
        assert mlops("server", "up", "--port", port).returncode == 6
    half = mlops("server", "up", "--tls-cert", "x.pem")
    assert (half.returncode, "--tls-key" in half.stderr) == (2, True)
    wrong = mlops("server", "up", "--port", "0", "--tls-cert", "x.pem", "--tls-key", "y.pem")
    assert (wrong.returncode, "certificate" in wrong.stderr) == (2, True)


def test_the_unit_starts_the_same_server(mlops: Any, home: Path) -> None:
    unit = mlops("server", "up", "--host", "0.0.0.0", "--port", "9000", "--print-unit").stdout
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    assert start.endswith("-m mlops_cli server up --host 0.0.0.0 --port 9000")
    assert f"MLOPS_HOME={home}" in unit


def test_it_serves_https_by_certificate_files(tmp_path: Path, mlops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, secret = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", secret, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with up(tmp_path / "home", "--tls-cert", str(certificate), "--tls-key", str(secret)) as process:
        assert process.url.startswith("https://")
        answer = requests.get(f"{process.url}/auth.login", auth=key_of(process), verify=str(certificate), timeout=5)
        assert answer.status_code == 200
        monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "home"))
        assert json.loads(mlops("server", "status", "--json").stdout)["answers"] is True
        assert "; Secure" in answer.headers["set-cookie"]


def test_the_classical_ports_name_files_on_the_files_port(tmp_path: Path) -> None:
    import socket

    for port in (8008, 8080, 8081):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken on this machine")
    with up(tmp_path, "--classic-ports", port=8008) as process:
        key = key_of(process)
        assert process.environment["CLEARML_FILES_HOST"] == "http://127.0.0.1:8081"
        model = ask(process.url, key, "models.create", {"name": "a model", "uri": "http://127.0.0.1:8081/a/b"})["id"]
        assert (
            ask(process.url, key, "models.get_by_id", {"model": model})["model"]["uri"] == "http://127.0.0.1:8081/a/b"
        )
        for port in (8080, 8081):
            assert requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200


class Sender(threading.Thread):
    """Sends numbered points and lines, repeating what was not acknowledged; `acknowledged` is its own ledger."""

    def __init__(self, number: int, key: tuple[str, str], where: Any) -> None:
        super().__init__()
        self.number = number
        self.task = ""
        self.key = key
        self.where = where
        self.acknowledged = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        session = requests.Session()
        size = 50
        while not self.is_over.is_set():
            first, last = self.acknowledged, self.acknowledged + size
            steps = list(range(first, last))
            batch = {
                "task": self.task, "run": self.task, "stream": "s", "offset": first, "next": last,
                "scalars": [{"metric": "m", "variant": "v", "iter": steps, "value": steps, "timestamp": steps}],
                "console": [{"timestamp": step, "level": "out", "raw": _base64(f"{step}\n")} for step in steps],
            }  # fmt: skip
            try:
                answer = session.post(f"{self.where()}/events.add_columns", json=batch, auth=self.key, timeout=10)
            except requests.RequestException:
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                assert answer.json()["data"]["next"] == last
                self.acknowledged = last
            else:
                assert answer.status_code == 503, answer.text


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


@pytest.mark.slow
def test_a_server_killed_at_random_keeps_what_it_acknowledged_once(tmp_path: Path) -> None:
    process = Process(tmp_path)
    key, port = key_of(process), int(process.url.rpartition(":")[2])
    senders = [Sender(number, key, lambda: process.url) for number in range(1, 5)]
    for sender in senders:
        made = ask(process.url, key, "tasks.create", {"name": f"run {sender.number}", "type": "training"})
        sender.task = made["id"]
    for sender in senders:
        sender.start()
    chance = random.Random(7)
    for _ in range(6):
        time.sleep(0.2 + chance.random() * 0.5)
        process.end(signal.SIGKILL)
        with sqlite3.connect(tmp_path / "store.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()
        process = Process(tmp_path, port=port)
    time.sleep(0.3)
    for sender in senders:
        sender.is_over.set()
    for sender in senders:
        sender.join(30)
        assert sender.acknowledged > 0
        wanted = {"task": sender.task, "metric": {"metric": "m"}, "batch_size": 100_000, "count_total": True}
        raw = ask(process.url, key, "events.scalar_metrics_iter_raw", wanted)
        assert raw["total"] == sender.acknowledged
        curve = ask(
            process.url, key, "events.get_curve", {"task": sender.task, "metric": "m", "variant": "v", "samples": 9}
        )
        assert (curve["total"], curve["last_iter"]) == (sender.acknowledged, sender.acknowledged - 1)
        log = requests.post(
            f"{process.url}/events.download_task_log",
            json={"task": sender.task, "line_type": "text", "line_format": "{msg}"}, auth=key, timeout=20,
        ).text  # fmt: skip
        assert log == "".join(f"{step}\n" for step in range(sender.acknowledged))
    assert process.end() == 0


@pytest.mark.needs_root
def test_a_full_disk_is_said_and_everything_works_again_after(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs root")
    try:
        with up(disk / "home") as process:
            key = key_of(process)
            task = ask(process.url, key, "tasks.create", {"name": "a task", "type": "training"})["id"]
            ask(process.url, key, "tasks.started", {"task": task})
            # The reserve of the file store refuses files long before the disk is full.
            refused = requests.put(f"{process.url}/a/b", data=b"x" * 1000, auth=key, timeout=10)
            assert refused.status_code == 507
            ballast = disk / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            codes, added = set(), 0
            for number in range(200):
                event = {"type": "log", "task": task, "msg": os.urandom(2000).hex(), "level": "x", "timestamp": number}
                answer = requests.post(f"{process.url}/events.add_batch", json=event, auth=key, timeout=20)
                codes.add(answer.status_code)
                added += answer.status_code == 200
                if answer.status_code != 200:
                    assert "disk is full" in answer.json()["meta"]["result_msg"]
                    assert str(disk) not in answer.text
                    break
            assert 503 in codes
            assert ask(process.url, key, "tasks.get_by_id", {"task": task})["task"]["status"] == "in_progress"
            ballast.unlink()
            event = {"type": "log", "task": task, "msg": "after", "level": "x", "timestamp": 999}
            ask(process.url, key, "events.add_batch", event)
            log = ask(process.url, key, "events.get_task_log", {"task": task, "batch_size": 1000})
            assert log["total"] == added + 1
            assert process.end() == 0
        with sqlite3.connect(disk / "home" / "store.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
