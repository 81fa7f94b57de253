"""Scrubs a stream of console bytes, chunk by chunk, without changing their order.

For what is stored: a terminal gets its bytes raw.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_cli.secrets.find import MARK, Finding, find, replace

_LONGEST_LINE = 1 << 16
_OVERLAP = 1 << 12
"""A line without an end is let through up to its last bytes: no secret that we know is longer than this."""


class ConsoleScrubber:
    """Give it chunks in order, store what it returns; `close()` returns the rest.

    A secret may be cut between two chunks, so the last, unfinished line is held back; a carriage return ends a line
    too, so that progress bars flow. `flush()` lets an unfinished line go (a prompt that waits), scrubbed as seen.
    """

    def __init__(self, *, known: Iterable[str] = (), place: str = "console") -> None:
        self._known = [value.encode("utf-8", "surrogateescape") for value in known if value]
        self._place = place
        self._held = b""
        self._line = 1
        self._counts: dict[str, list[int]] = {}
        self._in_key = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding a kind, with the first line and how many there were."""
        return tuple(
            Finding(kind, f"{self._place} line {first}" + (f" and {count - 1} more" if count > 1 else ""))
            for kind, (first, count) in self._counts.items()
        )

    def feed(self, chunk: bytes) -> bytes:
        """The clean bytes that are certain by now; unfinished lines stay until their end comes."""
        data = self._held + chunk if self._held else chunk
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > _LONGEST_LINE:
            end = self._cut(data, end)
        self._held = data[end:]
        return self._scrub(data[:end]) if end else b""

    def flush(self) -> bytes:
        """What was held back, scrubbed as it stands."""
        held, self._held = self._held, b""
        return self._scrub(held)

    close = flush

    def _cut(self, data: bytes, end: int) -> int:
        """Where an endless line may be cut: before its last bytes, and not inside a secret that is seen there."""
        cut = len(data) - _OVERLAP
        for span in find(data[end:], self._known):
            if end + span.start < cut < end + span.end:
                return end + span.start
        return cut

    def _scrub(self, data: bytes) -> bytes:
        if self._in_key:
            return self._inside_key(data)
        spans = find(data, self._known)
        if not spans:
            self._line += data.count(b"\n")
            return data
        for span in spans:
            entry = self._counts.setdefault(span.kind, [self._line + data.count(b"\n", 0, span.start), 0])
            entry[1] += 1
        last = spans[-1]
        if last.kind == "private key" and last.end == len(data) and b"-----END" not in data[last.start :]:
            # The rest of the key is still to come; the line end that closes this chunk belongs to the text.
            self._in_key = True
            spans[-1] = last._replace(end=len(data.rstrip(b"\r\n")))
        self._line += data.count(b"\n")
        return replace(data, spans)

    def _inside_key(self, data: bytes) -> bytes:
        clean: list[bytes] = []
        lines = data.splitlines(keepends=True)
        for index, line in enumerate(lines):
            if line.startswith(b"-----END"):
                self._in_key = False
                self._line += index + 1
                return b"".join(
                    [*clean, MARK, line[len(line.rstrip(b"\r\n")) :], self._scrub(b"".join(lines[index + 1 :]))]
                )
            clean.append(MARK + line[len(line.rstrip(b"\r\n")) :])
        self._line += len(lines)
        return b"".join(clean)
