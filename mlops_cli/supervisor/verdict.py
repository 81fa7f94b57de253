"""What became of a run: its status and the reason, from how the child ended and what it wrote last. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

COMPLETED, FAILED, STOPPED = "completed", "failed", "stopped"

REASON_CHARS = 160
MESSAGE_CHARS = 8000

_BY_PERSON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@cache
def _head() -> re.Pattern[str]:
    return re.compile(r"^(?P<prefix>.*?)(?:Exception Group )?Traceback \(most recent call last\):\s*$")


@cache
def _escapes() -> re.Pattern[str]:
    return re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Evidence(NamedTuple):
    """How the child ended and what is known about it. Neither `code` nor `signal`: nobody saw the end."""

    code: int | None = None
    signal: int | None = None
    received: Sequence[int] = ()
    is_output_closed: bool = False
    oom_kills: int = 0
    is_rebooted: bool = False
    is_sdk: bool = False
    console_tail: str = ""
    error: str = ""
    """What the sdk saw: `ValueError: bad shape`."""


class Verdict(NamedTuple):
    """`status` is the API's; `reason` one short line; `message` longer evidence, such as the last traceback."""

    status: str
    reason: str
    message: str = ""


def judge(evidence: Evidence) -> Verdict:
    """The status and reason that this ending deserves."""
    if evidence.code is None and evidence.signal is None:
        return _vanished(evidence)
    if evidence.is_output_closed and (evidence.code or evidence.signal):
        return Verdict(STOPPED, "output closed", "the reader of its output went away")
    if evidence.signal is not None:
        return _killed(evidence, evidence.signal)
    code = evidence.code or 0
    asked = _asked(evidence)
    if asked is not None:
        return Verdict(STOPPED, f"stopped by {name(asked)}", f"exited with code {code} after {name(asked)}")
    if code == 0:
        return Verdict(COMPLETED, "completed")
    trace = last_traceback(evidence.console_tail)
    reason = _with_error(f"exit code {code}", trace, evidence.error)
    return Verdict(FAILED, reason, trace[-MESSAGE_CHARS:] or evidence.error)


def name(signum: int) -> str:
    """`SIGTERM` for 15; real-time signals have numbers only."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def last_traceback(text: str) -> str:
    """The last Python traceback in console text, without colours and launchers' prefixes; empty when there is none."""
    lines = [_escapes().sub("", line) for line in text.replace("\r\n", "\n").split("\n")]
    for start in range(len(lines) - 1, -1, -1):
        head = _head().match(lines[start])
        if head:
            return "\n".join(_body(lines[start:], head["prefix"]))
    return ""


def _vanished(evidence: Evidence) -> Verdict:
    if evidence.is_rebooted:
        return Verdict(FAILED, "vanished: host rebooted", "the host was restarted while it ran")
    who = "the process" if evidence.is_sdk else "the process and its waiter"
    trace = last_traceback(evidence.console_tail)
    return Verdict(FAILED, _with_error("vanished", trace), trace or f"{who} ended without leaving an exit status")


def _killed(evidence: Evidence, signum: int) -> Verdict:
    if signum == signal.SIGINT:
        return Verdict(STOPPED, "interrupted", "ended by SIGINT")
    if signum in (signal.SIGTERM, signal.SIGHUP) or signum in evidence.received:
        return Verdict(STOPPED, f"stopped by {name(signum)}", f"ended by {name(signum)}")
    if signum == signal.SIGKILL and evidence.oom_kills > 0:
        return Verdict(
            FAILED,
            "out of memory (SIGKILL)",
            f"the kernel's out-of-memory killer struck {evidence.oom_kills} time(s) while it ran",
        )
    trace = last_traceback(evidence.console_tail)
    core = f"killed by {name(signum)}"
    return Verdict(FAILED, core, trace[-MESSAGE_CHARS:])


def _asked(evidence: Evidence) -> int | None:
    """The signal by which a person ended it, when the exit code tells or such a signal came."""
    code = evidence.code or 0
    for signum in evidence.received:
        if signum in _BY_PERSON:
            return signum
    # In a terminal of its own the child gets `^C` as a key, unseen by us; programs then leave with 128 + 2.
    return int(signal.SIGINT) if code == 128 + signal.SIGINT else None


def _with_error(reason: str, trace: str, error: str = "") -> str:
    error = error or next((line for line in trace.split("\n")[1:] if not line.startswith((" ", "\t"))), "")
    return f"{reason}: {error}"[:REASON_CHARS] if error else reason


def _body(lines: Sequence[str], prefix: str) -> list[str]:
    """The traceback that begins at the first line: indented lines, then the error and its further lines."""
    kept = ["Traceback (most recent call last):"]
    has_error = False
    for line in lines[1:]:
        if prefix and not line.startswith(prefix):
            break
        text = line[len(prefix) :].rstrip()
        if not text or (has_error and not text.startswith((" ", "\t"))):
            break
        has_error = has_error or not text.startswith((" ", "\t"))
        kept.append(text)
    return kept
