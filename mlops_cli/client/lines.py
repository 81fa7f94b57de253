"""A batch of columns as lines of the API's `events.add_batch`, and where to go on when nobody knows what arrived. Pure.

For servers that do not know (run, stream, offset). Points, plots and images overwrite themselves by (task, metric,
variant, iteration); log lines are appended, so what the server has is compared with what is to be sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

Json = dict[str, Any]

PACKET_BYTES = 8 << 20
"""Default installations refuse bodies of more than 15 MiB."""

MESSAGE_BYTES = 1 << 16
NOT_FINITE = "points that are no finite numbers, which this server cannot hold"
TOO_LARGE = "events larger than this server takes"


@dataclass(slots=True)
class Lines:
    """`events` are encoded lines, `console` log events that are not encoded yet, `left_out` counts by reason."""

    events: list[bytes] = field(default_factory=list)
    console: list[Json] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Sent:
    """What is known of one stream of console lines: whether the last batch arrived, and which it was.

    At first nobody knows: another process may have sent some, and died before it noted it.
    """

    is_sure: bool = False
    unsure: list[Json] = field(default_factory=list)


def of_batch(body: Json) -> Lines:
    """The lines of one body of `events.add_columns`."""
    found = Lines()
    common = {"task": body["task"], "worker": body.get("worker") or "", "allow_locked": bool(body.get("allow_locked"))}
    for column in body.get("scalars") or ():
        _scalars(column, common, found)
    for event in body.get("events") or ():
        line = _encode({**common, **event})
        if len(line) > PACKET_BYTES:
            found.left_out[TOO_LARGE] = found.left_out.get(TOO_LARGE, 0) + 1
        else:
            found.events.append(line)
    for entry in body.get("console") or ():
        for text in split_messages(entry["raw"]):
            found.console.append(
                {**common, "type": "log", "timestamp": entry["timestamp"], "level": entry["level"], "msg": text}
            )
    return found


def packets(lines: Iterable[bytes | Json]) -> Iterator[bytes]:
    """Request bodies of a bounded size."""
    packet: list[bytes] = []
    size = 0
    for item in lines:
        line = item if isinstance(item, bytes) else _encode(item)
        if packet and size + len(line) > PACKET_BYTES:
            yield b"".join(packet)
            packet, size = [], 0
        packet.append(line)
        size += len(line)
    if packet:
        yield b"".join(packet)


def split_messages(raw: bytes) -> list[str]:
    """Console bytes as messages of whole lines, each within the size that other clients keep to."""
    from ..schemas.console import fold, read_text  # noqa: PLC0415

    text = fold(read_text(raw))
    found: list[str] = []
    part: list[str] = []
    size = 0
    for line in text.splitlines(keepends=True):
        weight = len(line.encode("utf-8", "replace"))
        if part and size + weight > MESSAGE_BYTES:
            found.append("".join(part))
            part, size = [], 0
        part.append(line)
        size += weight
    if part:
        found.append("".join(part))
    # Readers of the API show each message on lines of its own.
    return [message.removesuffix("\n") for message in found]


def ended(message: str) -> str:
    """A message of the API as the lines that it stands for."""
    return message if message.endswith("\n") else message + "\n"


def after_last_match(todo: Sequence[Json], there: Sequence[Json], *, exact: Sequence[Json] = ()) -> list[Json]:
    """What of `todo` the server lacks, when its newest log events are `there`.

    `exact` is the batch of this process that may have arrived: its events are known by time and text. Else (another
    process sent it) lines are compared: the longest beginning of `todo` that the server's log ends with is there.
    """
    if not todo:
        return []
    if exact:
        arrived = {(event.get("timestamp"), event.get("msg")) for event in there}
        sent = list(takewhile(lambda event: (event["timestamp"], event["msg"]) in arrived, exact))
        # The batch may have grown meanwhile, and its last line with it.
        pairs = zip(_as_lines(todo), _as_lines(sent), strict=False)
        return _cut(todo, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))
    level, worker = todo[0]["level"], todo[0]["worker"]
    ours = [event for event in there if event.get("level") == level and event.get("worker") in (worker, None, "")]
    return _cut(todo, _overlap(_as_lines(ours), _as_lines(todo)))


def _overlap(before: list[str], after: list[str]) -> int:
    """The length of the longest end of `before` that is a beginning of `after`."""
    # The failure function of Knuth, Morris and Pratt: logs of a hundred thousand equal lines stay linear.
    pattern = after[: len(before)]
    table = [0] * len(pattern)
    length = 0
    for at in range(1, len(pattern)):
        while length and pattern[at] != pattern[length]:
            length = table[length - 1]
        length += pattern[at] == pattern[length]
        table[at] = length
    matched = 0
    for line in before[-len(pattern) :] if pattern else ():
        while matched and (matched == len(pattern) or line != pattern[matched]):
            matched = table[matched - 1]
        matched += bool(pattern) and line == pattern[matched]
    return matched


def _cut(events: Sequence[Json], count: int) -> list[Json]:
    """The events without their first `count` lines."""
    left: list[Json] = []
    for event in events:
        split = event["msg"].split("\n")
        if count >= len(split):
            count -= len(split)
            continue
        left.append({**event, "msg": "\n".join(split[count:])} if count else event)
        count = 0
    return left


def _as_lines(events: Iterable[Json]) -> list[str]:
    return [line for event in events for line in str(event.get("msg") or "").split("\n")]


def _scalars(column: Json, common: Json, found: Lines) -> None:
    head = {**common, "type": "training_stats_scalar", "metric": column["metric"], "variant": column["variant"]}
    if column.get("x_axis_label"):
        head["x_axis_label"] = column["x_axis_label"]
    prefix = json.dumps(head, separators=(",", ":"))[:-1]
    lost = 0
    for step, value, moment in zip(column["iter"], column["value"], column["timestamp"], strict=True):
        if not math.isfinite(value):
            lost += 1
            continue
        found.events.append(f'{prefix},"iter":{step},"value":{value!r},"timestamp":{moment}}}\n'.encode())
    if lost:
        found.left_out[NOT_FINITE] = found.left_out.get(NOT_FINITE, 0) + lost


def _encode(event: Json) -> bytes:
    return json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
