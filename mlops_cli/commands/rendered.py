"""Help that was rendered beforehand, so that asking for it costs no command tree.

`help.txt` is generated (`python -m mlops_cli.commands.rendered`), and a test holds it equal to what Typer says.
"""

from __future__ import annotations

import os
import sys

FILE = __file__.removesuffix("rendered.py").removesuffix("rendered.pyc") + "help.txt"
WIDTH = 80
"""Typer fills lines up to this many columns; only a narrower terminal needs its help rendered anew."""


def find(words: list[str]) -> str | None:
    """The help of a command or group, or None where Typer must answer."""
    if any(word.startswith("-") for word in words) or _columns() < WIDTH:
        return None
    try:
        with open(FILE, encoding="utf-8") as stream:  # noqa: PTH123 - 5 ms of pathlib
            pages = stream.read().split("\f")
    except OSError:
        return None
    head = " ".join(["mlops", *words]) + "\n"
    return next((page[len(head) :] for page in pages if page.startswith(head)), None)


def render() -> str:
    """Every page, as Typer says it."""
    from .tree import walk

    return "\f".join(f"{path}\n{text}" for path, text in ((" ".join(c.path), c.help) for c in walk()))


def _columns() -> int:
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


if __name__ == "__main__":
    os.environ["COLUMNS"] = str(WIDTH)
    with open(FILE, "w", encoding="utf-8") as target:  # noqa: PTH123
        target.write(render())
