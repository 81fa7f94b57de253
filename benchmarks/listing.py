"""`mlops ls` among many experiments on the embedded store, plain output, and where its time goes.

python benchmarks/listing.py [EXPERIMENTS]     base: `python -c pass` of the same interpreter (10,000 experiments)
"""

from __future__ import annotations

import os
import sys
import tempfile

from startup import environment, measure, show

from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings

STORE = """
import sys
from mlops_cli.config.settings import load_settings
from mlops_cli.client.connect import connect
connect(load_settings()).tasks.find({"order_by": ["-created"]}, limit=20)
"""


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        env = environment(home)
        fill(home, count)
        ls = [sys.executable, "-m", "mlops_cli", "ls"]
        print(f"{count:,} experiments, 2 metrics and 3 parameters each\n")
        show(
            measure(
                {
                    "python -c pass": [sys.executable, "-c", "pass"],
                    "mlops ls -n 20": [*ls, "-n", "20"],
                    "  of it: import typer": [sys.executable, "-c", "import typer"],
                    "  of it: import sqlite3, json": [sys.executable, "-c", "import sqlite3, json"],
                    "  the same query without the command line": [sys.executable, "-c", STORE],
                    "mlops ls -n 20 status:completed": [*ls, "-n", "20", "status:completed"],
                    "mlops ls -n 20 'lr<0.005'": [*ls, "-n", "20", "lr<0.005"],
                    "mlops ls -n 20 -s -loss": [*ls, "-n", "20", "-s", "-loss"],
                    "mlops ls --all -o csv": [*ls, "--all", "-o", "csv"],
                },
                env,
                rounds=9,
            )
        )


def fill(home: str, count: int) -> None:
    """Ended experiments, made through the API as a client would make them."""
    os.environ["MLOPS_HOME"] = home
    with connect(load_settings()) as api:
        project = api.projects.ensure("vision/resnet")
        for at in range(count):
            values = {"lr": 0.001 * (at % 17 + 1), "bs": 2 ** (at % 6), "epochs": 10}
            items = {k: {"section": "Args", "name": k, "value": str(v), "type": "float"} for k, v in values.items()}
            fields = {"name": f"run {at}", "type": "training", "project": project, "hyperparams": {"Args": items}}
            task = api.tasks.create(fields)
            point = {"type": "training_stats_scalar", "task": task, "iter": 1, "variant": "train"}
            api.call(
                "events.add_batch",
                {"events": [{**point, "metric": name, "value": at % 97 / 97} for name in ("loss", "acc")]},
            )
            api.tasks.completed(task, force=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000)
