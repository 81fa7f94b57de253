"""Notes boosters that LightGBM saves: it opens the file in C++, where no audit event is raised."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("lightgbm.basic",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    look = wrap.saver(note, "LightGBM", "lightgbm.Booster.save_model", (1, "filename"))
    wrap.after(module.Booster, "save_model", look)
