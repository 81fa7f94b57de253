"""Runs a command as the supervisor does, without recording it: `python bare.py RUNS COMMAND...`."""

import json
import os
import sys
from pathlib import Path

from mlops_cli.errors import RunFailed
from mlops_cli.spool.folder import RunFolder
from mlops_cli.supervisor import launch, report, waiter, wiring
from mlops_cli.supervisor.watch import Watch


def main() -> int:
    runs = Path(sys.argv[1])
    try:
        command = launch.resolve(sys.argv[2:])
    except RunFailed as exc:
        sys.stderr.write(exc.message + "\n")
        return exc.run_exit_code
    folder = RunFolder.create(runs)
    wires = wiring.plan(folder.console)
    started = waiter.start(command, env=dict(os.environ), stdio=wires.stdio, folder=folder, terminal=wires.controlling)
    wires.close_child_ends()
    if started.start_error:
        return launch.why(started.start_error)[1]
    ending = Watch(started, wires, folder.read_json).run()
    (runs / "ending").write_text(json.dumps(ending._asdict()))
    return report.exit_code(ending)


if __name__ == "__main__":
    sys.exit(main())
