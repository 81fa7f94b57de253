"""Who guesses waits; who knows never does."""

from __future__ import annotations

from mlops_cli.server.auth import throttle
from mlops_cli.server.auth.throttle import FAILURES, PERIOD_S, Throttle


def test_failures_from_one_address_are_slowed_down_and_forgotten_in_time() -> None:
    door = Throttle()
    for _ in range(FAILURES):
        assert door.wait_s("a", 0.0) == 0
        door.note_failure("a", 0.0)
    assert 0 < door.wait_s("a", 0.0) <= PERIOD_S / FAILURES + 1e-6
    assert door.wait_s("b", 0.0) == 0
    assert door.wait_s("a", PERIOD_S) == 0


def test_a_flood_of_addresses_is_bounded() -> None:
    door = Throttle()
    for number in range(throttle.ADDRESSES + 50):
        door.note_failure(str(number), 0.0)
    assert len(door._levels) == throttle.ADDRESSES
