"""What is neither a call nor a file: the front page, health, readiness and metrics."""

from __future__ import annotations

import json
import os

from ...errors import MlopsError
from ..store.store import Store
from .exchange import Answer
from .metrics import CONTENT_TYPE, Metrics, resident_bytes

FRONT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mlops</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42em;margin:3em auto;padding:0 1em}code{background:#8882;padding:.1em .3em}</style></head>
<body><h1>mlops server</h1>
<p>OK. This is the tracking API and the file store of <code>mlops</code>. There is nothing to click here: it is made for the terminal.</p>
<p><code>mlops auth login URL</code>, then <code>mlops ls</code>. The clearml SDK and agent may point here, too.</p>
<p>For machines: <a href="/health">/health</a>, <a href="/ready">/ready</a>, <a href="/metrics">/metrics</a>.</p>
</body></html>
"""  # noqa: E501
PATHS = frozenset({"/", "/health", "/ready", "/metrics"})


def front() -> Answer:
    return Answer(200, FRONT.encode(), "text/html; charset=utf-8", ((b"content-security-policy", _POLICY),))


def health() -> Answer:
    """Alive: it answers. Whether it can work is `ready`'s to say."""
    return Answer(200, json.dumps({"status": "ok", "memory_bytes": resident_bytes()}).encode())


def ready(store: Store) -> Answer:
    """Looks into the store and at the disk."""
    try:
        with store.db.guard():
            store.db.connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
        found = os.statvfs(store.db.path.parent)
        free = found.f_bavail * found.f_frsize
    except (MlopsError, OSError):
        return Answer(503, json.dumps({"status": "the store cannot be read"}).encode())
    return Answer(200, json.dumps({"status": "ready", "disk_free_bytes": free}).encode())


def metrics(store: Store, counters: Metrics) -> Answer:
    facts: dict[str, float] = {}
    with store.db.guard():
        connection = store.db.connection
        for status, count in connection.execute("SELECT status, count(*) FROM tasks GROUP BY status").fetchall():
            facts[f'mlops_tasks{{status="{status}"}}'] = count
    try:
        facts["mlops_store_bytes"] = store.db.path.stat().st_size
    except OSError:
        pass
    return Answer(200, counters.text(facts).encode(), CONTENT_TYPE)


_POLICY = b"default-src 'none'; style-src 'unsafe-inline'"
