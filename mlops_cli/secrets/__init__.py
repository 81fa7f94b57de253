"""Finds and scrubs secrets in values, text and patches before they are stored; pure.

A finding names a place, never a value. Every function takes `known`, literal values that are secret wherever they
appear (`known_values(environ)` makes them), and returns `Scrubbed(value, findings)`. What follows is the caller's
policy: `redact` stores the clean value, `refuse` stores nothing, `keep` stores the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_cli.secrets.console import ConsoleScrubber
from mlops_cli.secrets.find import REDACTED, Finding
from mlops_cli.secrets.names import is_secret_name
from mlops_cli.secrets.values import (
    Scrubbed,
    kind_in_binary,
    known_values,
    scrub_argv,
    scrub_bytes,
    scrub_code,
    scrub_environ,
    scrub_text,
    scrub_url,
    scrub_value,
)

if TYPE_CHECKING:
    from mlops_cli.secrets.patch import AlteredLine, LeftOut, ScrubbedPatch, scrub_patch

POLICIES = ("redact", "refuse", "keep")

__all__ = [
    "POLICIES",
    "REDACTED",
    "AlteredLine",
    "ConsoleScrubber",
    "Finding",
    "LeftOut",
    "Scrubbed",
    "ScrubbedPatch",
    "is_secret_name",
    "kind_in_binary",
    "known_values",
    "scrub_argv",
    "scrub_bytes",
    "scrub_code",
    "scrub_environ",
    "scrub_patch",
    "scrub_text",
    "scrub_url",
    "scrub_value",
]

_OF_PATCHES = ("AlteredLine", "LeftOut", "ScrubbedPatch", "scrub_patch")


def __getattr__(name: str) -> Any:
    """Patches are read only where code was changed; most runs start from a clean tree."""
    if name in _OF_PATCHES:
        from mlops_cli.secrets import patch  # noqa: PLC0415

        return getattr(patch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
