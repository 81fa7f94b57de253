"""Which descriptors the child gets, so that `isatty` of each answers as it would without us, and what we forward."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from . import terminal
from .console import Outlet, PtyOutput, Tail


class Wiring:
    """`stdio` are the child's descriptors; `controlling` is its terminal, when it gets a session of its own."""

    __slots__ = ("controlling", "opened", "person", "ptys", "stdio", "tails")

    def __init__(
        self,
        stdio: tuple[int, int, int],
        tails: list[Tail],
        ptys: list[PtyOutput],
        person: terminal.Terminal | None = None,
        controlling: int | None = None,
        opened: tuple[int, ...] = (),
    ) -> None:
        self.stdio = stdio
        self.tails = tails
        self.ptys = ptys
        self.person = person
        self.controlling = controlling
        self.opened = opened

    @property
    def sources(self) -> list[Tail | PtyOutput]:
        return [*self.ptys, *self.tails]

    @property
    def is_interactive(self) -> bool:
        return self.controlling is not None

    def close_child_ends(self) -> None:
        """After the child started: its ends are its own."""
        for fd in self.opened:
            os.close(fd)
        self.opened = ()


def plan(console: Path) -> Wiring:
    """Look at our own descriptors 0 to 2 and make the child's.

    Interactive: a pty as the controlling terminal of a new session. Else the child stays in our group, and writes into
    append-only files that outlive us; a terminal among 1 and 2 becomes a pty of its own.
    """
    fill_holes()
    if os.isatty(0) and os.isatty(1) and terminal.is_foreground(0):
        return _interactive(console)
    return _beside(console)


def fill_holes() -> None:
    """A closed descriptor 0 to 2 would be taken by the next file that we open."""
    fd = os.open(os.devnull, os.O_RDWR)
    while fd < 3:
        os.set_inheritable(fd, True)
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)


def _interactive(console: Path) -> Wiring:
    master, slave = terminal.open_pty(0, translate=True)
    wiring = Wiring(
        stdio=(slave, slave, slave),
        tails=[],
        ptys=[PtyOutput(master, _append(console / "out"), Outlet(1))],
        person=terminal.Terminal(0),
        controlling=slave,
        opened=(slave,),
    )
    if not os.isatty(2):
        file = _append(console / "err")
        wiring.stdio = (slave, slave, file)
        wiring.tails.append(_tail(console / "err", 2))
        wiring.opened = (slave, file)
    return wiring


def _beside(console: Path) -> Wiring:
    wiring = Wiring(stdio=(0, 1, 2), tails=[], ptys=[])
    first = _output(wiring, 1, console / "out")
    second = first if _is_same(1, 2) else _output(wiring, 2, console / "err")
    wiring.stdio = (0, first, second)
    wiring.opened = tuple({first, second})
    return wiring


def _output(wiring: Wiring, fd: int, file: Path) -> int:
    if os.isatty(fd):
        master, slave = terminal.open_pty(fd, translate=False)
        wiring.ptys.append(PtyOutput(master, _append(file), Outlet(fd)))
        return slave
    target = _append(file)
    wiring.tails.append(_tail(file, fd))
    return target


def _tail(file: Path, fd: int) -> Tail:
    tail = Tail(file, Outlet(fd))
    tail.reserve.begin()
    return tail


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _is_same(one: int, other: int) -> bool:
    a, b = os.fstat(one), os.fstat(other)
    if stat.S_ISCHR(a.st_mode) and stat.S_ISCHR(b.st_mode):
        return a.st_rdev == b.st_rdev and a.st_ino == b.st_ino
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
