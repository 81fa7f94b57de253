"""The commit that others can fetch: the nearest ancestor of HEAD in a remote-tracking ref, and its remote's URL."""

from __future__ import annotations

import os
from typing import NamedTuple

from .git import ask
from .status import Status

_MOST_REFS = 5000


class Base(NamedTuple):
    """Empty when nothing of the history is known to a remote. `ref` is `origin/main`, `branch` `main`."""

    commit: str = ""
    ref: str = ""
    branch: str = ""
    url: str = ""


def find(status: Status) -> Base:
    """The branch's upstream first, else origin, else any remote. No process when HEAD is level with its upstream."""
    if not status.head:
        return Base()
    remote = _first(status, f"branch.{status.branch}.remote")
    if status.upstream and remote not in ("", "."):
        level = status.head if status.is_level else ""
        commit = level or ask("merge-base", status.head, status.upstream, cwd=status.top)
        if commit:
            merge = _first(status, f"branch.{status.branch}.merge").removeprefix("refs/heads/")
            return Base(commit, status.upstream, merge, _url(status, remote))
    names = remotes(status)
    for prefixes in (["refs/remotes/origin"], [f"refs/remotes/{name}" for name in names if name != "origin"]):
        found = _nearest(status, [prefix for prefix in prefixes if prefix.removeprefix("refs/remotes/") in names])
        if found.commit:
            return found
    return Base()


def remotes(status: Status) -> list[str]:
    """The names of the remotes that have a URL."""
    keys = [key for key in status.config if key.startswith("remote.") and key.endswith(".url")]
    return [key[len("remote.") : -len(".url")] for key in keys]


def _nearest(status: Status, prefixes: list[str]) -> Base:
    if not prefixes:
        return Base()
    # The newest refs first: with very many of them the bound leaves out the oldest.
    order = ("--sort=-committerdate", f"--count={_MOST_REFS}", "--format=%(objectname) %(refname)")
    listed = ask("for-each-ref", *order, *prefixes, cwd=status.top)
    refs = [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in listed.splitlines() if " " in line]
    refs = [(commit, ref) for commit, ref in refs if not ref.endswith("/HEAD")]
    if not refs:
        return Base()
    commits = list(dict.fromkeys(commit for commit, _ in refs))
    # With many commits git takes the best common ancestor of HEAD and any of them, which is the nearest.
    commit = status.head if status.head in commits else ask("merge-base", status.head, *commits, cwd=status.top)
    if not commit:
        return Base()
    ref = next((ref for tip, ref in refs if tip == commit), "")
    if not ref:
        ref = ask(
            "for-each-ref", "--count=1", "--format=%(refname)", "--contains", commit, *prefixes, cwd=status.top
        )  # fmt: skip
    short = ref.removeprefix("refs/remotes/")
    remote = max((name for name in remotes(status) if short.startswith(f"{name}/")), key=len, default="")
    return Base(commit, short, short.removeprefix(f"{remote}/"), _url(status, remote))


def _url(status: Status, remote: str) -> str:
    """The URL as others need it: shorthands of this machine (`insteadOf`) written out."""
    url = _first(status, f"remote.{remote}.url") or (remote if "/" in remote else "")
    best, replacement = "", ""
    for key, shorts in status.config.items():
        if key.startswith("url.") and key.endswith(".insteadof"):
            for short in shorts:
                if short and url.startswith(short) and len(short) > len(best):
                    best, replacement = short, key[len("url.") : -len(".insteadof")]
    url = replacement + url[len(best) :] if best else url
    # A path may be relative to the top of the working tree, which means nothing elsewhere.
    return url if not url or ":" in url else os.path.normpath(status.top / url)


def _first(status: Status, key: str) -> str:
    values = status.config.get(key)
    return values[0] if values else ""
