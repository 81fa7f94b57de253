"""The command line: one tree of commands, and the one parser that reads it. `guard` holds the one `try`."""

from __future__ import annotations

from typing import Annotated, Any

from typer import BadParameter, Option
from typer import Context as TyperContext
from typer.main import get_command

from ..errors import InvalidInput
from . import options
from .context import Context
from .define import apply, new_app
from .guard import guarded
from .lazy import RootGroup

_UsageError: Any = BadParameter.__mro__[1]  # Typer exports this one member of its parser's family of errors

app = new_app(cls=RootGroup, help="Capture, list, compare and clone machine-learning experiments.")


@app.callback(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    epilog="\b\nExamples:\n  mlops run python train.py --lr 0.1\n  mlops ls\n  mlops diff @-1 @latest\n\n"
    "EXP is a full id, a prefix of 4 or more, a name, project/name, @latest, @-1, @running, @failed or @best:METRIC.",
)
def root(
    ctx: TyperContext,
    version: Annotated[bool, Option("--version", "-V", help="Show the version.")] = False,
    debug: options.Debug = False,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    color: options.Color = "",
    no_pager: options.NoPager = False,
    no_input: options.NoInput = False,
    user: options.User = "",
    context_name: options.ContextName = "",
    project: Annotated[
        str, Option("--project", "-p", metavar="PROJECT", show_default=False, help="The project of this command.")
    ] = "",
    json_: options.Json = False,
    form: options.Form = "",
) -> None:
    given = {key: value for key, value in locals().items() if key not in ("ctx", "version", "project")}
    apply(ctx.obj, given)
    ctx.obj.project = project
    if version:
        from .. import __version__

        ctx.obj.output.write(f"mlops {__version__}\n")
    elif ctx.invoked_subcommand is None:
        from .overview import overview

        overview(ctx.obj)


def run(args: list[str], context: Context | None = None) -> int:
    """Run the command line; the answer is the exit code."""
    context = context or Context()
    return guarded(lambda: execute(args, context), context)


def execute(args: list[str], context: Context) -> int:
    """Parse and run; everything that goes wrong is raised as one of our errors."""
    try:
        answer = get_command(app).main(args, prog_name="mlops", standalone_mode=False, obj=context)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            context.output.stderr.write(error.ctx.get_help() + "\n")
            return InvalidInput.exit_code
        _guess_form(args, context)
        path = error.ctx.command_path if error.ctx is not None else "mlops"
        raise InvalidInput(_one_line(error.format_message()), hint=f"{path} --help") from error
    return answer if isinstance(answer, int) else 0


def _one_line(message: str) -> str:
    """The parser's message in our words: releases differ in how (and how often) they say `did you mean`."""
    words = " ".join(message.split()).rstrip(".").replace("No such option: ", "No such option ")
    first, *more = words.split(" Did you mean ")
    if more:
        words = f"{first} Did you mean {more[-1]}"
    before, found, after = words.partition(" (Possible options: ")
    if found:
        words = f"{before}. Did you mean {after.rstrip(')')}?"
    if not words.startswith("No such option"):
        return words
    import re
    from difflib import get_close_matches

    wrong, *others = re.findall(r"(?<![\w-])--?[\w-]+", words)
    near = get_close_matches(wrong, others, 1)
    return f"No such option '{wrong}'" + (f". Did you mean '{near[0]}'?" if near else "")


def _guess_form(args: list[str], context: Context) -> None:
    """The line could not be parsed, yet a program that asked for JSON should get its error as JSON."""
    if "--json" in args and not context.output.form:
        context.output.choose("json")
