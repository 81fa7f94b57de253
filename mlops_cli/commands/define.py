"""`command` turns a function into a Typer command that also takes the flags which mean the same everywhere.

The function's first parameter is our `Context`; what it returns, when it is a number, is the exit code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

from typer import Context as TyperContext
from typer import Exit, Option, Typer
from typer.core import TyperCommand

from ..errors import InvalidInput
from . import options
from .context import Context
from .lazy import PlainHelp

EVERYWHERE: dict[str, tuple[Any, Any]] = {
    "debug": (options.Debug, False),
    "verbose": (options.Verbose, 0),
    "quiet": (options.Quiet, False),
    "color": (options.Color, ""),
    "no_pager": (options.NoPager, False),
    "no_input": (options.NoInput, False),
    "user": (options.User, ""),
    "context_name": (options.ContextName, ""),
}
READS: dict[str, tuple[Any, Any]] = {"json_": (options.Json, False), "form": (options.Form, "")}
PICKS: dict[str, tuple[Any, Any]] = {**READS, "columns": (options.Columns, ())}


class Command(PlainHelp, TyperCommand):
    """A command with our help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = getattr(self.callback, "argument_help", {})
        param: Any  # releases of Typer differ in which kinds of parameter have a help
        for param in self.params:
            if param.name in known and getattr(param, "help", None) is None:
                param.help = known[param.name]


_FOOT = "Flags for every command (-q, -v, --debug, --color, --no-pager, --no-input, --user, --context): mlops --help"


def new_app(**settings: Any) -> Typer:
    """A Typer app with our settings: plain help (Rich costs start-up) and no completion of its own."""
    return Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def command(
    app: Typer, name: str, *, reads: dict[str, tuple[Any, Any]] | None = None, example: str, **settings: Any
) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Register a function under `name`; `reads` is READS or PICKS, `example` one or more lines to try."""

    def register(function: Callable[..., int | None]) -> Callable[..., None]:
        shared = {**(reads or {}), **EVERYWHERE}
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        @wraps(function)
        def call(ctx: TyperContext, **given: Any) -> None:
            context: Context = ctx.obj
            apply(context, {key: given.pop(key) for key in shared})
            code = function(context, **given)
            if code:
                raise Exit(code)

        _resign(call, own, shared)
        # Newer releases of Click overwrite the help of Typer's arguments with nothing: `Command` puts it back.
        call.argument_help = {p.name: p.annotation.__metadata__[0].help for p in own}  # type: ignore[attr-defined]
        lines = "\n".join(f"  {line}" for line in example.splitlines())
        app.command(name, cls=Command, epilog=f"\b\nExamples:\n{lines}\n\n{_FOOT}", **settings)(call)
        return call

    return register


def apply(context: Context, given: dict[str, Any]) -> None:
    """Put the shared flags where they belong; a flag may stand before the command, after it, or both."""
    output = context.output
    context.debug |= given["debug"]
    context.no_input |= given["no_input"]
    output.verbose += given["verbose"]
    output.quiet |= given["quiet"]
    if given["color"]:
        if given["color"] not in ("auto", "always", "never"):
            raise InvalidInput(f"--color {given['color']}: no such choice", hint="choose auto, always or never")
        output.color = given["color"]
    if given["user"]:
        context.user = given["user"]
    if given["context_name"]:
        context.name = given["context_name"]
    if given["no_pager"]:
        output.pager = False
    if given.get("json_"):
        output.choose("json")
    if given.get("form"):
        output.choose(given["form"])
    for part in given.get("columns") or ():
        output.columns += [name.strip() for name in part.split(",") if name.strip()]


def _resign(call: Any, own: list[inspect.Parameter], shared: dict[str, tuple[Any, Any]]) -> None:
    """Give the wrapper the signature that Typer reads; the flags of every command stay out of each one's help."""
    parameters = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=TyperContext), *own]
    for key, (alias, default) in shared.items():
        annotation = _hidden(alias) if key in EVERYWHERE else alias
        parameters.append(
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        )
    call.__signature__ = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters])
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _hidden(alias: Any) -> Any:
    kind, info = alias.__origin__, alias.__metadata__[0]
    flags = [info.default, *(info.param_decls or ())]
    return Annotated[kind, Option(*flags, hidden=True, count=info.count, metavar=info.metavar)]
