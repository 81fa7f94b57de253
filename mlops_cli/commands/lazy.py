"""The table of commands, and the root group that imports a command's module only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer.main
from typer.core import TyperCommand, TyperGroup


class Row(NamedTuple):
    """Where a command lives (`module` or `module:app`, in this package) and what the root help says of it."""

    module: str
    help: str
    panel: str


EVERYDAY, ASSETS, TOOL = "Experiments", "Projects", "Tool"

TABLE: dict[str, Row] = {
    "run": Row("run", "Run a program here, captured.", EVERYDAY),
    "ls": Row("ls", "List experiments, newest first.", EVERYDAY),
    "show": Row("show", "Show one experiment: what ran, with what, and what came of it.", EVERYDAY),
    "logs": Row("logs", "Show what an experiment printed.", EVERYDAY),
    "metrics": Row("metrics", "Show the metrics of an experiment.", EVERYDAY),
    "plot": Row("plot", "Draw curves; every experiment in the same axes, one panel a metric.", EVERYDAY),
    "diff": Row("diff", "Compare experiments: parameters, metrics, code, packages, data, host.", EVERYDAY),
    "clone": Row("clone", "Make a draft like an experiment.", EVERYDAY),
    "stop": Row("stop", "Stop experiments: the program is asked to end.", EVERYDAY),
    "checkout": Row("checkout", "Put the exact code of an experiment into a new folder, byte for byte.", EVERYDAY),
    "tag": Row("edits:tag_app", "Add and take away tags; without any, show them.", EVERYDAY),
    "note": Row("edits:note_app", "Write a note on an experiment, or show it.", EVERYDAY),
    "rename": Row("edits:rename_app", "Give an experiment another name.", EVERYDAY),
    "mv": Row("edits:mv_app", "Move experiments into a project.", EVERYDAY),
    "archive": Row("edits:archive_app", "Put experiments out of sight; nothing is deleted.", EVERYDAY),
    "rm": Row("remove", "Delete experiments with their metrics, console and stored files.", EVERYDAY),
    "project": Row("project", "Projects: experiments kept together, with / between levels.", ASSETS),
    "artifact": Row("artifact", "Artifacts: the files that an experiment left.", ASSETS),
    "model": Row("model", "Models: the files that experiments learnt.", ASSETS),
    "status": Row(
        "status:status_app",
        "Show where the experiments are kept, what runs on this machine.",
        TOOL,
    ),
    "sync": Row("status:sync_app", "Send what earlier runs could not.", TOOL),
    "auth": Row("auth", "Who you are to a server: log in and out, users, tokens.", TOOL),
    "context": Row("contexts", "Contexts: several servers, each with its settings, under names.", TOOL),
    "server": Row("server", "The store of this machine as a server for a team.", TOOL),
    "doctor": Row("doctor", "Check what mlops stands on.", TOOL),
    "export": Row("transfer:export_app", "Write experiments into one file.", TOOL),
    "import": Row(
        "transfer:import_app",
        "Bring in the experiments of a file.",
        TOOL,
    ),
    "config": Row("config", "Settings: what holds, and where it is said.", TOOL),
    "completion": Row("completion", "Print the completion script of a shell.", TOOL),
    "api": Row("api", "Call the tracking API and print the data of its answer.", TOOL),
    "plugin": Row("plugin", "Commands that other packages add.", TOOL),
    "help": Row("help", "Show the help of a command.", TOOL),
    "version": Row("version", "Show the version, the interpreter and the platform.", TOOL),
}
"""Each help is the beginning of the command's own, and a test holds it to that."""

ALIASES = {
    "list": "ls", "describe": "show", "info": "show", "inspect": "show", "log": "logs", "fork": "clone",
    "restore": "checkout", "submit": "enqueue", "launch": "enqueue", "ui": "top", "remove": "rm", "delete": "rm",
    "add": "create", "new": "create",
}  # fmt: skip
"""Habits from other tools: they work, and no help mentions them."""


class PlainHelp:
    """Help in one form, whatever release of Typer, and of the parser under it, writes it.

    Releases differ in how arguments are headed, and in whether they show `required` in rich markup.
    """

    def format_help(self: Any, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        shown = [param for param in self.get_params(ctx) if not getattr(param, "hidden", False)]
        arguments = [param for param in shown if param.param_type_name == "argument"]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl([(_placeholder(param), param.help or "") for param in arguments])
        options = [param.get_help_record(ctx) for param in shown if param.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for record in options if record is not None])
        if hasattr(self, "commands"):
            self.format_commands(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def collect_usage_pieces(self: Any, ctx: Any) -> list[str]:
        arguments = [_placeholder(param) for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return [self.options_metavar, *arguments, *([self.subcommand_metavar] if hasattr(self, "commands") else [])]


def _placeholder(param: Any) -> str:
    shown = param.metavar or param.name.upper()
    return shown if param.required or shown.startswith("[") else f"[{shown}]"


class Stub(TyperCommand):
    """A name and a help text that stand for a command until it is called."""

    def load(self) -> Any:
        assert self.name is not None
        module, _, app = TABLE[self.name].module.partition(":")
        found = typer.main.get_command(getattr(import_module(f"{__package__}.{module}"), app or "app"))
        found.name = self.name
        return found


class Group(PlainHelp, TyperGroup):
    """A group whose commands also answer to the habits of other tools, with help in panels."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = ALIASES.get(args[0])
        if args[0] not in self.commands and name in self.commands:
            args = [name, *args[1:]]  # type: ignore[list-item]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, found in self.commands.items():
            if not found.hidden:
                panel = getattr(found, "rich_help_panel", None)
                row = (name, found.get_short_help_str(limit=70))
                panels.setdefault(panel if isinstance(panel, str) else "Commands", []).append(row)
        longest = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(longest), text) for name, text in rows])


class RootGroup(Group):
    """The root: filled with stubs from the table; plugins are looked for only when a name is unknown."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, row in TABLE.items():
            self.commands[name] = Stub(name, help=row.help, rich_help_panel=row.panel, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and ALIASES.get(args[0]) not in self.commands:
            from .plugin import find_command

            outside = find_command(args[0])
            if outside is not None:
                return args[0], outside, args[1:]
        name, found, rest = super().resolve_command(ctx, args)
        return name, found.load() if isinstance(found, Stub) else found, rest
