"""Puts together what is true at the start of a run, as the fields of an API task.

Each gatherer may fail alone: what it would have said is missing then, and a note says why. Every text that leaves here
went through the secret filter; files keep their bytes, and are left out when they hold a secret.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import secrets
from ..errors import Refused
from ..schemas.parameters import GUESSED
from . import args, configuration, environment, host, packages

TAIL_OF_LINE = 500


class CodeState(NamedTuple):
    """What `code.capture` found, as far as the snapshot needs it; empty fields: there is no repository."""

    repository: str = ""
    branch: str = ""
    commit: str = ""
    working_dir: str = "."
    entry_point: str = ""
    diff: str = ""
    top: Path | None = None
    runtime: Mapping[str, str | int | None] = {}


class Request(NamedTuple):
    """`interpreter` is the hook's note (`interpreter.json`), None when the hook was not loaded."""

    argv: Sequence[str]
    cwd: Path
    environ: Mapping[str, str]
    interpreter: Mapping[str, Any] | None = None
    code: CodeState | None = None
    is_python: bool = False
    policy: str = "redact"
    variables: Sequence[str] = ()
    """Further environment variables to record, by name."""


class CapturedFile(NamedTuple):
    """A file to keep as an artifact: `key` and `type` are the API's."""

    key: str
    path: Path
    type: str
    meta: Mapping[str, str] = {}


class Note(NamedTuple):
    """Something that the person should know: a secret that was hidden, a thing left out, a gatherer that failed."""

    what: str
    why: str


class Snapshot(NamedTuple):
    """`task` holds `script`, `hyperparams`, `configuration` and `runtime` in the API's form."""

    task: dict[str, Any]
    files: tuple[CapturedFile, ...] = ()
    notes: tuple[Note, ...] = ()


def take(request: Request) -> Snapshot:
    """Ask every gatherer once.

    Raises Refused when the policy is `refuse` and a secret was found.
    """
    asking = _Asking(request)
    asking.run("host", asking.host)
    asking.run("parameters", asking.parameters)
    asking.run("configuration files", asking.configuration)
    asking.run("environment", asking.environment)
    asking.run("packages", asking.packages)
    asking.script()
    return asking.snapshot()


class _Asking:
    """The snapshot as it grows: one method a gatherer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._known = secrets.known_values(request.environ) if request.policy != "keep" else ()
        self._findings: list[secrets.Finding] = []
        self._notes: list[Note] = []
        self._files: list[CapturedFile] = []
        self._hyperparams: dict[str, dict[str, dict[str, Any]]] = {}
        self._configuration: dict[str, dict[str, Any]] = {}
        self._runtime: dict[str, Any] = {}
        self._script: dict[str, Any] = {}
        self._requirements: dict[str, str] = {}
        self.argv = self._clean_argv(list(request.argv))

    def run(self, what: str, gather: Callable[[], None]) -> None:
        try:
            gather()
        except Refused:
            raise
        except Exception as exc:
            self._notes.append(Note(what, f"could not be read: {type(exc).__name__}: {str(exc)[:TAIL_OF_LINE]}"))

    def host(self) -> None:
        self._runtime.update(host.runtime())
        interpreter = self._request.interpreter
        if interpreter:
            self._runtime["python_version"] = interpreter.get("version")
            self._runtime["python_executable"] = interpreter.get("executable")
            self._runtime["mlops_hook"] = "loaded"
        else:
            self._runtime["mlops_hook"] = why_no_hook(self._request)

    def parameters(self) -> None:
        for argument in args.read(self._request.argv):
            self._parameter("Args", argument.name, argument.value, argument.type, GUESSED)

    def configuration(self) -> None:
        for file in configuration.read_named(self._request.argv, self._request.cwd):
            self._notes.extend(Note(file.name, problem) for problem in file.problems)
            if file.text:
                text = self._clean(file.text, file.name)
                self._configuration[file.name] = {"name": file.name, "value": text, "type": file.format}
            for name, value, type_ in file.parameters:
                self._parameter(file.section, name, value, type_)

    def environment(self) -> None:
        for name, value in environment.select(self._request.environ, self._request.variables).items():
            self._parameter("Environment", name, value, "str")

    def packages(self) -> None:
        request = self._request
        path = list((request.interpreter or {}).get("path") or [])
        if not path and request.is_python:
            path = packages.site_folders(request.argv[0])
        found = packages.installed(path)
        if found:
            self._requirements["pip"] = self._clean(packages.requirements(found), "packages")
        local = [package.name for package in found if package.is_local]
        if local:
            self._notes.append(Note(", ".join(local), "installed from a folder of this machine: no index has it"))
        lock = packages.lock_file(request.cwd, request.code.top if request.code else None)
        if lock:
            self._files.append(CapturedFile(f"lock/{lock.name}", lock, "file", {"kind": "lock"}))

    def script(self) -> None:
        code = self._request.code or CodeState()
        script: dict[str, Any] = {
            "binary": self._binary(),
            "repository": code.repository,
            "branch": code.branch,
            "version_num": code.commit,
            "working_dir": code.working_dir or ".",
            "entry_point": entry_point(self.argv, code.entry_point),
            "diff": code.diff,
        }
        self._script = {**script, "requirements": self._requirements}
        self._runtime.update(code.runtime)
        self._runtime["mlops_argv"] = json.dumps(self.argv, ensure_ascii=False)
        self._runtime["mlops_cwd"] = str(self._request.cwd)

    def snapshot(self) -> Snapshot:
        if self._findings and self._request.policy == "refuse":
            places = ", ".join(sorted({finding.place for finding in self._findings})[:5])
            raise Refused(
                f"this run would store {len(self._findings)} secret(s): {places}",
                hint="take them out, or `--secrets redact` stores the rest without them",
            )
        found = [Note(finding.place, f"a secret ({finding.kind}) was hidden") for finding in self._findings]
        task = {
            "script": self._script,
            "hyperparams": self._hyperparams,
            "configuration": self._configuration,
            "runtime": {key: value for key, value in self._runtime.items() if value is not None},
        }
        return Snapshot(task, tuple(self._files), tuple(dict.fromkeys([*self._notes, *found])))

    def _binary(self) -> str:
        interpreter = self._request.interpreter
        if interpreter and self._request.is_python:
            return "python" + ".".join(str(interpreter.get("version", "3")).split(".")[:2])
        return Path(self.argv[0]).name if self.argv else ""

    def _parameter(self, section: str, name: str, value: str, type_: str, description: str = "") -> None:
        if self._request.policy != "keep":
            scrubbed = secrets.scrub_value(name, value, known=self._known, place=f"{section}/{name}")
            self._findings.extend(scrubbed.findings)
            value = scrubbed.value
        item = {"section": section, "name": name, "value": value, "type": type_}
        self._hyperparams.setdefault(section, {})[name] = item | ({"description": description} if description else {})

    def _clean(self, text: str, place: str) -> str:
        if self._request.policy == "keep":
            return text
        scrubbed = secrets.scrub_text(text, known=self._known, place=place)
        self._findings.extend(scrubbed.findings)
        return scrubbed.value

    def _clean_argv(self, argv: list[str]) -> list[str]:
        if self._request.policy == "keep":
            return argv
        scrubbed = secrets.scrub_argv(argv, known=self._known)
        self._findings.extend(scrubbed.findings)
        return scrubbed.value


def entry_point(argv: Sequence[str], script: str) -> str:
    """What a worker runs with the interpreter, `train.py --lr 0.1`: the script's own path, when the code knows it."""
    words = list(argv[1:])
    length = args.program_length(argv)
    if script and length > 1 and args.script_of(argv):
        words[length - 2] = script
    return shlex.join(words)


def why_no_hook(request: Request) -> str:
    """The likely cause of a missing note from the hook, for `show`."""
    if not request.is_python:
        return "not loaded: the command is no Python program"
    if request.environ.get("MLOPS_HOOK") == "off":
        return "not loaded: switched off (MLOPS_HOOK=off)"
    for word in request.argv[1 : args.program_length(request.argv)]:
        if word.startswith("-") and not word.startswith("--") and any(letter in word for letter in "IES"):
            return f"not loaded: the interpreter was started with {word}, which ignores PYTHONPATH or site"
    return "not loaded: the program ended before Python started, or its interpreter ignores PYTHONPATH"
