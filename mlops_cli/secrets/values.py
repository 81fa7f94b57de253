"""Scrubs single values: text, bytes, an argv, an environment, a named value, a URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from mlops_cli.secrets.find import REDACTED, Finding, find, find_shapes, replace
from mlops_cli.secrets.names import is_literal, is_mixed, is_secret_name, strength

T = TypeVar("T")


class Scrubbed(NamedTuple, Generic[T]):
    """The clean value, and what was taken out of it."""

    value: T
    findings: tuple[Finding, ...] = ()


def known_values(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets of an environment, long first, to be hidden wherever they appear literally.

    Values that are short or a plain word are not among them: hiding `test` in every line would destroy the log.
    """
    found: set[str] = set()
    for name, value in environ.items():
        if is_secret_name(name) and is_literal(value):
            found.update(line for line in value.splitlines() if _is_telling(line))
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def scrub_bytes(data: bytes, *, known: Iterable[str] = (), place: str = "text") -> Scrubbed[bytes]:
    """`data` with every secret replaced; line ends and line numbers stay."""
    spans = find(data, _encoded(known))
    lines = [data.count(b"\n", 0, span.start) + 1 for span in spans]
    findings = tuple(Finding(span.kind, f"{place} line {line}") for span, line in zip(spans, lines, strict=True))
    return Scrubbed(replace(data, spans), findings)


def scrub_text(text: str, *, known: Iterable[str] = (), place: str = "text") -> Scrubbed[str]:
    """`text` with every secret replaced: provider shapes, named values, URL passwords, random strings, known values."""
    clean = scrub_bytes(text.encode("utf-8", "surrogatepass"), known=known, place=place)
    return Scrubbed(clean.value.decode("utf-8", "surrogatepass"), clean.findings)


def scrub_value(name: str, value: str, *, known: Iterable[str] = (), place: str = "") -> Scrubbed[str]:
    """One named value (a variable, an option, a configuration key): hidden whole when its name means a secret."""
    place = place or name
    power = strength(name)
    if power and is_literal(value) and (power == 2 or len(value) >= 8 or is_mixed(value)):
        return Scrubbed(REDACTED, (Finding("named", place),))
    clean = scrub_text(value, known=known)
    return Scrubbed(clean.value, tuple(Finding(found.kind, place) for found in clean.findings))


def scrub_environ(environ: Mapping[str, str], *, known: Iterable[str] = ()) -> Scrubbed[dict[str, str]]:
    """Each variable by its name and its value; findings name the variable."""
    known = (*known, *known_values(environ))
    clean: dict[str, str] = {}
    findings: list[Finding] = []
    for name, value in environ.items():
        scrubbed = scrub_value(name, value, known=known, place=f"environment {name}")
        clean[name] = scrubbed.value
        findings.extend(scrubbed.findings)
    return Scrubbed(clean, tuple(findings))


def scrub_code(data: bytes, *, known: Iterable[str] = (), place: str = "code") -> Scrubbed[bytes]:
    """A source file: as in a patch, only named literals, provider shapes and known values count."""
    spans = find(data, _encoded(known), in_code=True)
    lines = [data.count(b"\n", 0, span.start) + 1 for span in spans]
    findings = tuple(Finding(span.kind, f"{place}:{line}") for span, line in zip(spans, lines, strict=True))
    return Scrubbed(replace(data, spans), findings)


def kind_in_binary(data: bytes, *, known: Iterable[str] = ()) -> str:
    """What kind of secret a binary file holds, or nothing: provider shapes, private keys and known values."""
    spans = find_shapes(data, _encoded(known))
    return spans[0].kind if spans else ""


@cache
def _assignment() -> re.Pattern[str]:
    return re.compile(r"(?P<name>[-+]{0,2}[A-Za-z_][\w./-]*)(?P<sign>:?=)(?P<value>.*)", re.DOTALL)


@cache
def _header() -> re.Pattern[str]:
    return re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]*):\s*(?!//)(?P<value>.+)", re.DOTALL)


def scrub_argv(argv: Sequence[str], *, known: Iterable[str] = ()) -> Scrubbed[list[str]]:
    """`--password X`, `--password=X`, `db.password=X`, `NAME=X`, headers, URLs and everything `scrub_text` knows."""
    known = tuple(known)
    clean: list[str] = []
    findings: list[Finding] = []
    name_before = ""
    for index, word in enumerate(argv):
        place = f"argv[{index}]"
        assignment = _assignment().fullmatch(word) or _header().fullmatch(word)
        if name_before and not (word.startswith("-") and not is_mixed(word)):
            scrubbed = scrub_value(name_before, word, known=known, place=place)
        elif assignment:
            inner = scrub_value(assignment["name"], assignment["value"], known=known, place=place)
            scrubbed = Scrubbed(word[: assignment.start("value")] + inner.value, inner.findings)
        else:
            plain = scrub_text(word, known=known)
            scrubbed = Scrubbed(plain.value, tuple(Finding(found.kind, place) for found in plain.findings))
        clean.append(scrubbed.value)
        findings.extend(scrubbed.findings)
        name_before = word if word.startswith("-") and "=" not in word and is_secret_name(word) else ""
    return Scrubbed(clean, tuple(findings))


@cache
def _userinfo() -> re.Pattern[str]:
    return re.compile(
        r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@:]*)(?P<word>:[^/@]*)?@(?P<rest>.*)", re.DOTALL
    )


def scrub_url(url: str, *, place: str = "url") -> Scrubbed[str]:
    """A URL that others may use: without a password, and over HTTP without a user, which there is often a token."""
    match = _userinfo().match(url)
    if match is None:
        return Scrubbed(url)
    over_http = match["scheme"].lower() in ("http", "https")
    if not over_http and not match["word"]:
        return Scrubbed(url)
    user = "" if over_http else f"{match['user']}@"
    return Scrubbed(f"{match['scheme']}://{user}{match['rest']}", (Finding("url password", place),))


def _is_telling(value: str) -> bool:
    return len(value) >= 8 or (len(value) >= 6 and is_mixed(value))


def _encoded(known: Iterable[str]) -> list[bytes]:
    return [value.encode("utf-8", "surrogateescape") for value in known if value]
