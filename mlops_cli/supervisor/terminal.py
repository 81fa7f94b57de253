"""The person's terminal: raw while an interactive child runs on a pty of its own, put back on every way out."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from typing import Any

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6


class Terminal:
    """The terminal behind a descriptor. Everything is undone by `restore`, which may be called at any time."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.saved: list[Any] = termios.tcgetattr(fd)
        self.is_raw = False

    def make_raw(self) -> None:
        """Hand every key on as it is: the child's own terminal turns `^C` and `^Z` into signals."""
        if self.is_raw or not self.is_foreground():
            return
        mode = list(self.saved)
        mode[_CC] = list(self.saved[_CC])
        mode[_IFLAG] &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        mode[_OFLAG] &= ~termios.OPOST
        mode[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        mode[_CFLAG] = mode[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)
        self.is_raw = True

    def restore(self) -> None:
        """Put the terminal back as it was found; nothing when it was not touched, or is gone."""
        if not self.is_raw:
            return
        self.is_raw = False
        try:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)
        except (OSError, termios.error):
            pass

    def is_foreground(self) -> bool:
        return is_foreground(self.fd)


def is_foreground(fd: int) -> bool:
    """Whether our process group is the one that the terminal listens to."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


def open_pty(like: int, *, translate: bool) -> tuple[int, int]:
    """A new pty with the modes and the size of the terminal `like`, as (master, slave).

    Without `translate` its output is left as written, because the real terminal will translate line ends itself.
    """
    master, slave = os.openpty()
    mode = termios.tcgetattr(like)
    if not translate:
        mode[_OFLAG] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    copy_size(like, master)
    os.set_blocking(master, False)
    return master, slave


def copy_size(source: int, target: int) -> None:
    """Give the terminal `target` the window size of `source`; its foreground processes get SIGWINCH from the kernel."""
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)
    except OSError:
        pass
