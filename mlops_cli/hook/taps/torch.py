"""Notes what PyTorch saves: its archive writer opens files in C++, where no audit event is raised."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("torch.serialization", "torch.jit._script", "torch.export")


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """Each module is tapped before torch itself takes its functions from there."""
    if module.__name__ == "torch.jit._script":
        script = getattr(module, "RecursiveScriptModule", None)
        wrap.after(script, "save", wrap.saver(note, "PyTorch", "torch.jit.save", (1, "f")))
    else:
        by = "torch.save" if module.__name__ == "torch.serialization" else "torch.export.save"
        wrap.after(module, "save", wrap.saver(note, "PyTorch", by, (1, "f")))
