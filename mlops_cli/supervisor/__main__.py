"""`python -m mlops_cli.supervisor adopt|attach FOLDER`: a supervisor beside a process that it did not start."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(args: list[str]) -> int:
    if len(args) != 2 or args[0] not in ("adopt", "attach"):
        sys.stderr.write("usage: python -m mlops_cli.supervisor adopt|attach FOLDER\n")
        return 2
    from ..client.connect import connect  # noqa: PLC0415 - a wrong call needs none of it
    from ..config.settings import load_settings  # noqa: PLC0415
    from ..spool.folder import RunFolder  # noqa: PLC0415
    from .adoption import stand_by  # noqa: PLC0415
    from .settle import meant_for, own_server  # noqa: PLC0415
    from .spec import with_settings  # noqa: PLC0415

    if os.getpid() != os.getsid(0):
        try:
            os.setsid()
        except OSError:  # we lead a group already: the terminal's signals reach us, and are ignored
            pass
    folder = RunFolder.open(args[1])
    server = meant_for(folder)
    if not server:
        # The sdk reads no settings in the training process: what they say is noted here, for whoever sends the rest.
        spec = folder.read_json("spec.json") or {}
        settings = load_settings(cwd=Path(str(spec.get("cwd") or os.sep)))
        server = str(settings["server"])
        folder.write_json("spec.json", with_settings(spec, settings))
    stand_by(folder, own_server(server, lambda: connect(load_settings())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
