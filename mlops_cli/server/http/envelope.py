"""The API's envelope around what a call answers, and how our errors look in it. Pure."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ...errors import MlopsError

Json = dict[str, Any]


class Called(NamedTuple):
    """What was asked for: `tasks.get_all` and the version in the path, if there was one."""

    endpoint: str
    version: str


def success(called: Called, data: Json) -> Json:
    return _around(called, 200, 0, "OK", {}, data, os.urandom(16).hex())


def failure(called: Called, error: MlopsError, message: str) -> Json:
    """Code and hint go along as data: our own client makes the same error of it."""
    told = {**error.data, "code": error.code, **({"hint": error.hint} if error.hint else {})}
    return _around(called, status_of(error), error.subcode, message, told, {}, os.urandom(16).hex())


def unexpected(called: Called) -> Json:
    """Says nothing of what went wrong inside; the log says it under the same id."""
    request_id = os.urandom(16).hex()
    return _around(called, 500, 0, f"General data error: see the server's log: id={request_id}", {}, {}, request_id)


def status_of(error: MlopsError) -> int:
    """Above 500 only what clients wait for: 501 or 504 would have them repeat without a pause.

    507 is the file store's, whose clients count their tries.
    """
    return error.http_status if error.http_status in (502, 503, 507) or error.http_status <= 500 else 500


def _around(called: Called, code: int, subcode: int, message: str, told: Json, data: Json, request_id: str) -> Json:
    return {
        "meta": {
            "id": request_id,
            "trx": request_id,
            "endpoint": {
                "name": called.endpoint,
                "requested_version": called.version,
                "actual_version": called.version,
            },
            "result_code": code,
            "result_subcode": subcode,
            "result_msg": message or "error",
            "error_stack": None,
            "error_data": told,
        },
        "data": data,
    }
