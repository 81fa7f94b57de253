"""What a server's answer means: the `data` of the envelope, or one of our errors made again from its codes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import (
    Ambiguous,
    Busy,
    Conflict,
    Denied,
    InvalidInput,
    MlopsError,
    NotFound,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)

Json = dict[str, Any]

NOT_FOUND = frozenset({10, 100, 101, 200, 201, 400, 401, 700, 701, 1000, 1001})
CONFLICTS = frozenset(
    {110, 111, 120, 121, 122, 123, 125, 130, 203, 204, 205, 402, 405, 406, 408, 411, 413, 702, 703, 706, 801}
)

_BY_CODE: dict[str, type[MlopsError]] = {
    kind.code: kind
    for kind in (
        Ambiguous, Busy, Conflict, Denied, InvalidInput, NotFound, Refused, TimedOut, Unauthorized, Unreachable,
    )
}  # fmt: skip


class MissingEndpoint(NotFound):
    """The server has no such call: it is older than the call, or another kind of server."""

    http_status = 404
    default_subcode = 0


class Away(Unreachable):
    """No answer of the API came: the server, or something before it, is not there or not itself."""


def read_envelope(envelope: Any) -> tuple[Json, Json] | None:
    """(`meta`, `data`) when this is an answer of the API; None for any other JSON."""
    if not isinstance(envelope, dict) or not isinstance(envelope.get("meta"), dict):
        return None
    meta, data = envelope["meta"], envelope.get("data")
    if not isinstance(meta.get("result_code"), int):
        return None
    return meta, data if isinstance(data, dict) else {}


def is_fine(meta: Mapping[str, Any]) -> bool:
    return meta.get("result_code") in (200, 202)


def error_of(meta: Mapping[str, Any], *, where: str, endpoint: str) -> MlopsError:
    """The refusal as our error. `where` names the server for messages that are about it."""
    code, subcode = int(meta["result_code"]), _whole(meta.get("result_subcode"))
    message = str(meta.get("result_msg") or "").strip() or f"the server refused {endpoint} with code {code}"
    told = meta.get("error_data")
    data = dict(told) if isinstance(told, dict) else {}
    kind = _BY_CODE.get(str(data.pop("code", "")))
    hint = str(data.pop("hint", "") or "")
    if code == 404 and subcode == 0:
        return MissingEndpoint(f"{where} has no call {endpoint}", hint="is the server older than this client?")
    if code >= 500 and code not in (502, 503, 504):
        trace = f" (its request {meta['id']})" if meta.get("id") else ""
        return MlopsError(f"{where} failed on {endpoint}: {message}{trace}", subcode=subcode, data=data)
    return (kind or kind_of(code, subcode))(message, hint=hint or _hint(code, subcode), subcode=subcode, data=data)


def kind_of(code: int, subcode: int) -> type[MlopsError]:
    """The class of our error for the API's codes."""
    if code == 401:
        return Unauthorized
    if code == 403:
        return Denied
    if code in (429, 502, 503, 504):
        return Away
    if code == 404 or (code == 400 and subcode in NOT_FOUND):
        return NotFound
    if code == 409 or (code == 400 and subcode in CONFLICTS):
        return Conflict
    return InvalidInput if 400 <= code < 500 else MlopsError


def _hint(code: int, subcode: int) -> str:
    if code == 401:
        return "mlops auth login"
    if code == 403:
        return "`mlops auth status` says who you are there"
    return "use -f or --force where the command has it" if subcode == 110 else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
