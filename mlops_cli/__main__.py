"""The console entry point: answers what needs no command tree, then hands over to Typer."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line on `sys.argv`; the return value is the exit code."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _fill_closed()
    args = sys.argv[1:]
    text = answer_quickly(args)
    if text is not None:
        return _write(text)
    import gc

    # What start-up allocates stays for ever; looking for rubbish in it costs half the price of a bare interpreter.
    gc.set_threshold(20_000, 20, 20)
    try:
        return _run(args)
    finally:
        # The end of the process frees it all at once; the interpreter would look through it a last time.
        gc.freeze()


def _fill_closed() -> None:
    """Streams for descriptors that are closed (`>&-`), lowest first: else the next file opened would stand for one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - no pathlib, for good


def _run(args: list[str]) -> int:
    if is_plain_run(args):
        from .commands.context import Context
        from .commands.guard import guarded
        from .commands.launch import launch

        context = Context()
        return guarded(lambda: launch(context, args[1:]), context)
    from .commands.root import run

    return run(args)


def is_plain_run(args: list[str]) -> bool:
    """Whether this is `mlops run CMD...` without a flag of ours: nothing to parse, the rest is the program's."""
    return len(args) > 1 and args[0] == "run" and not args[1].startswith("-") and args[1] != ""


def answer_quickly(args: list[str]) -> str | None:
    """The answer to what is asked often and needs no command tree: the version, names for completion, help."""
    if args in (["--version"], ["-V"]):
        from . import __version__

        return f"mlops {__version__}\n"
    if args[:1] == ["__names"]:
        from .commands.names import answer

        return answer(args[1:])
    if args and args[-1] in ("--help", "-h") and len(args) <= 3:
        from .commands.rendered import find

        return find(args[:-1])
    return None


def _write(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        from .commands.pipes import leave_quietly

        return leave_quietly()
    return 0


if __name__ == "__main__":
    sys.exit(main())
