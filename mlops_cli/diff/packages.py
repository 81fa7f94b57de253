"""Reads recorded requirements as package and version. Pure; nothing is looked up or installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)\Z", re.S)
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")


def read_requirements(requirements: Mapping[str, Any] | None) -> dict[str, str]:
    """Canonical package name to version (or specifier, or URL). Conda's packages carry `conda:` before the name."""
    found: dict[str, str] = {}
    for manager, text in (requirements or {}).items():
        if manager.startswith("org_"):
            continue
        prefix = "" if manager == "pip" else f"{manager}:"
        lines = text if isinstance(text, list) else str(text or "").splitlines()
        for line in lines:
            parsed = _read_line(str(line))
            if parsed:
                found[prefix + parsed[0]] = parsed[1]
    return found


def _read_line(line: str) -> tuple[str, str] | None:
    text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
    if not text:
        return None
    if text.startswith("-e ") or "://" in text.split("@")[0]:
        egg = _EGG.search(text)
        return (_canonical(egg[1]) if egg else text), text
    if text.startswith("-"):
        return None
    match = _PINNED.match(text)
    if match is None:
        return None
    rest = match[2].strip()
    for operator in ("===", "==", "="):
        if rest.startswith(operator):
            rest = rest.removeprefix(operator).strip()
            break
    return _canonical(match[1]), rest.removeprefix("@").strip() or "any"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
