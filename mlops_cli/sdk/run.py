"""`Run`, the handle of a run: what a program tells about itself. Nothing here raises into the program."""

from __future__ import annotations

import os
import time

from ..hook.records import Writer, split_name
from . import values

TYPE_CHECKING = False  # not from `typing`: see `init`
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, ParamSpec

    from ..spool.folder import RunFolder
    from .ending import Ending

    P = ParamSpec("P")


def _safely(method: Callable[P, None]) -> Callable[P, None]:
    """The safety net: what goes wrong is told once on stderr, and the program goes on."""

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(*args, **kwargs)
        except Exception as exc:
            run: Any = args[0]
            run._writer.complain(f"{method.__name__}: {type(exc).__name__}: {exc}")

    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        setattr(call, name, getattr(method, name))
    call.__dict__["__wrapped__"] = method  # for help() and completion
    return call


class Run:
    """A run. Use it as a context manager, or let it end with the process.

    Names of metrics are `metric/variant` (`train/loss`); a name without a slash is both. Thread-safe; forked
    and spawned worker processes may use it or call `init()` themselves.
    """

    def __init__(self, folder: RunFolder, writer: Writer, ending: Ending | None) -> None:
        self._folder = folder
        self._writer = writer
        self._ending = ending
        self._pid = os.getpid()
        self._step = 0
        self._log = writer.log
        self.params = values.Params(writer)
        """Parameters; setting one records it. `run.params["Model/layers"] = 3` puts it into the section `Model`."""
        self.summary = values.Summary(writer)
        """Single values of the whole run: `run.summary["best"] = 0.93`."""
        if ending is not None:
            ending.arm(self.finish)

    @property
    def id(self) -> str:
        """The run's id, 32 hex digits; `mlops show` and the other commands take it."""
        return self._folder.run_id

    @property
    def is_attached(self) -> bool:
        """Whether somebody else (`mlops run`, an agent, a parent process) began this run and will end it."""
        return self._ending is None

    @property
    def is_mine(self) -> bool:
        """Whether this process began it; False in a forked worker."""
        return self._pid == os.getpid()

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log one number for each name. Costs about a microsecond.

        Without `step`, calls are counted from 0. Numbers may be numpy scalars or tensors of one element; NaN and
        infinities are kept. The same name and step again replaces the value.
        """
        if step is None:
            step = self._step
            self._step = step + 1
        self._log(values, step)

    @_safely
    def artifact(self, path: str | os.PathLike[str], name: str | None = None, **meta: Any) -> None:
        """Store a file, or a folder as a tar file, as it is now, under `name` (default: the file's own)."""
        from .files import keep

        kept, original = keep(path, self._folder.files)
        self._writer.note(
            {"k": "artifact", "name": name or original, "path": kept, "file": os.path.basename(kept), "meta": meta}
        )

    @_safely
    def model(self, path: str | os.PathLike[str], name: str | None = None, framework: str = "", **meta: Any) -> None:
        """Store a model file as it is when the run ends (later checkpoints to the same path replace it)."""
        whole = os.path.abspath(path)
        os.stat(whole)
        note = {"k": "model", "path": whole, "framework": framework, "by": "sdk", "keep": True}
        self._writer.note({**note, "name": name or "", "meta": meta})

    @_safely
    def text(self, name: str, text: str, step: int | None = None) -> None:
        """Log a text, such as a generated sample."""
        self._event("text", name, step, text=str(text))

    @_safely
    def image(self, name: str, image: Any, step: int | None = None) -> None:
        """Log an image: a path, a PIL image, a matplotlib figure, or an array.

        Arrays are height x width (x 1, 3 or 4 channels), or channels first; integers 0 to 255, or floats 0 to 1.
        """
        from .images import lay

        self._event("image", name, step, path=lay(image, self._folder.files))

    @_safely
    def histogram(self, name: str, values: Any, step: int | None = None, bins: int = 64) -> None:
        """Log the distribution of a sequence, array or tensor of numbers; what is not finite is left out."""
        from .plots import histogram

        self._event("plot", name, step, plot=histogram(name, values, bins))

    @_safely
    def table(self, name: str, rows: Any, columns: Sequence[str] | None = None, step: int | None = None) -> None:
        """Log a table: rows as lists (with `columns`) or as dicts, or a data frame."""
        from .plots import table

        self._event("plot", name, step, plot=table(rows, columns))

    @_safely
    def plot(self, name: str, figure: Any, step: int | None = None) -> None:
        """Log a plotly figure, or its dict of `data` and `layout`."""
        from .plots import figure_dict

        self._event("plot", name, step, plot=figure_dict(figure))

    @_safely
    def finish(self, error: BaseException | str | None = None) -> None:
        """End the run, as failed when an `error` is given; waits until all is sent, ten seconds at most.

        Called at the end of the process by itself. What could not be sent in time is sent later.
        """
        if self._ending is not None and self.is_mine:
            self._writer.close()
            self._ending.end(error)
        else:
            self._writer.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(error)

    def __repr__(self) -> str:
        return f"<mlops run {self.id}>"

    def _event(self, kind: str, name: str, step: int | None, **what: Any) -> None:
        metric, variant = split_name(str(name))
        at = self._step if step is None else int(step)
        note = {"k": kind, "metric": metric, "variant": variant, "iter": at, "ts": time.time_ns() // 1_000_000}
        self._writer.note({**note, **what})
