"""Notes TensorBoard writers whose files the audit hook may not see: with TensorFlow they are opened in C++."""

from __future__ import annotations

import os

from .. import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("tensorboard.summary.writer.event_file_writer", "tensorflow.python.ops.gen_summary_ops")


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """TensorBoard's own writer (torch uses it) knows its file; TensorFlow's only tells its folder."""
    if module.__name__ == TARGET[0]:

        def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            path = wrap.path_of(getattr(args[0], "_file_name", None) or args[0].get_logdir())
            if path:
                note({"k": "tensorboard", "path": path})

        wrap.after(module.EventFileWriter, "__init__", look)
    else:

        def look_at_op(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            folder = kwargs["logdir"] if "logdir" in kwargs else args[1]
            # Inside a graph the folder is not known before it runs.
            plain = folder.numpy() if hasattr(folder, "numpy") else folder
            path = wrap.path_of(plain)
            if path and isinstance(plain, (str, bytes, os.PathLike)):
                note({"k": "tensorboard", "path": path})

        wrap.after(module, "create_summary_file_writer", look_at_op)
