"""What the person hears of a run on stderr: one line at its end, and the record for `--json-file`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MlopsError
from .spec import RunSpec
from .verdict import Verdict
from .watch import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .recorder import Recorder
    from .recording import Recording

MAX_METRICS = 3


def exit_code(ending: Ending) -> int:
    """The child's own code, 128 + N after signal N, 1 when nobody knows."""
    if ending.signal is not None:
        return 128 + ending.signal
    return 1 if ending.code is None else ending.code


def last_line(task: str, verdict: Verdict, duration_s: float, metrics: Iterable[Mapping[str, Any]]) -> str:
    """`mlops: 3f2a91c0 failed (exit code 1: ValueError: x) after 12.3 s · loss 0.41 · mlops show 3f2a91c0`."""
    short = task[:8]
    state = verdict.status if verdict.reason == verdict.status else f"{verdict.status} ({verdict.reason})"
    parts = [f"mlops: {short} {state} after {duration(duration_s)}"]
    shown = [f"{label(item)} {number(item.get('value'))}" for item in metrics]
    if shown:
        parts.append("  ".join(shown[:MAX_METRICS]))
    parts.append(f"mlops show {short}")
    return " · ".join(parts)


def unsent_line(run_id: str, verdict: Verdict, why: str) -> str:
    reason = f": {why}" if why else ""
    return f"mlops: run {run_id[:8]} {verdict.status}, not wholly sent{reason} · `mlops sync` sends the rest"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def label(item: Mapping[str, Any]) -> str:
    metric, variant = str(item.get("metric", "")), str(item.get("variant", ""))
    return metric if variant in ("", metric) else f"{metric}/{variant}"


def number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def last_metrics(recording: Recording) -> list[dict[str, Any]]:
    """The last values of the run's own metrics, by name; empty when the store cannot say."""
    try:
        found = recording.api.tasks.find({"id": [recording.task], "only_fields": ["last_metrics"]}, limit=1)
    except MlopsError:
        return []
    items = [item for variants in ((found or [{}])[0].get("last_metrics") or {}).values() for item in variants.values()]
    own = [item for item in items if not str(item.get("metric", "")).startswith(":")]
    return sorted(own, key=lambda item: (str(item.get("metric")), str(item.get("variant"))))


def record(run_id: str, spec: RunSpec, verdict: Verdict, ending: Ending, recorder: Recorder) -> dict[str, Any]:
    """The machine's version of the last line; keys are only ever added."""
    return {
        "id": recorder.task or None,
        "run": run_id,
        "name": spec.task_name,
        "project": spec.task_project,
        "status": verdict.status,
        "status_reason": verdict.reason,
        "status_message": verdict.message,
        "exit_code": ending.code,
        "signal": signal.Signals(ending.signal).name if ending.signal in set(signal.Signals) else ending.signal,
        "started_at": spec.started_at,
        "ended_at": ending.ended_at,
        "duration_s": round(ending.ended_at - spec.started_at, 3),
        "is_sent": recorder.is_sent,
        "trouble": recorder.trouble or None,
    }


def write_record(path: str, data: dict[str, Any]) -> None:
    """Put the record there whole; what goes wrong is said, the run's own exit code stays."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        part.replace(target)
    except OSError as exc:
        say(f"mlops: cannot write {path}: {exc.strerror}")


def say(text: str) -> None:
    """One line for the person. Nobody may be listening any more."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
