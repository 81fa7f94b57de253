"""What the server says about itself."""

from __future__ import annotations

from typing import Any

from ..store.store import Caller, Store

API_VERSION = "2.34"
"""The newest version of the API whose shapes we answer."""

SERVER_VERSION = "2.3.0"
"""The open server's release that answers like us: clients decide by it what they may send."""

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
