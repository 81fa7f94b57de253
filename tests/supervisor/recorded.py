"""`mlops run` without the command line: `python recorded.py JSON COMMAND...`, where JSON holds fields of RunSpec."""

import json
import os
import sys
import time

from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from mlops_cli.errors import MlopsError, RunFailed
from mlops_cli.supervisor.run import RunSpec, run


def main() -> int:
    settings = load_settings()
    spec = RunSpec(argv=tuple(sys.argv[2:]), cwd=os.getcwd(), started_at=time.time(), **json.loads(sys.argv[1]))
    try:
        return run(spec, paths=settings.paths, connect=lambda: connect(settings))
    except MlopsError as exc:
        sys.stderr.write(f"{type(exc).__name__}: {exc.message}\n")
        return exc.run_exit_code if isinstance(exc, RunFailed) else exc.exit_code


if __name__ == "__main__":
    sys.exit(main())
