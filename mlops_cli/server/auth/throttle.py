"""Slows down those who guess: after some failed logins from one address, further ones wait. Pure but for its memory."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

FAILURES = 20
"""So many failed logins are allowed from one address ..."""

PERIOD_S = 60.0
"""... in this time; the allowance comes back evenly."""

ADDRESSES = 10_000
"""So many addresses are remembered, the latest: memory stays bounded under a flood."""


class Throttle:
    """A leaking bucket an address. Only failures count, so a busy client with the right key never waits."""

    def __init__(self) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, address: str, now: float) -> float:
        """How long this address has to wait before its next try; 0 for most."""
        level = self._level(address, now)
        return 0.0 if level < FAILURES else (level - FAILURES + 1) * PERIOD_S / FAILURES

    def note_failure(self, address: str, now: float) -> None:
        with self._lock:
            self._levels[address] = (self._level(address, now) + 1, now)
            self._levels.move_to_end(address)
            while len(self._levels) > ADDRESSES:
                self._levels.popitem(last=False)

    def _level(self, address: str, now: float) -> float:
        level, at = self._levels.get(address, (0.0, now))
        return max(0.0, level - (now - at) * FAILURES / PERIOD_S)
