"""Every exception that we raise, with its API code, HTTP status, exit code and hint.

    MlopsError                1   anything of ours that failed
      InvalidInput            2   a request, option or value that cannot be right
      NotFound                3   no such thing
        Ambiguous             3   several such things
      Denied                  4   not allowed
        Unauthorized          4   ... because nobody knows who asks
      Conflict                5   the thing is in a state that forbids this
      Unreachable             6   a server, or the store, cannot be reached
        Busy                  6   ... because somebody else holds it
      TimedOut                7   it took longer than it was given
      Refused                 9   a policy forbids it (budget, secret, dirty tree)
      GateFailed             20   a gate rejected the candidate
      RunFailed             125   we could not run the person's command
      ProviderError           1   a cloud provider failed
      PluginError             1   a plugin failed

The API answers most refusals with HTTP 400 and tells them apart by `subcode`: the source is the public API's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class MlopsError(Exception):
    """The root. `hint` says what to type next; `subcode` is the API's; `data` goes to machine-readable output."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    default_subcode: ClassVar[int] = 0

    def __init__(
        self, message: str, *, hint: str = "", subcode: int | None = None, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.subcode = self.default_subcode if subcode is None else subcode
        self.data = dict(data or {})


class InvalidInput(MlopsError):
    code = "invalid_input"
    http_status = 400
    exit_code = 2
    default_subcode = 12


class NotFound(MlopsError):
    code = "not_found"
    http_status = 400
    exit_code = 3
    default_subcode = 10


class Ambiguous(NotFound):
    """`data["candidates"]` lists what the reference could mean, one string each."""

    code = "ambiguous"


class Denied(MlopsError):
    code = "denied"
    http_status = 403
    exit_code = 4
    default_subcode = 20


class Unauthorized(Denied):
    """Subcodes: 20 no credentials, 21 malformed, 22 wrong key or secret, 30 invalid or expired token."""

    code = "unauthorized"
    http_status = 401


class Conflict(MlopsError):
    code = "conflict"
    http_status = 400
    exit_code = 5
    default_subcode = 110


class Unreachable(MlopsError):
    code = "unreachable"
    http_status = 503
    exit_code = 6


class Busy(Unreachable):
    code = "busy"


class TimedOut(MlopsError):
    code = "timed_out"
    http_status = 503
    exit_code = 7


class Refused(MlopsError):
    code = "refused"
    http_status = 403
    exit_code = 9


class GateFailed(MlopsError):
    code = "gate_failed"
    exit_code = 20


class RunFailed(MlopsError):
    """Raised with the exit code of `env` and `nohup`: 125 we broke, 126 not executable, 127 not found."""

    code = "run_failed"
    exit_code = 125

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 125) -> None:
        super().__init__(message, hint=hint)
        self.run_exit_code = exit_code


class ProviderError(MlopsError):
    code = "provider_error"


class PluginError(MlopsError):
    code = "plugin_error"
