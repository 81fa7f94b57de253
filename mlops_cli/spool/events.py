"""What becomes of a note that is an event of the API: plots, images, texts, single values, console lines."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, NotFound, Refused
from .folder import RunFolder
from .reader import Batch

Json = dict[str, Any]

SINGLE_VALUE = -(1 << 31)
"""The iteration of a single value, by the API."""

SUMMARY = "Summary"


class Sorted:
    """A batch as `events.add_columns` takes it, and the notes that are something else."""

    __slots__ = ("console", "events", "others", "scalars")

    def __init__(self) -> None:
        self.scalars: list[Json] = []
        self.events: list[Json] = []
        self.console: list[Json] = []
        self.others: list[Json] = []


def sort_batch(batch: Batch, folder: RunFolder, upload: Callable[[Path], str] | None) -> Sorted:
    """`upload` puts a file of the run where it stays, and gives its URL."""
    found = Sorted()
    for (metric, variant), (iters, values, times) in batch.scalars.items():
        found.scalars.append(_column(metric, variant, iters, values, times))
    for note in batch.notes:
        make = _MAKERS.get(str(note.get("k")))
        if make is None:
            found.others.append(note)
            continue
        try:
            make(note, found, folder, upload)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as exc:
            what = f"{note['k']} {note.get('metric') or note.get('name') or ''}".strip()
            found.others.append({"k": "left_out", "what": what, "why": str(exc) or type(exc).__name__})
        except (InvalidInput, NotFound, Refused) as exc:  # not of a store that is away: then it comes again
            what = f"{note['k']} {note.get('metric') or ''}".strip()
            found.others.append({"k": "left_out", "what": what, "why": exc.message})
    return found


def _column(metric: str, variant: str, iters: Any, values: Any, times: Any) -> Json:
    return {"metric": metric, "variant": variant, "iter": iters, "value": values, "timestamp": times}


def _plot(note: Json, found: Sorted, _folder: RunFolder, _upload: object) -> None:
    plot = note["plot"]
    found.events.append({**_event(note), "type": "plot", "plot_str": plot if isinstance(plot, str) else _strict(plot)})


def _image(note: Json, found: Sorted, folder: RunFolder, upload: Callable[[Path], str] | None) -> None:
    _add_file(note, folder.files / str(note["path"]), found, upload)


def _text(note: Json, found: Sorted, folder: RunFolder, upload: Callable[[Path], str] | None) -> None:
    # As other clients of the API do: a text is a sample like an image, in a file.
    from hashlib import sha256  # noqa: PLC0415 - OpenSSL is loaded only where something is hashed

    text = str(note["text"]).encode("utf-8", "replace")
    path = folder.files / f"text-{sha256(text).hexdigest()[:16]}.txt"
    path.write_bytes(text)
    _add_file(note, path, found, upload)


def _add_file(note: Json, path: Path, found: Sorted, upload: Callable[[Path], str] | None) -> None:
    url = upload(path) if upload else path.resolve(strict=True).as_uri()
    found.events.append({**_event(note), "type": "training_debug_image", "url": url})


def _summary(note: Json, found: Sorted, _folder: RunFolder, _upload: object) -> None:
    value = note["value"]
    if not isinstance(value, (int, float)):
        found.others.append(note)
        return
    column = array("q", [SINGLE_VALUE]), array("d", [value]), array("q", [_time(note)])
    found.scalars.append(_column(SUMMARY, str(note["name"]), *column))


def _console(note: Json, found: Sorted, _folder: RunFolder, _upload: object) -> None:
    raw = str(note["text"]).encode("utf-8", "surrogateescape")
    found.console.append({"timestamp": _time(note), "level": str(note.get("level") or "info"), "raw": raw})


_MAKERS: dict[str, Callable[[Json, Sorted, RunFolder, Callable[[Path], str] | None], None]] = {
    "plot": _plot,
    "image": _image,
    "text": _text,
    "summary": _summary,
    "console": _console,
}


def _event(note: Json) -> Json:
    return {
        "metric": str(note["metric"]),
        "variant": str(note.get("variant") or ""),
        "iter": int(note.get("iter") or 0),
        "timestamp": _time(note),
    }


def _time(note: Json) -> int:
    return int(note.get("ts") or 0)


def _strict(plot: Any) -> str:
    """JSON that every reader takes: in plots the API has null where a number is none."""
    try:
        return json.dumps(plot, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(plot), separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
