"""Where secrets lie in bytes: provider key shapes, named values, URLs with passwords, random strings, known values.

Text is not scanned by one big expression (25 MB/s) but by a few plain searches for what every secret must contain (a
run of twenty token characters, a telling word, an `@`), and expressions are tried only there.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from mlops_cli.secrets.names import is_literal, is_mixed, strength, words_of

REDACTED = "<redacted>"
MARK = REDACTED.encode()


class Finding(NamedTuple):
    """`kind` is what it looks like (`github token`, `named`), `place` where it was; the value is nowhere."""

    kind: str
    place: str


class Span(NamedTuple):
    start: int
    end: int
    kind: str


_SHAPES = [
    ("aws key", rb"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"),
    ("github token", rb"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}"),
    ("gitlab token", rb"glpat-[A-Za-z0-9_-]{20,}"),
    ("slack token", rb"xox[abeoprs]-(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{15,}"),
    ("hugging face token", rb"hf_(?=[a-zA-Z]*[A-Z0-9])[A-Za-z0-9]{30,}"),
    ("anthropic key", rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("openai key", rb"sk-(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{20,}"),
    ("google key", rb"AIza[0-9A-Za-z_-]{35}"),
    ("google token", rb"GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,}"),
    ("stripe key", rb"[sr]k_live_[A-Za-z0-9]{16,}"),
    ("npm token", rb"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("pypi token", rb"pypi-AgE[A-Za-z0-9_-]{30,}"),
    ("digitalocean token", rb"do[opr]_v1_[a-f0-9]{64}"),
    ("sendgrid key", rb"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("jwt", rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
]


@cache
def _shape() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?<![A-Za-z0-9])(?:" + b"|".join(b"(?P<s%d>%s)" % (i, shape) for i, (_, shape) in enumerate(_SHAPES)) + b")"
    )


@cache
def _shape_start() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?<![A-Za-z0-9])(?:A[KS]IA|AIza|gh[pousr]_|github_pat_|glpat-|xox|hf_|sk-|GOCSPX-|ya29\.|[sr]k_live_|npm_|pypi-AgE|"
        rb"do[opr]_v1_|SG\.|eyJ)"
    )


_RUN = 20
"""Every shape contains this many token characters in a row, or (`SG.`, `ya29.`) follows a dot that ends a short run."""
_RANDOM = 32
_BLOB = (b"+", b"/", b"\\", b"@", b"=")


@cache
def _word_like() -> re.Pattern[bytes]:
    return re.compile(rb"[a-z]{6}|[A-Z]{6}")


_TOKEN_CHARS = bytes(97 if chr(c).isascii() and (chr(c).isalnum() or c in b"_-") else 32 for c in range(256))
_LOWER = bytes(c + 32 if 65 <= c <= 90 else c for c in range(256))

_WORDS = (b"passw", b"passphrase", b"pwd", b"secret", b"token", b"key", b"credential", b"authorization")


@cache
def _name() -> re.Pattern[bytes]:
    return re.compile(rb"[A-Za-z0-9_.-]{0,64}")


_NAME_CHARS = bytes(c for c in range(128) if chr(c).isalnum() or c in b"_.-")


@cache
def _separator() -> re.Pattern[bytes]:
    """`name = `, `name: str = `, `"name": `, `["name"] = `."""
    return re.compile(
        rb"""["'\])]{0,3}[ \t]{0,8}
    (?P<sign> :[ \t]{0,4}[A-Za-z_][A-Za-z0-9_\[\]|., ]{0,40}?[ \t]{0,4}=(?!=) | => | := | =(?!=) | :(?!:) )
    [ \t]{0,8}""",
        re.VERBOSE,
    )


@cache
def _quoted() -> re.Pattern[bytes]:
    return re.compile(rb"""[bBrRuU]{0,2}(?P<q>["'])(?P<value>[^"'\s]{1,4096})(?P=q)""")


@cache
def _bare() -> re.Pattern[bytes]:
    return re.compile(rb"""[^\s"',;()\[\]{}&<>|]{1,4096}""")


@cache
def _bearer() -> re.Pattern[bytes]:
    return re.compile(rb"(?i:bearer|basic|token)[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{8,4096})")


@cache
def _url() -> re.Pattern[bytes]:
    return re.compile(rb"://(?P<user>[^\s/@:\"'<>]{0,256})(?P<word>:[^\s/@\"'<>]{1,1024})?@[A-Za-z0-9\[]")


@cache
def _pem_pattern() -> re.Pattern[bytes]:
    return re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


@cache
def _pem_end() -> re.Pattern[bytes]:
    return re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def find(data: bytes, known: Sequence[bytes] = (), *, in_code: bool = False) -> list[Span]:
    """The secrets in `data`, in order and without overlap. `in_code`: literals only, and nothing by mere randomness."""
    spans = [*_known(data, known), *_runs(data, in_code=in_code), *_urls(data), *_named(data, in_code=in_code)]
    if b"PRIVATE KEY" in data:
        spans.extend(_pem(data))
    if len(spans) < 2:
        return spans
    spans.sort()
    merged = [spans[0]]
    for span in spans[1:]:
        if span.start >= merged[-1].end:
            merged.append(span)
        elif span.end > merged[-1].end:
            merged[-1] = merged[-1]._replace(end=span.end)
    return merged


def find_shapes(data: bytes, known: Sequence[bytes] = ()) -> list[Span]:
    """Only what cannot be anything else: for binary files, where names and values mean nothing."""
    return [*_known(data, known), *_runs(data, in_code=True), *(_pem(data) if b"PRIVATE KEY" in data else ())]


def replace(data: bytes, spans: Sequence[Span]) -> bytes:
    """`data` with each span replaced; the line ends inside a span (a PEM block) stay, so lines keep their numbers."""
    if not spans:
        return data
    parts: list[bytes] = []
    at = 0
    for span in spans:
        parts.append(data[at : span.start])
        parts.append(MARK + (b"\n" + MARK) * data.count(b"\n", span.start, span.end))
        at = span.end
    parts.append(data[at:])
    return b"".join(parts)


def _known(data: bytes, known: Sequence[bytes]) -> Iterator[Span]:
    for value in known:
        at = data.find(value)
        while at >= 0:
            yield Span(at, at + len(value), "known value")
            at = data.find(value, at + len(value))


def _runs(data: bytes, *, in_code: bool) -> Iterator[Span]:
    folded = data.translate(_TOKEN_CHARS)
    needle = b"a" * _RUN
    at = folded.find(needle)
    while at >= 0:
        start, end = folded.rfind(b" ", 0, at) + 1, folded.find(b" ", at)
        end = len(folded) if end < 0 else end
        # A dot splits runs: look a little around, for `SG.` and the parts of a JWT.
        match = _shape_in(data, max(0, start - 24), min(end, start + 4096))
        if match:
            yield Span(match.start(), match.end(), _SHAPES[int((match.lastgroup or "s0")[1:])][0])
            end = max(end, match.end())
        elif not in_code and end - start >= _RANDOM and _looks_random(data, start, end):
            yield Span(start, end, "random string")
        at = folded.find(needle, end)


def _shape_in(data: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """The first provider shape that begins between `start` and `end`; it may end behind `end`."""
    for candidate in _shape_start().finditer(data, start, end):
        match = _shape().match(data, candidate.start())
        if match:
            return match
    return None


_DISTINCT = 20
"""4.3 bits a character need at least 2 ** 4.3 different ones."""


def _looks_random(data: bytes, start: int, end: int) -> bool:
    """32 to 100 letters and digits that change class all the time: no hash, no words, no base64 blob."""
    run = data[start:end]
    in_blob = data[max(0, start - 1) : start] in _BLOB[:-1] or data[end : end + 1] in _BLOB
    if end - start > 100 or not run.isalnum() or in_blob:
        return False
    if len(set(run)) < _DISTINCT:  # most long runs of console text are rulers and padding: they cost nothing
        return False
    classes = [0 if 48 <= c <= 57 else 1 if c < 91 else 2 for c in run]
    changes = sum(a != b for a, b in pairwise(classes))
    if min(classes.count(kind) for kind in (0, 1, 2)) < 3 or changes < 0.45 * len(run):
        return False
    entropy = -sum(n / len(run) * math.log2(n / len(run)) for n in Counter(run).values())
    return entropy >= 4.3 and not _word_like().search(run)


def _urls(data: bytes) -> Iterator[Span]:
    if b"@" not in data:
        return
    at = data.find(b"://")
    while at >= 0:
        match = _url().match(data, at)
        if match:
            word = match["word"]
            if word and is_literal(word[1:].decode("latin-1")):
                yield Span(match.start("word") + 1, match.end("word"), "url password")
            elif not word and len(match["user"]) >= 16 and is_mixed(match["user"].decode("latin-1")):
                yield Span(match.start("user"), match.end("user"), "url password")
        at = data.find(b"://", at + 3)


def _named(data: bytes, *, in_code: bool) -> Iterator[Span]:
    lower = data.translate(_LOWER)
    for word in _WORDS:
        at = lower.find(word)
        while at >= 0:
            # The commonest words of training logs, told apart before any expression runs.
            after = lower[at + len(word) : at + len(word) + 1]
            if word == b"token" and (after.isalpha() or after == b" "):
                at = lower.find(word, at + 5)
                continue
            name_end = _name().match(data, at).end()  # type: ignore[union-attr]  # it matches the empty string too
            span = _value_after(data, at, name_end, in_code=in_code)
            if span:
                yield span
            at = lower.find(word, span.end if span else name_end + (name_end == at))


def _value_after(data: bytes, at: int, name_end: int, *, in_code: bool) -> Span | None:
    before = data[max(0, at - 64) : at]
    start = at - (len(before) - len(before.rstrip(_NAME_CHARS)))
    name = data[start:name_end].decode("latin-1")
    power = strength(name)
    if not power:
        return None
    separator = _separator().match(data, name_end)
    if separator is None:
        # `--password hunter2` in an echoed command line
        blank = data[name_end : name_end + 1] == b" "
        if in_code or not (name.startswith("--") and blank):
            return None
        sign, value_at = b"=", name_end + 1
    else:
        sign, value_at = separator["sign"], separator.end()
    bearer = _bearer().match(data, value_at) or _bearer().match(data, value_at + 1)
    if bearer and is_literal(bearer["value"].decode("latin-1")):
        return Span(bearer.start("value"), bearer.end("value"), "authorization")
    quoted = _quoted().match(data, value_at)
    if quoted:
        value = quoted["value"].decode("latin-1")
        enough = len(value) >= 4 if power == 2 else len(value) >= 8 and is_mixed(value)
        same = value.lower() == name.lower().split(".")[-1] or (in_code and _repeats(name, value))
        return Span(*quoted.span("value"), "named") if enough and is_literal(value) and not same else None
    bare = _bare().match(data, value_at)
    if bare is None:
        return None
    value = bare[0].decode("latin-1")
    spaced = separator is not None and data[separator.end() - 1 : separator.end()] in (b" ", b"\t")
    follows = data[bare.end() : bare.end() + 1]
    if not is_literal(value) or not _bare_is_secret(
        value, name, power, sign, spaced=spaced, in_code=in_code, follows=follows
    ):
        return None
    return Span(*bare.span(), "named")


def _repeats(name: str, value: str) -> bool:
    """`SECRETS = "MLOPS_SECRETS"`, `get_credentials="GetCredentials"`: code that names a name, not a secret."""
    return value.replace("_", "").isalpha() and words_of(name)[-1] in words_of(value)


def _bare_is_secret(
    value: str, name: str, power: int, sign: bytes, *, spaced: bool, in_code: bool, follows: bytes
) -> bool:
    """Without quotes a value may be an expression (`token = tokens[0]`) or prose (`Password: incorrect`)."""
    if follows in (b"(", b"["):
        return False
    if in_code:
        like_shell = sign == b"=" and not spaced and name.isupper()
        like_yaml = sign == b":" and spaced and len(value) >= 10 and "." not in value
        if like_shell and power == 2 and len(value) >= 6 and not value.isupper():
            return True  # a line of an environment file
        return len(value) >= 6 and (like_shell or like_yaml) and is_mixed(value)
    if power == 1:
        return len(value) >= 12 and is_mixed(value)
    return len(value) >= 4 and (not spaced or not (value.isalpha() or "=" in value))


def _pem(data: bytes) -> Iterator[Span]:
    for match in _pem_pattern().finditer(data):
        end = _pem_end().search(data, match.end())
        yield Span(match.start(), end.end() if end else len(data), "private key")
