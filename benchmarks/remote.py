"""What `mlops ls` costs over HTTP, as a ratio to `python -c pass`, and where the rest goes.

python benchmarks/remote.py     base: `python -c pass` of the same interpreter; the server is ours, on loopback
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from startup import environment, measure, show

TASKS = 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server, variables = up(os.path.join(folder, "server"))
        try:
            env = {**environment(os.path.join(folder, "client")), **variables}
            fill(env)
            mlops = [sys.executable, "-m", "mlops_cli"]
            python = [sys.executable, "-c"]
            commands = {
                "python -c pass": [*python, "pass"],
                "import requests": [*python, "import requests"],
                "import urllib3": [*python, "import urllib3"],
                "import the client's transport": [*python, "import mlops_cli.client.remote"],
                "mlops version (the tree alone)": [*mlops, "version"],
                "mlops ls -n 20, over HTTP": [*mlops, "ls", "-n", "20"],
                "mlops ls -n 20 --json, over HTTP": [*mlops, "ls", "-n", "20", "--json"],
            }
            show(measure(commands, env))
            print()
            show(measure({"python -c pass": [*python, "pass"], "one call, connection kept": [*python, CALLS]}, env))
            print("\n`one call, connection kept`: 200 calls of tasks.get_all, 20 of them; ms a call, wall:")
            said = subprocess.run([*python, CALLS], env=env, check=True, capture_output=True, text=True)
            print(said.stdout.strip())
        finally:
            server.terminate()
            server.wait()


CALLS = """
import time
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
api = connect(load_settings())
query = {"page_size": 20, "order_by": ["-created"], "only_fields": ["id", "name", "status"]}
api.call("tasks.get_all", query)
begun = time.perf_counter()
for _ in range(200):
    api.call("tasks.get_all", query)
print(f"{(time.perf_counter() - begun) * 5:.2f}")
"""

FILL = f"""
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
api = connect(load_settings())
for at in range({TASKS}):
    api.tasks.create({{"name": f"task {{at}}", "type": "training"}})
"""


def fill(env: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", FILL], env=env, check=True)


def up(home: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """A server of ours on a free port, and the variables that reach it."""
    command = [sys.executable, "-m", "mlops_cli", "server", "up", "--port", "0"]
    server = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    found: dict[str, str] = {}
    for line in server.stdout:
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if line.startswith("export "):
            found[name] = value
        if name == "CLEARML_API_SECRET_KEY":
            break
    wanted = ("MLOPS_SERVER", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY")
    return server, {name: found[name] for name in wanted}


if __name__ == "__main__":
    main()
