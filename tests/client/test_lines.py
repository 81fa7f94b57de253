"""Where sending goes on when nobody knows what arrived, and who may see the token: tables of cases."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.client import lines
from mlops_cli.client.address import clean_url, is_below, sibling
from mlops_cli.client.transport import Transport
from mlops_cli.errors import InvalidInput, MlopsError


def events(*messages: str, at: int = 0) -> list[dict[str, Any]]:
    return [{"timestamp": at + n, "msg": text, "level": "info", "worker": "w"} for n, text in enumerate(messages)]


def said(found: list[dict[str, Any]]) -> list[str]:
    return [line for event in found for line in event["msg"].split("\n")]


@pytest.mark.parametrize(
    ("there", "todo", "left"),
    [
        ([], ["a"], ["a"]),
        (["a"], ["a"], []),
        (["x", "a\nb"], ["a\nb\nc"], ["c"]),
        (["a", "x"], ["a"], ["a"]),
        (["a", "a"], ["a\na\na"], ["a"]),
        (["b", "a"], ["a\nb", "a\nc"], ["b", "a", "c"]),
        (["a\nb\na"], ["a\nb\na\nc"], ["c"]),
    ],
)
def test_sending_goes_on_after_the_last_line_that_is_there(there: list[str], todo: list[str], left: list[str]) -> None:
    assert said(lines.after_last_match(events(*todo), events(*there))) == left


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")))
def test_the_overlap_is_the_longest_that_there_is(before: list[str], after: list[str]) -> None:
    longest = max(n for n in range(min(len(before), len(after)) + 1) if before[len(before) - n :] == after[:n])
    assert lines._overlap(before, after) == longest


def test_lines_of_others_are_not_taken_for_ours() -> None:
    there = [{**event, "worker": "another"} for event in events("a")]
    assert said(lines.after_last_match(events("a"), there)) == ["a"]


def test_progress_bars_travel_folded_and_long_output_in_pieces() -> None:
    assert lines.split_messages(b"10%\r50%\rdone\nnext\n") == ["done\nnext"]
    pieces = lines.split_messages(b"".join(b"%05d" % n + b"x" * 1000 + b"\n" for n in range(200)))
    assert len(pieces) == 4 and all(len(piece) <= lines.MESSAGE_BYTES for piece in pieces)
    assert "\n".join(pieces).count("\n") == 199


@pytest.mark.parametrize(
    ("given_", "clean"),
    [
        ("HTTP://Host:8008/", "http://host:8008"),
        ("https://host:443/api/", "https://host/api"),
        ("localhost:8008", "http://localhost:8008"),
        ("api.example.org", "https://api.example.org"),
        ("http://[::1]:8008", "http://[::1]:8008"),
    ],
)
def test_addresses_are_made_regular(given_: str, clean: str) -> None:
    assert clean_url(given_) == clean


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "http://me:secret@host", "http://host:port", "http://h:99999"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_url(text)
    assert "secret@" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://files.example/a", True),
        ("https://FILES.example:443/a", True),
        ("http://files.example/a", False),
        ("https://files.example:444/a", False),
        ("https://files.example.evil.org/a", False),
        ("https://files.example@evil.org/a", False),
        ("https://evil.org/https://files.example/", False),
        ("file:///files.example/a", False),
    ],
)
def test_only_the_same_scheme_host_and_port_is_the_same_place(url: str, is_ours: bool) -> None:
    assert is_below(url, "https://files.example") is is_ours


@pytest.mark.parametrize("url", ["http://{}\\@files.example:8081/x", "http://{}\t\\@files.example:8081/x"])
def test_a_link_that_two_readers_take_for_two_hosts_never_sees_the_token(url: str) -> None:
    seen: list[str | None] = []

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Foreign) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        link = url.format(f"127.0.0.1:{server.server_port}")
        trusted = ("http://files.example:8081",)
        with suppress(MlopsError), Transport("").stream("GET", link, headers={}, trusted=trusted, token="secret"):
            pass
        server.shutdown()
    assert not is_below(link, trusted[0])
    assert not any(seen)


def test_a_path_of_the_base_bounds_it() -> None:
    assert is_below("https://h/files/x", "https://h/files") and not is_below("https://h/files2/x", "https://h/files")


def test_the_hosts_beside_an_api_are_found_by_the_classical_names() -> None:
    assert sibling("http://host:8008", "files") == "http://host:8081"
    assert sibling("https://api.example.org", "app") == "https://app.example.org"
    assert sibling("https://tracking.example.org", "files") is None
