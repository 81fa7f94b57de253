from __future__ import annotations

import pytest

from mlops_cli.schemas.console import fold, read_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain\ntext\n", "plain\ntext\n"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("10%\r20%\r100%\ndone\n", "100%\ndone\n"),
        ("10%\r20%\r", "20%"),
        ("\rfirst", "first"),
        ("abcdef\rxy\n", "xycdef\n"),
        ("long line\r\x1b[Kok\n", "ok\n"),
        ("\x1b[31mred long\x1b[0m\r\x1b[32mok\x1b[0m", "\x1b[32mok\x1b[0m"),
        ("5/10\b\b\b\b\r6/10\n", "6/10\n"),
        ("\r\r\n", "\n"),
    ],
)
def test_lines_fold_to_what_a_terminal_shows_last(text, shown):
    assert fold(text) == shown


def test_folding_twice_changes_nothing():
    text = "a\rbb\nc\r\n\x1b[1md\re\n"
    assert fold(fold(text)) == fold(text)


def test_bytes_that_are_not_utf8_are_replaced():
    assert read_text(b"caf\xe9 \xe2\x82\xac") == "caf\ufffd €"
