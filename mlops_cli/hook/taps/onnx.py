"""Names models that onnx saves: the file itself the audit hook sees."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("onnx",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """The package has the function under two names."""
    wrap.after(module, "save_model", wrap.saver(note, "ONNX", "onnx.save", (1, "f")))
    module.save = module.save_model
