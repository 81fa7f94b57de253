"""`mlops api SERVICE.ACTION`: the raw tracking API, for what no verb covers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import InvalidInput
from .context import Context
from .define import READS, command, new_app

app = new_app()


@command(
    app,
    "api",
    reads=READS,
    example="mlops api tasks.get_all -F page_size=5 -F 'status=[\"failed\"]'\n"
    "mlops api tasks.get_by_id -F task=1f3a...\n"
    'echo \'{"name": "^vision"}\' | mlops api projects.get_all --body -',
)
def api(
    context: Context,
    endpoint: Annotated[str, Argument(metavar="SERVICE.ACTION", help="Such as tasks.get_all.")],
    fields: Annotated[
        list[str] | None,
        Option(
            "-F", "--field", metavar="KEY=VALUE", show_default=False, help="A field: JSON, or else text. Repeat it."
        ),
    ] = None,
    body: Annotated[
        str, Option("--body", metavar="FILE", show_default=False, help="The whole body as JSON; - reads stdin.")
    ] = "",
) -> None:
    """Call the tracking API and print the data of its answer."""
    request = {**_read_body(body), **dict(_field(text) for text in fields or ())}
    if "." not in endpoint.strip("."):
        raise InvalidInput(f"{endpoint!r} is no endpoint", hint="mlops api SERVICE.ACTION, such as tasks.get_all")
    answer = context.api.call(endpoint, request)
    if not context.output.form:
        context.output.choose("json")
    context.output.document(answer)


def _field(text: str) -> tuple[str, Any]:
    import json

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidInput(f"-F {text!r} is no KEY=VALUE", hint="mlops api SERVICE.ACTION -F key=value")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _read_body(source: str) -> dict[str, Any]:
    import json

    if not source:
        return {}
    try:
        content = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot read {source}: {error.strerror}", hint="--body FILE, or --body -") from error
    try:
        found = json.loads(content)
    except ValueError as error:
        raise InvalidInput(f"the body is not JSON: {error}", hint="--body FILE, or --body -") from error
    if not isinstance(found, dict):
        raise InvalidInput("the body is JSON but no object", hint='it begins with { and holds "key": value pairs')
    return found
