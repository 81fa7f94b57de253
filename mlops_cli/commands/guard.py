"""The one `try` of the command line: here, and only here, errors are printed and become exit codes.

It knows nothing of the parser, so that what needs none is guarded in the same way without paying for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..errors import MlopsError, RunFailed
from .context import Context
from .pipes import leave_quietly


def guarded(work: Callable[[], int], context: Context) -> int:
    """Do the work of one command line; the answer is the exit code. The context is closed on every way out."""
    for stream in (sys.stdout, sys.stderr):
        # A name that is not valid in the terminal's encoding must not end in a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = work()
        finally:
            context.close()
        context.output.stdout.flush()
    except BrokenPipeError:
        code = leave_quietly()
    except KeyboardInterrupt:
        code = 130
    except MlopsError as error:
        code = _report(error, context)
    except Exception as error:  # the outermost net: a short line for a person, the traceback for us
        code = _report_unknown(error, context)
    return code


def _report(error: MlopsError, context: Context) -> int:
    if context.debug:
        _print_traceback(error)
    context.output.error(error)
    return error.run_exit_code if isinstance(error, RunFailed) else error.exit_code


def _report_unknown(error: Exception, context: Context) -> int:
    if context.debug:
        _print_traceback(error)
    words = f"{type(error).__name__}: {error}".rstrip(": ")
    hint = "" if context.debug else "run it again with --debug for the traceback"
    context.output.error(MlopsError(f"something went wrong inside mlops: {words}", hint=hint))
    return 1


def _print_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)
