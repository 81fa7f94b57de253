"""Names what joblib dumps when it is an estimator: the file itself the audit hook sees, but not that it is a model."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("joblib.numpy_pickle",)

_FRAMEWORKS = {
    "sklearn": "ScikitLearn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "torch": "PyTorch",
    "keras": "Keras",
}


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        value = args[0] if args else kwargs.get("value")
        # joblib dumps arrays and caches as often as models: what can predict or transform is a model.
        if not (hasattr(value, "predict") or hasattr(value, "transform")):
            return
        framework = _FRAMEWORKS.get(type(value).__module__.split(".")[0], "joblib")
        wrap.saver(note, framework, "joblib.dump", (1, "filename"))(args, kwargs, result)

    wrap.after(module, "dump", look)
