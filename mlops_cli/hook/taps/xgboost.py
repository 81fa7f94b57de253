"""Notes boosters that XGBoost saves: it opens the file in C++, where no audit event is raised."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("xgboost.core",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """The scikit-learn style estimators save through their booster."""
    wrap.after(module.Booster, "save_model", wrap.saver(note, "XGBoost", "xgboost.Booster.save_model", (1, "fname")))
