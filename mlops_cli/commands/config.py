"""`mlops config`: the settings that hold, where each comes from, and the user's own file."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from ..render.table import KEEP, Column
from .context import Context
from .define import READS, command, new_app
from .lazy import Group

app = new_app(cls=Group, help="Settings: what holds, and where it is said.", no_args_is_help=True)

Key = Annotated[str, Argument(metavar="KEY", help="A setting, as `mlops config ls` names it.")]


@app.callback()
def config() -> None:
    """Settings: what holds, and where it is said."""


@command(app, "ls", reads=READS, example="mlops config ls\nmlops config ls --show-origin")
def ls(
    context: Context,
    show_origin: Annotated[bool, Option("--show-origin", help="Also where each value comes from.")] = False,
) -> None:
    """List every setting with its value."""
    from ..config.keys import KEYS

    settings = context.settings
    columns = [Column("key", "SETTING", KEEP), Column("value", rank=KEEP, flexible=True)]
    rows = [[name, _plain(settings[name])] for name in KEYS]
    if show_origin or context.output.is_json:
        columns.append(Column("origin", flexible=True))
        rows = [[*row, settings.origin(row[0])] for row in rows]
    if context.output.for_people and not show_origin:
        columns.append(Column("help", "MEANING"))
        rows = [[*row, KEYS[row[0]].help] for row in rows]
    context.output.records(columns, rows)


@command(app, "get", reads=READS, example="mlops config get project")
def get(context: Context, key: Key) -> None:
    """Print one setting."""
    from ..config.keys import find_key

    name = find_key(key).name
    value = context.settings[name]
    if context.output.is_json:
        context.output.document({"key": name, "value": value, "origin": context.settings.origin(name)})
    else:
        context.output.write(f"{_plain(value)}\n")


@command(app, "set", example="mlops config set project vision\nmlops config set metrics.less cost,delay")
def set_(
    context: Context,
    key: Key,
    value: Annotated[str, Argument(metavar="VALUE", help="Text; lists with commas; sizes such as 10MB.")],
) -> None:
    """Write one setting into your own file."""
    from ..config.keys import find_key, parse_value
    from ..config.sources import write_value

    found = find_key(key)
    parsed = parse_value(found, value, "the command line")
    write_value(context.settings.user_file, found.name, parsed)
    context.output.note(f"{found.name} = {_plain(parsed)} in {context.settings.user_file}")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(item) for item in value) if isinstance(value, tuple | list) else str(value)
