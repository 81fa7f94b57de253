"""Notes models and checkpoints that TensorFlow and Keras save, through whichever layer of theirs opens the file."""

from __future__ import annotations

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = (
    "tensorflow.python.saved_model.save",
    "tensorflow.python.checkpoint.checkpoint",
    "keras.src.saving.saving_api",
)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    if module.__name__ == "keras.src.saving.saving_api":
        wrap.after(module, "save_model", wrap.saver(note, "Keras", "keras.Model.save", (1, "filepath")))
        wrap.after(module, "save_weights", wrap.saver(note, "Keras", "keras.Model.save_weights", (1, "filepath")))
    elif module.__name__ == "tensorflow.python.saved_model.save":
        wrap.after(module, "save", wrap.saver(note, "TensorFlow", "tf.saved_model.save", (1, "export_dir")))
    else:

        def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            # A checkpoint is a prefix of several files; the index is the one that is always there.
            if isinstance(result, (str, bytes)):
                path = wrap.path_of(result) + ".index"
                note({"k": "model", "path": path, "framework": "TensorFlow", "by": "tf.train.Checkpoint"})

        # Both save() and write() end in the inner one, where there is one.
        wrap.after(module.Checkpoint, "_write" if hasattr(module.Checkpoint, "_write") else "write", look)
