"""`init`: begins a run in this process, or joins the one that this process already belongs to."""

from __future__ import annotations

import os
import sys
import time
from _collections_abc import Mapping  # already there; `collections.abc` would load all of `collections`

from ..config import environ
from ..hook.records import Writer
from ..spool.folder import RunFolder
from .ending import Ending
from .run import Run
from .tee import Tee

TYPE_CHECKING = False  # not from `typing`: in a training process it costs some milliseconds, as pathlib does
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_current: Run | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | object | None = None,
    tags: Sequence[str] = (),
    *,
    comment: str = "",
    console: bool = True,
    upload: bool = False,
) -> Run:
    """Begin a run and return its handle.

    `params` is a dict (or an `argparse.Namespace`) of parameters. `console=False` leaves what is printed alone.
    `upload` also stores model files that were only noticed, not handed over. Under `mlops run`, under an agent and in
    a worker process of a run, the handle belongs to the run that exists, and the other arguments but `params` are
    passed over. A second call in the same process finishes the first run and begins another.

    Raises OSError when the data directory cannot be written; from then on nothing is raised into your code.
    """
    global _current
    if _current is not None and _current.is_mine and not _current.is_attached:
        _current.finish()
    # A process that outlives the run it was started from has its words in the environment still: nobody reads there.
    folder = RunFolder(os.environ.get(environ.RUN_DIR) or os.devnull)
    if os.path.isdir(folder.root) and folder.is_live:
        run = Run(folder, Writer(folder.root), None)
    else:
        run = _begin(_spec(project, name, tags, comment, upload), console)
    _current = run
    if params is not None:
        run.params.update(params if isinstance(params, Mapping) else vars(params))
    return run


def _begin(spec: dict[str, Any], console: bool) -> Run:
    from ..config.home import data_folder
    from ..supervisor.beside import own_identity, start_beside

    folder = RunFolder.create(os.path.join(data_folder(), "runs"), spec=spec)
    folder.write_json("child.json", {**own_identity(), "started_at": time.time()})
    supervisor = start_beside("attach", folder.root)
    writer = Writer(folder.root)
    ending = Ending(folder, supervisor)
    if console:
        ending.tee = Tee(os.path.join(folder.root, "console"))
    # Worker processes that are started from here find the same run.
    os.environ[environ.RUN_DIR] = folder.root
    os.environ[environ.RUN_ID] = folder.run_id
    _start_hook(folder.root, writer)
    return Run(folder, writer, ending)


def _spec(project: str | None, name: str | None, tags: Sequence[str], comment: str, upload: bool) -> dict[str, Any]:
    return {
        "kind": "sdk",
        "argv": [] if is_interactive() else list(sys.orig_argv),
        "cwd": os.getcwd(),
        "project": project or os.environ.get(environ.PROJECT, ""),
        "name": name or "",
        "tags": [tags] if isinstance(tags, str) else list(tags),
        "comment": comment,
        "upload": upload,
        "started_at": time.time(),
    }


def is_interactive() -> bool:
    """A notebook or a prompt: its argv is that of the kernel, which tells nothing about the experiment."""
    return hasattr(sys, "ps1") or "ipykernel" in sys.modules or not getattr(sys.modules.get("__main__"), "__file__", "")


def _start_hook(run_dir: str, writer: Writer) -> None:
    """The taps that `mlops run` puts into a child from outside, from inside; what was parsed before is not seen."""
    switches = os.environ.get(environ.HOOK, "")
    if switches.strip().lower() == "off" or "_mlops_hook" in sys.modules:
        return
    from ..hook import interpreter, notes, start

    try:
        if notes.is_begun():  # an earlier run of this process; taps and audit hooks are put in once
            notes.move(run_dir)
            interpreter.leave(run_dir, frozenset())
        else:
            start.begin(run_dir, switches)
    except Exception as exc:  # a tap less is no reason to stop anybody's training
        writer.complain(f"what the program reads and parses ({exc})")
