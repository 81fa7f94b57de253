"""A tolerant reader of an existing `clearml.conf` (HOCON): the keys that name a server and who we are there.

It knows nested and dotted keys, `=` and `:`, comments, quoted and bare texts, and `${NAME}` of the environment; lists
are skipped. What it cannot read it leaves out: a file of somebody else's must never stop a command.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import InvalidInput, NotFound
from . import environ

_TOKEN = re.compile(
    r'(?P<space>[^\S\n]+)|(?P<end>[\n,])|(?P<comment>(?:\#|//)[^\n]*)|(?P<triple>"""(?P<long>.*?)"""+)'
    r'|(?P<quoted>"(?P<text>(?:[^"\\\n]|\\.)*)")|(?P<variable>\$\{(?P<optional>\??)(?P<name>[^}\n]*)\})'
    r"|(?P<sign>[{}\[\]:=]|\+=)|(?P<bare>(?:(?!//)[^\s{}\[\]:=,\"#$])+|[$\"])",
    re.S,
)
# A colon or a sign within a bare value (`http://host:8008`) belongs to it: values are cut by lines, not by tokens.
_BARE = re.compile(r"(?:(?!\s//|[,}\]#\n]|\s+#).)+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "/": "/"}


class ClearmlConf(NamedTuple):
    """What such a file says; empty texts where it says nothing."""

    path: Path
    api: str
    web: str
    files: str
    access_key: str
    secret_key: str
    verify: str


def find(env: Mapping[str, str] = os.environ) -> Path:
    """The file that the ClearML clients would read."""
    for name in environ.CLEARML_CONFIGS:
        if env.get(name):
            return Path(env[name]).expanduser()
    home = Path(env.get("HOME") or "~").expanduser()
    return next(
        (path for path in (home / "clearml.conf", home / "trains.conf") if path.is_file()), home / "clearml.conf"
    )


def load(path: Path, env: Mapping[str, str] = os.environ) -> ClearmlConf:
    """Raises NotFound when there is no such file, InvalidInput when it names no server."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as exc:
        raise NotFound(f"there is no {path}", hint="`mlops auth login URL`, or CLEARML_CONFIG_FILE=...") from exc
    except OSError as exc:
        raise InvalidInput(f"cannot read {path}: {exc.strerror}") from exc
    found = parse(text, env)
    conf = ClearmlConf(
        path,
        api=found.get("api.api_server", ""),
        web=found.get("api.web_server", ""),
        files=found.get("api.files_server", ""),
        access_key=found.get("api.credentials.access_key", ""),
        secret_key=found.get("api.credentials.secret_key", ""),
        verify=found.get("api.verify_certificate", ""),
    )
    if not conf.api:
        raise InvalidInput(f"{path} names no server (api.api_server)", hint="`mlops auth login URL`")
    return conf


def parse(text: str, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Every text, number and word of the file by its dotted key; a later one wins."""
    return _Reader(text.removeprefix("\ufeff"), env).read()


class _Reader:
    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self.text = text
        self.env = env
        self.at = 0
        self.found: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        path: list[str] = []
        depths: list[int] = []
        key: list[str] = []
        while self.at < len(self.text):
            token = _TOKEN.match(self.text, self.at)
            if token is None:
                self.at += 1
                continue
            self.at = token.end()
            sign = token["sign"]
            if token["quoted"]:
                key = [*key, _unescape(token["text"])]
            elif token["bare"]:
                key = [*key, *(part for part in token["bare"].split(".") if part)]
            elif sign == "{":
                depths.append(len(path))
                path, key = [*path, *key], []
            elif sign == "}":
                path, key = path[: depths.pop() if depths else 0], []
            elif sign in (":", "=", "+="):
                self._skip_blanks()
                if self.text[self.at : self.at + 1] == "{":
                    continue
                self._value(".".join([*path, *key]))
                key = []
            elif sign == "[":
                self.at -= 1
                self._skip_list()
            elif token["end"]:
                # `name` and its `{` may stand on two lines.
                key = key if token["end"] == "\n" and self._opens_next() else []
        return self.found

    def _value(self, key: str) -> None:
        """Pieces up to the end of the line are one text: `"http://"${HOST}":8008"`."""
        parts: list[str] = []
        is_given = False
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "[":
                self._skip_list()
                return
            token = _TOKEN.match(self.text, self.at)
            if token is None or token["end"] or token["comment"] or char in "}]":
                break
            if token["quoted"] or token["triple"]:
                parts.append(_unescape(token["text"]) if token["quoted"] else token["long"])
            elif token["variable"]:
                known = self.env.get(token["name"].strip(), self.found.get(token["name"].strip()))
                if known is None:
                    self.at = token.end()
                    continue
                parts.append(known)
            elif token["space"]:
                parts.append(token["space"] if parts else "")
                self.at = token.end()
                continue
            else:
                bare = _BARE.match(self.text, self.at)
                word = bare[0] if bare else char
                # A variable within a bare text begins a new piece.
                word = word.partition("${")[0] if "${" in word[1:] else word
                parts.append(word)
                self.at += len(word)
                is_given = True
                continue
            is_given = True
            self.at = token.end()
        if is_given and key:
            self.found[key] = "".join(parts).strip()

    def _skip_list(self) -> None:
        depth = 0
        while self.at < len(self.text):
            token = _TOKEN.match(self.text, self.at)
            self.at = token.end() if token else self.at + 1
            sign = token["sign"] if token else ""
            depth += (sign in ("[", "{")) - (sign in ("]", "}"))
            if depth <= 0:
                return

    def _skip_blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _opens_next(self) -> bool:
        return self.text[self.at :].lstrip()[:1] == "{"


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)
