"""Names that are no UTF-8, as text that a store can hold: Python's lone surrogates become visible escapes."""

from __future__ import annotations

from typing import Any


def as_text(text: str) -> str:
    """`caf\\udce9` for the bytes `caf\\xe9`: what cannot be said stays visible."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def in_text(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, dict):
        return {as_text(key): in_text(item) for key, item in value.items()}
    return [in_text(item) for item in value] if isinstance(value, list) else value
