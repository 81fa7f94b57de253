"""What the server says about itself."""

from __future__ import annotations

from typing import Any

from ..store.store import Caller, Store
from ..version import API_VERSION, SERVER_VERSION

Body = dict[str, Any]


def info(store: Store, body: Body, caller: Caller) -> Body:
    return {
        "version": SERVER_VERSION,
        "build": "mlops",
        "commit": "",
        "uid": store.uid,
        "api_version": API_VERSION,
    }


def ping(store: Store, body: Body, caller: Caller) -> Body:
    return {**body, "msg": "ClearML server"}
