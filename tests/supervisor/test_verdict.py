"""The state that each ending deserves, as a table, and tracebacks found in what was printed."""

from __future__ import annotations

import signal

import pytest

from mlops_cli.supervisor.verdict import Evidence, Verdict, judge, last_traceback

TRACE = 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    f()\nValueError: bad shape'


@pytest.mark.parametrize(
    ("evidence", "status", "reason"),
    [
        (Evidence(code=0), "completed", "completed"),
        (Evidence(code=3), "failed", "exit code 3"),
        (Evidence(code=1, console_tail=TRACE), "failed", "exit code 1: ValueError: bad shape"),
        (Evidence(code=1, error="KeyError: 'x'"), "failed", "exit code 1: KeyError: 'x'"),
        (Evidence(code=0, console_tail=TRACE), "completed", "completed"),
        (Evidence(signal=signal.SIGINT), "stopped", "interrupted"),
        (Evidence(code=130), "stopped", "stopped by SIGINT"),
        (Evidence(code=1, received=(signal.SIGINT,)), "stopped", "stopped by SIGINT"),
        (Evidence(code=0, received=(signal.SIGTERM,)), "stopped", "stopped by SIGTERM"),
        (Evidence(code=0, received=(signal.SIGUSR1,)), "completed", "completed"),
        (Evidence(signal=signal.SIGTERM), "stopped", "stopped by SIGTERM"),
        (Evidence(signal=signal.SIGHUP), "stopped", "stopped by SIGHUP"),
        (Evidence(signal=signal.SIGQUIT), "failed", "killed by SIGQUIT"),
        (Evidence(signal=signal.SIGQUIT, received=(signal.SIGQUIT,)), "stopped", "stopped by SIGQUIT"),
        (Evidence(signal=signal.SIGSEGV), "failed", "killed by SIGSEGV"),
        (Evidence(signal=signal.SIGKILL), "failed", "killed by SIGKILL"),
        (Evidence(signal=signal.SIGKILL, oom_kills=1), "failed", "out of memory (SIGKILL)"),
        (Evidence(signal=40), "failed", "killed by signal 40"),
        (Evidence(signal=signal.SIGPIPE, is_output_closed=True), "stopped", "output closed"),
        (Evidence(code=0, is_output_closed=True), "completed", "completed"),
        (Evidence(), "failed", "vanished"),
        (Evidence(is_rebooted=True), "failed", "vanished: host rebooted"),
        (Evidence(console_tail=TRACE), "failed", "vanished: ValueError: bad shape"),
    ],
)
def test_each_ending_gets_its_state_and_reason(evidence: Evidence, status: str, reason: str) -> None:
    verdict = judge(evidence)
    assert (verdict.status, verdict.reason) == (status, reason)


def test_the_traceback_is_the_message() -> None:
    assert judge(Evidence(code=1, console_tail=f"epoch 1\n{TRACE}\n")) == Verdict(
        "failed", "exit code 1: ValueError: bad shape", TRACE
    )


def test_the_last_of_several_tracebacks_counts() -> None:
    text = (
        TRACE
        + "\n\nDuring handling of the above exception, another exception occurred:\n\n"
        + TRACE.replace("bad", "worse")
    )
    assert last_traceback(text).endswith("ValueError: worse shape")


def test_colours_launcher_prefixes_and_carriage_returns_are_taken_off() -> None:
    prefixed = "".join(f"[rank0]: {line}\r\n" for line in TRACE.split("\n"))
    assert last_traceback("\x1b[31mx\x1b[0m\r\n" + prefixed + "other\r\n") == TRACE


def test_text_after_the_error_is_not_part_of_it() -> None:
    assert last_traceback(TRACE + "\nsrun: error: node1: task 0: Exited with exit code 1\n") == TRACE


def test_no_traceback_is_empty() -> None:
    assert last_traceback("all is well\nTraceback? none\n") == ""
