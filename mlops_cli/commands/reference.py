"""The reference of every command, in Markdown, written from the command tree.

`docs/reference.md` is generated (`python -m mlops_cli.commands.reference docs/reference.md`); a test holds it equal.
"""

from __future__ import annotations

import os
import sys

from .rendered import WIDTH

HEAD = """# Reference

Every command as `mlops COMMAND --help` says it; this page is written from the commands themselves. The flags of the
first section hold for every command.

Exit codes: 0 done, 1 failed, 2 usage, 3 not found or ambiguous, 4 not allowed, 5 conflict, 6 unreachable, 7 timed out,
9 refused. `mlops run` ends with the code of its program: 128 + N after signal N, 125 to 127 when it could not start.
"""


def render() -> str:
    """The whole page."""
    from .tree import walk

    parts = [HEAD]
    for node in walk():
        parts.append(f"## {' '.join(node.path)}\n\n```text\n{node.help.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    os.environ["COLUMNS"] = str(WIDTH)
    with open(sys.argv[1], "w", encoding="utf-8") as target:  # noqa: PTH123
        target.write(render())
