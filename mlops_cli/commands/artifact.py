"""`mlops artifact`: the files that an experiment left, listed, fetched, added."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..errors import Conflict, NotFound
from ..render import values
from ..render.table import KEEP, Column
from . import options
from .context import Context
from .define import READS, command, new_app
from .lazy import Group
from .targets import one, short

app = new_app(cls=Group, help="Artifacts: the files that an experiment left.", no_args_is_help=True)

FIELDS = ("key", "type", "mode", "uri", "content_size", "hash", "timestamp")


@app.callback()
def artifact() -> None:
    """Artifacts: the files that an experiment left."""


@command(app, "ls", reads=READS, example="mlops artifact ls @latest\nmlops artifact ls 1f3a --json")
def ls(context: Context, exp: options.Exp = "@latest") -> None:
    """List the artifacts of an experiment."""
    from ..client.assets import artifacts_of

    task = one(context, exp)
    found = artifacts_of(context.api.tasks.document(task))
    columns = [
        Column("key", rank=KEEP, flexible=True),
        Column("type"),
        Column("mode"),
        Column("content_size", "SIZE", right=True, show=lambda size: values.size(size) if size else ""),
        Column("uri", rank=2, flexible=True),
    ]
    rows = [[item.get(column.key) for column in columns] for item in found]
    context.output.records(
        columns,
        rows,
        documents=[{name: item.get(name) for name in FIELDS} for item in found],
        ids=[str(item.get("key")) for item in found],
        empty=f"{short(task)} left no artifacts",
    )


@command(
    app,
    "get",
    reads=READS,
    example="mlops artifact get @latest predictions\nmlops artifact get 1f3a predictions --to data/",
)
def get(
    context: Context,
    exp: options.Exp,
    key: Annotated[str, Argument(metavar="KEY", help="The artifact, as `mlops artifact ls` names it.")],
    to: Annotated[str, Option("--to", metavar="PATH", show_default=False, help="A folder, or the file to make.")] = "",
    force: Annotated[bool, Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Fetch an artifact, whole and verified; a fetch that was cut goes on where it ended."""
    from ..client.assets import artifact_of
    from .fetching import fetch

    fetch(context, artifact_of(context.api.tasks.document(one(context, exp)), key), to, force=force)


@command(
    app,
    "put",
    reads=READS,
    example="mlops artifact put @latest predictions.csv\nmlops artifact put 1f3a a.npz --key data",
)
def put(
    context: Context,
    exp: options.Exp,
    file: Annotated[str, Argument(metavar="FILE", help="What to keep with the experiment.")],
    key: Annotated[str, Option("--key", metavar="KEY", show_default=False, help="Its name; else the file's.")] = "",
) -> None:
    """Keep a file with an experiment that has not ended."""
    path, task = Path(file), one(context, exp)
    if not path.is_file():
        raise NotFound(f"{file} is no file", hint="pack a folder first: tar czf NAME.tgz FOLDER")
    status = context.api.tasks.find({"id": [task], "only_fields": ["status"], "search_hidden": True})[0]["status"]
    if status not in ("created", "queued", "in_progress"):
        raise Conflict(
            f"{short(task)} is {status}: what has ended takes no more artifacts", hint=f"mlops clone {short(task)}"
        )
    stored = context.api.files.put(path, path.name, under=task)
    item = {
        "key": key or path.name, "type": "file", "mode": "output", "uri": stored.uri, "content_size": stored.size_bytes,
        "hash": stored.sha256, "timestamp": int(time.time()),
    }  # fmt: skip
    context.api.tasks.add_artifacts(task, [item])
    if context.output.is_json:
        context.output.document(item)
    else:
        context.output.write(f"{stored.uri}\n")
