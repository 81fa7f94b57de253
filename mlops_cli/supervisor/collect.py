"""What a run told about itself in notes (parameters, files, models, artifacts), folded into one picture. Pure.

Folding the same note again changes nothing, so a supervisor that takes over folds them all from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Scrub = Callable[[str, str], str]
"""(name, value) to the value without its secrets."""

MAX_PARAMETERS = 5000
MAX_VALUE_CHARS = 16_384
MAX_INPUTS = 200
MAX_CONFIGURATION_CHARS = 2**20
GUESSED = "Args"
"""The section that is guessed from argv until a program tells its effective values."""

KINDS = frozenset(
    {"params", "configuration", "open", "model", "artifact", "tensorboard", "mark", "left_out", "summary"}
)


class Collected:
    """The picture. `changed` names the sections and configurations that were touched since it was last cleared."""

    __slots__ = (
        "artifacts",
        "changed",
        "configuration",
        "event_files",
        "left_out",
        "marks",
        "models",
        "params",
        "read",
        "written",
    )

    def __init__(self) -> None:
        self.params: dict[str, dict[str, Json]] = {}
        self.configuration: dict[str, Json] = {}
        self.read: dict[str, int | None] = {}
        self.written: dict[str, None] = {}
        self.models: dict[str, Json] = {}
        self.artifacts: dict[str, Json] = {}
        self.event_files: dict[str, None] = {}
        self.marks: dict[str, int] = {}
        self.left_out: dict[str, str] = {}
        self.changed: set[str] = set()

    def fold(self, note: Mapping[str, Any]) -> None:
        """Take in one note; what is not as it should be is passed over, since a child may write anything."""
        kind = str(note.get("k"))
        if kind not in KINDS:
            return
        try:
            getattr(self, f"_{kind}")(note)
        except (KeyError, TypeError, ValueError, AttributeError):
            self.left_out.setdefault(f"a note of kind {kind}", "it is not as it should be")

    def inputs(self, *, before: Callable[[str], bool] = lambda _: True) -> list[str]:
        """Files that were only read, in the order of their first reading: the run's data."""
        told = self.models.keys() | self.written.keys()
        return [path for path in self.read if path not in told and before(path)][:MAX_INPUTS]

    def _params(self, note: Mapping[str, Any]) -> None:
        section = str(note["section"]) or "General"
        known = self.params.setdefault(section, {})
        for name, item in dict(note["items"]).items():
            if len(known) >= MAX_PARAMETERS and name not in known:
                self.left_out.setdefault(f"parameters of {section}", f"more than {MAX_PARAMETERS}")
                break
            before = known.get(str(name))
            # A helper's `--lr` is not the experiment's; what only a rank or the program behind a launcher tells is.
            if before is None or before.get("inner") or not note.get("inner"):
                known[str(name)] = {**item, "inner": bool(note.get("inner"))}
        self.changed.add(section)

    def _configuration(self, note: Mapping[str, Any]) -> None:
        text = str(note.get("text", ""))
        if len(text) > MAX_CONFIGURATION_CHARS:
            self.left_out[f"configuration {note['name']}"] = f"{len(text)} characters are too many"
            return
        self.configuration[str(note["name"])] = {"value": text, "type": str(note.get("format") or "")}
        self.changed.add("configuration")

    def _open(self, note: Mapping[str, Any]) -> None:
        path = str(note["path"])
        if str(note.get("mode", "r")).startswith("r"):
            size = note.get("size")
            self.read.setdefault(path, int(size) if size is not None else None)
        else:
            self.written.setdefault(path)

    def _model(self, note: Mapping[str, Any]) -> None:
        path = str(note["path"])
        known = self.models.setdefault(path, {})
        known.update({key: value for key, value in note.items() if key not in ("k", "path") and value})

    def _artifact(self, note: Mapping[str, Any]) -> None:
        name = str(note["name"])
        self.artifacts[name] = {**note, "path": str(note["path"])}

    def _tensorboard(self, note: Mapping[str, Any]) -> None:
        self.event_files.setdefault(str(note["path"]))

    def _mark(self, note: Mapping[str, Any]) -> None:
        name = str(note["file"])
        self.marks[name] = max(int(note["at"]), self.marks.get(name, 0))

    def _summary(self, note: Mapping[str, Any]) -> None:
        """A value that is no number (the shipper makes events of those that are) is kept as a parameter is."""
        value = note["value"]
        item = {"value": str(value), "type": type(value).__name__}
        self._params({"section": "Summary", "items": {str(note["name"]): item}})

    def _left_out(self, note: Mapping[str, Any]) -> None:
        self.left_out[str(note["what"])] = str(note["why"])


def fold_all(notes: Iterable[Mapping[str, Any]]) -> Collected:
    collected = Collected()
    for note in notes:
        collected.fold(note)
    return collected


def parameter_items(section: str, items: Mapping[str, Json], scrub: Scrub) -> list[Json]:
    """The API's parameter items of one section: values are text, long ones cut, secrets out."""
    return [_parameter(section, name, item, scrub) for name, item in items.items()]


def _parameter(section: str, name: str, item: Json, scrub: Scrub) -> Json:
    value = item.get("value")
    text = "" if value is None else value if isinstance(value, str) else str(value)
    found: Json = {"section": section, "name": name, "value": scrub(name, text)[:MAX_VALUE_CHARS]}
    if item.get("type") and value is not None and item["type"] not in ("NoneType", "None"):
        found["type"] = str(item["type"])
    words = []
    if item.get("help"):
        words.append(str(item["help"])[:2000])
    if item.get("default") is not None:
        words.append(f"(default: {scrub(name, str(item['default']))[:500]})")
    if words:
        found["description"] = " ".join(words)
    return found


def model_name(path: str, task_name: str, taken: Iterable[str]) -> str:
    """A short name for a model file of a run: its stem, told apart by its folder where two are alike."""
    known = set(taken)
    stem = Path(path).stem or Path(path).name or task_name
    if len(stem) < 3:  # the API wants three characters: `m.pt` keeps its suffix
        stem = Path(path).name if len(Path(path).name) >= 3 else f"model {stem}"
    if stem not in known:
        return stem
    beside = f"{Path(path).parent.name}/{stem}"
    return beside if beside not in known else path
