"""The console stream: every byte in order, however the stream is cut."""

from __future__ import annotations

import itertools
import os
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.secrets import REDACTED, ConsoleScrubber

TOKEN = b"ghp_" + b"a1B2" * 9
KEY = b"-----BEGIN PRIVATE KEY-----\nMIIB\nabcd\n-----END PRIVATE KEY-----\n"


def _through(data: bytes, cuts: list[int], **options: object) -> tuple[bytes, ConsoleScrubber]:
    scrubber = ConsoleScrubber(**options)  # type: ignore[arg-type]
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [scrubber.feed(data[a:b]) for a, b in itertools.pairwise(edges)]
    return b"".join([*parts, scrubber.close()]), scrubber


@given(st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_secret_cut_anywhere_is_scrubbed(cuts: list[int]) -> None:
    data = b"start\n" + b"my token is " + TOKEN + b" ok\r\n10%\r20%\r" + KEY + b"end \xff\xfe without newline"
    clean, scrubber = _through(data, cuts)
    mark = REDACTED.encode()
    assert clean == (
        b"start\nmy token is " + mark + b" ok\r\n10%\r20%\r" + (mark + b"\n") * 4 + b"end \xff\xfe without newline"
    )
    assert {found.kind for found in scrubber.findings} == {"github token", "private key"}


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=60, deadline=None)
def test_bytes_without_a_secret_pass_unchanged(data: bytes, cuts: list[int]) -> None:
    assert _through(data, cuts)[0] == data


def test_progress_bars_flow_and_prompts_can_be_let_go() -> None:
    scrubber = ConsoleScrubber()
    assert scrubber.feed(b"10%\r20%") == b"10%\r"
    assert scrubber.flush() == b"20%"


def test_known_values_are_hidden_and_counted_once_a_kind() -> None:
    scrubber = ConsoleScrubber(known=["horse-battery"])
    clean = scrubber.feed(b"a\nhorse-battery\nhorse-battery\n") + scrubber.close()
    assert clean == b"a\n" + (REDACTED.encode() + b"\n") * 2
    assert [(found.kind, found.place) for found in scrubber.findings] == [("known value", "console line 2 and 1 more")]


def test_an_endless_line_is_held_back_only_a_little() -> None:
    scrubber = ConsoleScrubber()
    got = sum(len(scrubber.feed(b"x" * 10_000)) for _ in range(100))
    assert got >= 1_000_000 - (1 << 16) - 10_000
    assert got + len(scrubber.close()) == 1_000_000


def test_a_secret_in_an_endless_line_is_scrubbed_wherever_it_lies() -> None:
    for offset in range(60_000, 70_000, 37):
        scrubber = ConsoleScrubber()
        data = b"." * offset + b" " + TOKEN + b" " + b"." * 20_000
        clean = b"".join(scrubber.feed(data[i : i + 4096]) for i in range(0, len(data), 4096)) + scrubber.close()
        assert TOKEN not in clean and clean.count(REDACTED.encode()) == 1


def test_random_bytes_do_not_slow_it_down() -> None:
    data = os.urandom(2_000_000)
    begin = time.process_time()
    _through(data, list(range(0, len(data), 65536)))
    assert time.process_time() - begin < 5  # a quadratic scan would take minutes
