"""Counters of the HTTP face in the text form that Prometheus reads. Names of endpoints are the only labels."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter, defaultdict

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Changed in the event loop only."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._started_at = time.time()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._bytes = Counter[str]()

    def note(self, endpoint: str, status: int, seconds: float, received: int, sent: int) -> None:
        self._answers[endpoint, status] += 1
        self._seconds[endpoint] += seconds
        buckets = self._buckets[endpoint]
        buckets[next((at for at, limit in enumerate(BUCKETS) if seconds <= limit), len(BUCKETS))] += 1
        self._bytes["received"] += received
        self._bytes["sent"] += sent

    def text(self, facts: dict[str, float]) -> str:
        """`facts` are further gauges by name."""
        lines = _header("mlops_http_requests_total", "counter", "Answered requests by endpoint and status.")
        for (endpoint, status), count in sorted(self._answers.items()):
            lines.append(f'mlops_http_requests_total{{endpoint="{endpoint}",code="{status}"}} {count}')
        lines += _header("mlops_http_request_seconds", "histogram", "From the first byte to the last.")
        for endpoint, buckets in sorted(self._buckets.items()):
            total = 0
            for limit, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
                total += count
                lines.append(f'mlops_http_request_seconds_bucket{{endpoint="{endpoint}",le="{limit}"}} {total}')
            lines.append(f'mlops_http_request_seconds_sum{{endpoint="{endpoint}"}} {self._seconds[endpoint]:.6f}')
            lines.append(f'mlops_http_request_seconds_count{{endpoint="{endpoint}"}} {total}')
        for way in ("received", "sent"):
            name = f"mlops_http_{way}_bytes_total"
            lines += [*_header(name, "counter", f"Bytes of bodies {way}."), f"{name} {self._bytes[way]}"]
        for name, value in {"mlops_http_in_flight": self.in_flight, **_process(self._started_at), **facts}.items():
            kind = f"# TYPE {name.partition('{')[0]} {'counter' if name.endswith('_total') else 'gauge'}"
            lines += [*([] if kind in lines else [kind]), f"{name} {value:.15g}"]
        return "\n".join(lines) + "\n"


def _header(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _process(started_at: float) -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "process_cpu_seconds_total": used.ru_utime + used.ru_stime,
        "process_resident_memory_bytes": float(resident_bytes()),
        "process_start_time_seconds": started_at,
    }


def resident_bytes() -> int:
    """What this process holds in memory now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
