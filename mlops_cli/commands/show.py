"""`mlops show`: one experiment, whole or one section of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from typer import Argument

from ..errors import InvalidInput
from . import options
from .context import Context
from .define import PICKS, command, new_app
from .targets import one

app = new_app()

SYNONYMS = {
    "parameters": "params", "hyperparams": "params", "args": "params", "environment": "env", "configuration": "config",
    "artifacts": "files", "log": "console", "logs": "console", "patch": "diff", "script": "code",
    "requirements": "packages", "warnings": "notes",
}  # fmt: skip
"""What people type for a section before they know its name; no help mentions them."""


@command(
    app,
    "show",
    reads=PICKS,
    example="mlops show @latest\nmlops show @latest metrics\nmlops show 1f3a diff --no-pager\n"
    "mlops show @latest --json -c id,script",
)
def show(
    context: Context,
    exp: options.Exp = "@latest",
    section: Annotated[
        str,
        Argument(
            metavar="[SECTION]",
            help="params, metrics, code, diff, packages, host, env, config, files, models, data, console or notes.",
        ),
    ] = "overview",
) -> None:
    """Show one experiment: what ran, with what, and what came of it."""
    from ..render.show import SECTIONS

    section = _section(section, ("overview", *SECTIONS))
    doc = context.api.tasks.document(one(context, exp))
    if context.output.is_json:
        context.output.document(_part(doc, section, context.output.columns))
    else:
        _print(context, doc, section)


def _section(word: str, known: tuple[str, ...]) -> str:
    """The section that a word means: its name, the start of it, or another name for the same."""
    word = word.casefold()
    fitting = [name for name in known if name.startswith(word)]
    found = word if word in known else SYNONYMS.get(word) or (fitting[0] if len(fitting) == 1 else "")
    if not found:
        from ..client.suggest import suggest

        hint = suggest(word, [*known, *SYNONYMS]) or f"sections: {', '.join(known[1:])}"
        raise InvalidInput(f"an experiment has no section {word!r}", hint=hint)
    return found


def _part(doc: dict[str, Any], section: str, fields: list[str]) -> Any:
    """What a section is in the API's words; `-c` picks fields of the whole."""
    if fields:
        return {name: _dig(doc, name) for name in fields}
    paths = {
        "params": "hyperparams", "metrics": "last_metrics", "code": "script", "diff": "script.diff",
        "packages": "script.requirements", "host": "runtime", "config": "configuration", "models": "models",
        "files": "execution.artifacts", "data": "execution.artifacts", "notes": "runtime",
        "env": "hyperparams.Environment",
    }  # fmt: skip
    found: Any = _dig(doc, paths[section]) if section in paths else doc
    if section in ("files", "data"):
        return [item for item in found or [] if (item.get("mode") == "input") == (section == "data")]
    return found


def _print(context: Context, doc: dict[str, Any], section: str) -> None:
    from ..render.blocks import Page
    from ..render.show import Report

    output, api = context.output, context.api
    wants_tail = section in ("overview", "console")
    models = _models(context, doc) if section in ("overview", "models") else []
    names = api.projects.names() if section == "overview" else {}
    tail: list[str] = []
    if wants_tail:
        from .logs import read_lines

        tail = read_lines(context, doc["id"], last=10 if section == "overview" else None)
    page = Page(width=output.width, color=output.colored)
    report = Report(
        doc, now=datetime.now(UTC), project=names.get(doc.get("project") or "", ""), models=models, tail=tail
    )
    report.write(section, page)
    if not page.lines:
        output.note(f"nothing is recorded under {section}")
    output.lines(page.lines)


def _models(context: Context, doc: dict[str, Any]) -> list[dict[str, Any]]:
    links = doc.get("models") or {}
    ids = [link["model"] for side in ("input", "output") for link in links.get(side) or () if link.get("model")]
    return context.api.models.find({"id": ids}) if ids else []


def _dig(doc: Any, path: str) -> Any:
    found = doc
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
