"""Access keys and their secrets: made here, stored as a hash, compared in constant time.

A secret is 256 random bits, so one SHA-256 is as good as scrypt (nobody searches 2^256) and does not cost every call
with Basic authentication 50 ms and 16 MB, which a stranger could spend for us.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class KeyPair(NamedTuple):
    """The secret exists only here and at its owner's."""

    access_key: str
    secret_key: str


def new_pair() -> KeyPair:
    """Letters and digits only, so that both survive any shell, file and header."""
    access = "".join(secrets.choice(_LETTERS) for _ in range(20))
    return KeyPair(access, secrets.token_hex(32))


def digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def fits(secret: str, stored: str) -> bool:
    return hmac.compare_digest(digest(secret), stored)
