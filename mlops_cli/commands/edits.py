"""The small changes to a record: tags, the note, the name, the project, the archive."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from ..errors import InvalidInput
from . import options
from .context import Context
from .define import READS, command, new_app
from .targets import one, several, short

tag_app, note_app, rename_app, mv_app, archive_app = (new_app() for _ in range(5))


@command(
    tag_app, "tag", reads=READS, example="mlops tag @latest base\nmlops ls status:failed -q | mlops tag - bad -r good"
)
def tag(
    context: Context,
    exp: Annotated[str, Argument(metavar="EXP", help="An experiment, or - for ids on stdin.")],
    tags: Annotated[list[str] | None, Argument(metavar="[TAG]...", help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, Option("--remove", "-r", metavar="TAG", show_default=False, help="A tag to take away.")
    ] = None,
) -> None:
    """Add and take away tags; without any, show them."""
    adds = [name.removeprefix("+") for name in tags or ()]
    if not all(adds):
        raise InvalidInput("a tag needs a name", hint="mlops tag EXP NAME")
    ids = several(context, [exp])
    if adds or remove:
        context.api.tasks.update_tags(ids, add=adds, remove=remove or ())
    found = context.api.tasks.find({"id": ids, "only_fields": ["id", "name", "tags"], "search_hidden": True})
    if context.output.is_json:
        context.output.document(found)
    elif not context.output.quiet:
        context.output.lines([f"{short(doc['id'])}  {' '.join(doc.get('tags') or []) or '-'}" for doc in found])


@command(
    note_app, "note", reads=READS, example="mlops note @latest 'the learning rate was too high'\nmlops note @latest"
)
def note(
    context: Context,
    exp: options.Exp,
    text: Annotated[
        list[str] | None, Argument(metavar="[TEXT]...", help="The note; without it the note is shown.")
    ] = None,
    append: Annotated[bool, Option("--append", "-a", help="Add a line instead of replacing the note.")] = False,
) -> None:
    """Write a note on an experiment, or show it; an empty text clears it."""
    task = one(context, exp)
    if text is None:
        found = str(context.api.tasks.document(task).get("comment") or "")
        _answer(context, {"id": task, "comment": found}, [found] if found else [])
        return
    words = " ".join(text)
    if append:
        before = context.api.tasks.document(task).get("comment") or ""
        words = f"{before}\n{words}" if before else words
    context.api.tasks.update(task, {"comment": words})
    _answer(context, {"id": task, "comment": words})


@command(rename_app, "rename", reads=READS, example="mlops rename @latest 'resnet, warm restart'")
def rename(
    context: Context, exp: options.Exp, name: Annotated[str, Argument(metavar="NAME", help="At least 3 characters.")]
) -> None:
    """Give an experiment another name."""
    task = one(context, exp)
    if len(name.strip()) < 3:
        raise InvalidInput(f"{name!r} is too short: a name has at least 3 characters", hint="mlops rename EXP NAME")
    context.api.tasks.update(task, {"name": name.strip()})
    _answer(context, {"id": task, "name": name.strip()})


@command(mv_app, "mv", reads=READS, example="mlops mv @latest vision/resnet\nmlops ls tag:old -q | mlops mv - attic")
def mv(
    context: Context,
    exps: options.Exps,
    project: Annotated[str, Argument(metavar="PROJECT", help="It is made when it does not exist.")],
) -> None:
    """Move experiments into a project."""
    if not project.strip():
        raise InvalidInput("a project needs a name", hint="mlops mv EXP PROJECT")
    ids = several(context, exps)
    context.api.tasks.move(ids, project)
    _answer(context, {"ids": ids, "project": project}, [f"{len(ids)} moved to {project}"])


@command(archive_app, "archive", reads=READS, example="mlops archive @-1\nmlops archive @-1 --undo")
def archive(
    context: Context,
    exps: options.Exps,
    undo: Annotated[bool, Option("--undo", help="Take them out of the archive again.")] = False,
) -> None:
    """Put experiments out of sight; nothing is deleted."""
    ids = several(context, exps)
    tasks = context.api.tasks
    answer = tasks.unarchive(ids) if undo else tasks.archive(ids)
    word = "out of the archive" if undo else "archived"
    for failed in answer.get("failed") or ():
        context.output.warn(f"{short(failed['id'])}: {failed['error']['msg']}")
    done = [item["id"] for item in answer.get("succeeded") or ()]
    _answer(context, {"ids": done}, [f"{len(done)} {word}"])


def _answer(context: Context, document: dict[str, object], lines: list[str] | None = None) -> None:
    if context.output.is_json:
        context.output.document(document)
    elif lines and not context.output.quiet:
        context.output.lines(lines)
