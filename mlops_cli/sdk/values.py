"""`run.params` and `run.summary`: dicts whose every change is recorded."""

from __future__ import annotations

import time
from _collections_abc import Mapping, MutableMapping  # already there; `collections.abc` loads all of `collections`

from ..hook.records import Writer

TYPE_CHECKING = False  # not from `typing`: see `init`
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DEFAULT_SECTION = "General"
_TYPES = ("int", "float", "str", "bool", "list", "dict")


class Params(MutableMapping["str", "Any"]):
    """Parameters by name; `section/name` for another section than `General`. Nested dicts are flattened."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._record({name: value})

    def __delitem__(self, name: str) -> None:
        """Forgotten here; what was recorded stays recorded."""
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Params({self._values!r})"

    def update(self, *args: Any, **kwargs: Any) -> None:
        """One record for all of them."""
        self._record(*args, **kwargs)

    def _record(self, *args: Any, **kwargs: Any) -> None:
        sections: dict[str, dict[str, Any]] = {}
        try:
            for name, value in _flat("", dict(*args, **kwargs)):
                self._values[name] = value
                section, _, rest = name.partition("/")
                if not rest:
                    section, rest = DEFAULT_SECTION, section
                sections.setdefault(section, {})[rest] = _item(value)
            for section, items in sections.items():
                self._writer.note({"k": "params", "section": section, "source": "sdk", "items": items})
        except Exception as exc:
            self._writer.complain(f"parameters: {type(exc).__name__}: {exc}")


class Summary(MutableMapping["str", "Any"]):
    """Single values of a run by name."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value
        now = time.time_ns() // 1_000_000
        self._writer.note({"k": "summary", "name": str(name), "value": value, "ts": now})

    def __delitem__(self, name: str) -> None:
        """Forgotten here; what was recorded stays recorded."""
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Summary({self._values!r})"


def _flat(prefix: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{prefix}{name}/", value)
        else:
            yield f"{prefix}{name}", value


def _item(value: Any) -> dict[str, Any]:
    """Value and type word as the API has them; None is an empty text without a type."""
    if value is None:
        return {"value": ""}
    if not isinstance(value, (bool, int, float, str, list, tuple, dict)) and hasattr(value, "item"):
        value = value.item()
    kind = "list" if isinstance(value, (list, tuple)) else type(value).__name__
    for word, base in (("bool", bool), ("int", int), ("float", float), ("str", str), ("dict", dict)):
        if kind not in _TYPES and isinstance(value, base):
            kind = word
    if kind in _TYPES:
        return {"value": value, "type": kind}
    return {"value": str(value), "type": "str"}
