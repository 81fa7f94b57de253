"""The access log: one JSON object a request. Headers, bodies and query strings never come here, so no secret does."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import IO, Any


class AccessLog:
    """`target` is a file, `-` for stderr, or empty for none; problems of ours go to stderr then."""

    def __init__(self, target: str) -> None:
        self._stream: IO[str] | None = None
        if target == "-":
            self._stream = sys.stderr
        elif target:
            self._stream = Path(target).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until close

    def note(self, **facts: Any) -> None:
        if self._stream is not None:
            self._write(self._stream, {"time": _now(), **facts})

    def problem(self, request_id: str, endpoint: str, trace: list[str]) -> None:
        """What we did not expect, under the id that the client was told."""
        facts = {"time": _now(), "problem": request_id, "endpoint": endpoint, "trace": "".join(trace)}
        self._write(self._stream or sys.stderr, facts)

    def close(self) -> None:
        if self._stream is not None and self._stream is not sys.stderr:
            self._stream.close()
        self._stream = None

    def _write(self, stream: IO[str], facts: dict[str, Any]) -> None:
        try:
            # One write a line, so that lines of several processes do not mix.
            stream.write(json.dumps(facts, ensure_ascii=True, separators=(",", ":")) + "\n")
        except (OSError, ValueError):
            # A full disk must not end the service.
            return


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
