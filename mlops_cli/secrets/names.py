"""Which names mean a secret, word by word, and which values beside such a name are worth hiding."""

from __future__ import annotations

import re
from functools import cache, lru_cache


@cache
def _split() -> re.Pattern[str]:
    return re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STRONG = _words("password passwords passwd passwds passphrase pwd secret secrets credential credentials authorization")
_JOINED = _words("apikey apikeys secretkey accesskey privatekey authkey authtoken accesstoken apitoken")
_KEYS = _words("api access secret private signing encryption account auth master deploy")
_ABOUT = _words(
    """file files path paths dir folder name names id ids count length size len type types limit policy manager store
    backend provider version prompt hint field label regex pattern min max header class env var url endpoint expiry
    ttl"""
)
"""A name that ends like this speaks about a secret and does not hold it: `TOKEN_FILE`, `secret_name`."""

_MODEL_TOKENS = _words(
    """pad eos bos unk mask cls sep special image audio video text start end stop begin first last next prev previous
    per new add each prompt decoder encoder forced max min num n time word sub patch prefix suffix
    middle class reg register query speaker language lang task target source this the a current any one single final
    bot eot eom user assistant system"""
)
"""Tokens of language models: `pad_token`, `eos-token`."""


@cache
def _placeholder() -> re.Pattern[str]:
    return re.compile(
        r"""[\s*x.•_-]*$ | .*<.*> | \$ | %[({A-Za-z] | .*\{.*\} |
    (none|null|nil|true|false|yes|no|undefined|auto|default|required|optional|str|int|bool|bytes|string|any|
    redact|refuse|keep|redacted|hidden|masked|changeme|todo|unset|empty|example|password|passwd|token|secret|credentials?|api[_-]?key|your[-_].*|my[-_].*|os\.environ.*|process\.env.*|env\..*|args?\..*|self\..*|config\..*|
    cfg\..*|getenv.*)[)\],;]*$""",
        re.IGNORECASE | re.VERBOSE,
    )


@cache
def _number() -> re.Pattern[str]:
    return re.compile(r"[-+]?(\d{1,5}|\d*\.\d+|\d+\.\d*)([eE][-+]?\d+)?$")


def words_of(name: str) -> list[str]:
    """`HF_TOKEN`, `hf-token` and `hfToken` are the words hf, token."""
    return [word.lower() for word in _split().findall(name)]


@lru_cache(maxsize=4096)
def strength(name: str) -> int:
    """0: not a secret's name; 1: a token, which may also be a word of text; 2: surely a secret."""
    words = words_of(name)
    if not words or words[-1] in _ABOUT or name in ("PWD", "OLDPWD"):
        return 0
    if any(word in _STRONG or word in _JOINED for word in words) or "_".join(words[-2:]) in _JOINED:
        return 2
    if len(words) > 1 and words[-1] in ("key", "keys") and words[-2] in _KEYS:
        return 2
    if words[-1] == "token" and (len(words) == 1 or words[-2] not in _MODEL_TOKENS):
        return 1
    return 0


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name holds a secret: `API_KEY` does, `max_tokens` and `keyboard` do not."""
    return strength(name) > 0


def is_literal(value: str) -> bool:
    """Whether `value` could be the secret itself: not empty, a placeholder, a flag, a small number or a path."""
    return not (_placeholder().match(value) or _number().match(value) or value.startswith(("/", "./", "../", "~/")))


def is_mixed(value: str) -> bool:
    """Whether letters and digits are mixed, as in most made-up secrets and few words."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
