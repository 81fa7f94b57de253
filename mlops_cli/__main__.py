"""The console entry point: answers what needs no command tree, then hands over to Typer."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line on `sys.argv`; the return value is the exit code."""
    args = sys.argv[1:]
    if args == ["--version"] or args == ["-V"]:
        from . import __version__

        sys.stdout.write(f"mlops {__version__}\n")
        return 0
    from .commands.root import run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())
