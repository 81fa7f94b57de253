"""Notes files that safetensors writes: it opens them in Rust, where no audit event is raised."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("safetensors",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """The numpy, torch, jax and paddle flavours all end in this function, and take it from here when imported."""
    wrap.after(module, "serialize_file", wrap.saver(note, "safetensors", "safetensors.save_file", (1, "filename")))
