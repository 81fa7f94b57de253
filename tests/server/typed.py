"""A program: reads answers, one [endpoint, data] a line, and gives each to the response class of the real `clearml`
package. Prints a JSON object: which endpoints have a class, and what was wrong. A process of its own, since importing
`clearml` changes the interpreter that does it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

VERSIONS = ("v2_23", "v2_20")
"""What the package picks for a server of our version, and the version before."""


def response_class(version: str, service: str, action: str) -> Any:
    try:
        module = import_module(f"clearml.backend_api.services.{version}.{service}")
    except ImportError:
        return None
    for found in vars(module).values():
        if isinstance(found, type) and found.__name__.endswith("Response") and vars(found).get("_action") == action:
            return found
    return None


def problems(typed: Any, data: dict[str, Any]) -> Iterator[str]:
    """What the class refuses, loses, or promises otherwise in its schema."""
    try:
        held = typed(**data).to_dict()
    except Exception as exc:
        yield f"{type(exc).__name__}: {exc}"
        return
    known = typed._schema.get("properties", {})
    yield from (
        f"{key} was lost" for key, value in data.items() if key in known and value is not None and key not in held
    )
    try:
        from jsonschema import Draft7Validator

        for error in Draft7Validator(typed._schema).iter_errors(data):
            yield f"{list(error.absolute_path)}: {error.message[:200]}"
    except Exception as exc:
        # Two schemas of the package refer to definitions that they lack.
        if "PointerToNowhere" not in str(exc):
            raise


def main() -> None:
    known: set[str] = set()
    wrong: dict[str, str] = {}
    for line in sys.stdin:
        endpoint, data = json.loads(line)
        for version in VERSIONS:
            typed = response_class(version, *endpoint.split("."))
            if typed is not None:
                known.add(endpoint)
                # Between these two versions the metadata of queues became an object.
                if version == VERSIONS[0] or not endpoint.startswith("queues.get"):
                    for problem in problems(typed, data):
                        wrong[endpoint] = f"{version}: {problem}"
    json.dump({"known": sorted(known), "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
