"""`mlops version`: ours, and what we stand on."""

from __future__ import annotations

import platform

from .. import __version__
from .context import Context
from .define import READS, command, new_app

app = new_app()


@command(app, "version", reads=READS, example="mlops version\nmlops version --json")
def version(context: Context) -> None:
    """Show the version, the interpreter and the platform."""
    found = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    if context.output.is_json:
        context.output.document(found)
    else:
        context.output.lines([f"mlops {found['version']}", f"python {found['python']} on {found['platform']}"])
