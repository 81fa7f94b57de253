"""How a run of the sdk ends: what became of the program, told to the supervisor, and a bounded wait for it."""

from __future__ import annotations

import atexit
import os
import sys
import time

from ..config import environ
from ..spool.folder import RunFolder
from .tee import Tee

TYPE_CHECKING = False  # not from `typing`: see `init`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SIGINT = 2
PATIENCE_S = 10.0


class Ending:
    """Watches for an uncaught exception and for the code given to `sys.exit`; `end` works once."""

    def __init__(self, folder: RunFolder, supervisor: int) -> None:
        self.tee: Tee | None = None
        self._folder = folder
        self._supervisor = supervisor
        self._finish: Callable[[], None] | None = None
        self._failure: BaseException | None = None
        self._exit: SystemExit | None = None
        self._is_over = False
        self._hooks: tuple[Any, Any, Any, Any] | None = None

    def arm(self, finish: Callable[[], None]) -> None:
        """Have `finish` called at the end of the process."""
        self._finish = finish
        atexit.register(finish)
        earlier_hook, earlier_exit = sys.excepthook, sys.exit

        def excepthook(kind: Any, error: BaseException, trace: Any) -> None:
            self._failure = error
            earlier_hook(kind, error, trace)

        def leave(status: Any = None, /) -> Any:
            # Nothing else tells an atexit function the code; see `_code`.
            self._exit = SystemExit(status) if status is not None else SystemExit()
            raise self._exit

        sys.excepthook, sys.exit = excepthook, leave
        self._hooks = (excepthook, earlier_hook, leave, earlier_exit)

    def end(self, error: BaseException | str | None) -> None:
        """Leave `exit.json` and wait until the supervisor has sent everything."""
        if self._is_over:
            return
        self._is_over = True
        code, signum = self._code(error)
        note: dict[str, Any] = {"code": code, "signal": signum, "ended_at": time.time()}
        told = error if error is not None else self._failure
        if told is not None and code:
            note["error"] = told if isinstance(told, str) else f"{type(told).__name__}: {told}"
        self._disarm()
        self._folder.write_json("exit.json", note)
        self._wait()

    def _code(self, error: BaseException | str | None) -> tuple[int | None, int | None]:
        """(exit code, signal) as the process would have them."""
        found = error if error is not None else self._failure
        if found is None and self._exit is not None and not _was_caught(self._exit):
            found = self._exit
        if found is None:
            return 0, None
        if isinstance(found, KeyboardInterrupt):
            return None, SIGINT
        if isinstance(found, SystemExit):
            status = found.code
            return (status & 0xFF if isinstance(status, int) else 0 if status is None else 1), None
        return 1, None

    def _disarm(self) -> None:
        if self._finish is not None:
            atexit.unregister(self._finish)
        if self._hooks is not None:
            excepthook, earlier_hook, leave, earlier_exit = self._hooks
            if sys.excepthook is excepthook:
                sys.excepthook = earlier_hook
            if sys.exit is leave:
                sys.exit = earlier_exit
        self._failure = self._exit = None
        if self.tee is not None:
            self.tee.stop()
        if os.environ.get(environ.RUN_DIR) == self._folder.root:
            del os.environ[environ.RUN_DIR]
            os.environ.pop(environ.RUN_ID, None)

    def _wait(self) -> None:
        """Until nothing is left to send. A supervisor that is dead is not waited for: the next command settles it."""
        until = time.monotonic() + PATIENCE_S
        pause = 0.001
        while self._folder.is_live and time.monotonic() < until and self._is_supervised():
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def _is_supervised(self) -> bool:
        try:
            return os.waitpid(self._supervisor, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False


def _was_caught(error: SystemExit) -> bool:
    """Whether somebody caught it and went on: the outermost frame that handled it then returned as usual.

    Frames of `finally` and `with` handle it too, but end by raising it again. No traceback: nobody handled it.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    import opcode

    frame = trace.tb_frame
    last = frame.f_code.co_code[frame.f_lasti] if frame.f_lasti >= 0 else 0
    return opcode.opname[last].startswith("RETURN_")
