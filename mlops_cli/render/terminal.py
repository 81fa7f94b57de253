"""What the streams are: a terminal or not, how wide, whether colours are wanted, and the pager."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO


def is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def wants_color(choice: str, stream: TextIO, env: Mapping[str, str] = os.environ) -> bool:
    """The flag wins, then NO_COLOR, then the variables that force, then what the stream is.

    The conventions: no-color.org, bixense.com/clicolors, force-color.org.
    """
    if choice in ("always", "never"):
        return choice == "always"
    if env.get("NO_COLOR"):
        return False
    if env.get("CLICOLOR_FORCE", "0") != "0" or env.get("FORCE_COLOR", "0") not in ("0", ""):
        return True
    return is_terminal(stream) and env.get("TERM", "") not in ("", "dumb") and env.get("CLICOLOR") != "0"


def columns(env: Mapping[str, str] = os.environ) -> int:
    return _size(env)[0]


def lines(env: Mapping[str, str] = os.environ) -> int:
    return _size(env)[1]


def _size(env: Mapping[str, str]) -> tuple[int, int]:
    wide, high = _whole(env.get("COLUMNS")), _whole(env.get("LINES"))
    if not (wide and high):
        try:
            found = os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1)
            # A terminal without a size (a serial line, some CI) says 0 by 0.
            wide, high = wide or found.columns, high or found.lines
        except (OSError, ValueError):
            pass
    return wide or 80, high or 24


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def page(text: str, command: str = "", env: Mapping[str, str] = os.environ) -> bool:
    """Show a long text through the person's pager; False where there is none, so that it is printed instead."""
    import shlex  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    words = shlex.split(command or env.get("MLOPS_PAGER") or env.get("PAGER") or "less -FRX")
    if not words or words == ["cat"]:
        return False
    try:
        pager = subprocess.Popen(words, stdin=subprocess.PIPE, text=True, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return False
    try:
        pager.communicate(text)
    except KeyboardInterrupt:
        # The pager has the terminal and decides itself what Ctrl-C means.
        pager.wait()
    except BrokenPipeError:
        pager.wait()
    return True
