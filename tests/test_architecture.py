"""The house as docs/architecture.md draws it, checked from the syntax tree: rooms, doors, floors, sizes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "mlops_cli"
DOCUMENT = PACKAGE.parent / "docs" / "architecture.md"

GROUND = {"errors", "schemas", "config", "secrets"}

ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "schemas": {"errors"},
    "config": {"errors"},
    "secrets": set(),
    "plugins": {"errors"},
    "hook": set(),
    "spool": {"hook.records", "schemas", "errors"},
    "code": {"secrets", "errors"},
    "follow": {"hook.records", "schemas", "errors"},
    "diff": {"schemas"},
    "telemetry": {"schemas", "errors"},
    "capture": {"code", "telemetry", "secrets", "schemas", "errors", "plugins"},
    "client": {"schemas", "config", "errors"},
    "render": {"schemas", "diff", "telemetry", "errors"},
    "supervisor": {"hook", "capture", "code", "follow", "spool", "telemetry", "client"} | GROUND,
    "sdk": {"hook", "client", "spool", "supervisor"} | GROUND,
    "server": GROUND,
}
PORCH = {"__init__", "__main__", "commands", "testing"}
MAY_IMPORT_SERVER = {"client/embedded.py", "commands/server.py"}

DOORS: dict[str, tuple[str, ...]] = {
    "typer": ("commands/",),
    "rich": ("render/",),
    "sqlite3": ("server/db/",),
    "pynvml": ("telemetry/probes/",),
    "psutil": ("telemetry/probes/", "supervisor/"),
    "requests": ("client/transport.py",),
    "git": ("code/",),
    "yaml": ("capture/configuration.py",),
    "tomli": ("capture/configuration.py", "config/sources.py"),
    "platformdirs": ("config/paths.py",),
    "plotext": ("render/plots.py",),
    "matplotlib": ("render/",),
    "uvicorn": ("server/http/",),
    "uvloop": ("server/http/",),
    "httptools": ("server/http/",),
    "python_multipart": ("server/http/",),
    "jwt": ("server/auth/",),
    "psycopg": ("server/db/",),
}
NEVER = {"click": "Typer carries its own from 0.26 on", "pydantic": "msgspec is what we validate with"}
NO_NAMES = {"utils", "helpers", "common", "core", "misc"}

MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 80
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of each import, those inside functions too; `from . import a` gives a's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["mlops_cli", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if node.module and node.level == 0:
                yield node.lineno, name
            else:
                yield from ((node.lineno, f"{name}.{alias.name}") for alias in node.names)


def ours(path: Path) -> Iterator[tuple[int, str]]:
    for line, name in imports(path):
        # Its own version is the one thing that the package itself says, and every room may know it.
        if name.startswith("mlops_cli.") and name != "mlops_cli.__version__":
            yield line, name.removeprefix("mlops_cli.")


def is_allowed(name: str, allowed: set[str]) -> bool:
    return any(name == door or name.startswith(door + ".") for door in allowed)


def test_every_room_imports_only_what_the_table_allows() -> None:
    wrong = []
    for path in modules():
        room = room_of(path)
        if room in PORCH:
            continue
        allowed = ROOMS[room] | {room}
        for line, name in ours(path):
            if place(path) in MAY_IMPORT_SERVER and is_allowed(name, {"server"}):
                continue
            if not is_allowed(name, allowed):
                wrong.append(f"{place(path)}:{line} imports {name}; {room} may import {sorted(allowed)}")
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_commands_and_the_server_has_one_door() -> None:
    wrong = [
        f"{place(path)}:{line} imports {name}"
        for path in modules()
        for line, name in ours(path)
        if (is_allowed(name, {"commands"}) and room_of(path) not in ("commands", "__main__"))
        or (
            is_allowed(name, {"server"})
            and room_of(path) not in ("server", "testing")
            and place(path) not in MAY_IMPORT_SERVER
        )
        or (is_allowed(name, {"testing"}) and room_of(path) != "testing")
    ]
    assert not wrong, "\n".join(wrong)


def test_each_outside_library_has_one_door() -> None:
    wrong = []
    for path in modules():
        for line, name in imports(path):
            top = name.split(".")[0]
            if top in NEVER:
                wrong.append(f"{place(path)}:{line} imports {top}: {NEVER[top]}")
            elif top in DOORS and room_of(path) != "testing" and not place(path).startswith(DOORS[top]):
                wrong.append(f"{place(path)}:{line} imports {top}, whose door is {DOORS[top]}")
    assert not wrong, "\n".join(wrong)


def test_the_hook_imports_the_standard_library_alone() -> None:
    import sys

    # `_mlops_hook` is the hook itself, under the name that it has in the child.
    known = set(sys.stdlib_module_names) | {"mlops_cli", "_mlops_hook", "__future__", "sitecustomize", "usercustomize"}
    wrong = [
        f"{place(path)}:{line} imports {name}"
        for path in (PACKAGE / "hook").rglob("*.py")
        for line, name in imports(path)
        if name.split(".")[0] not in known
        or (name.startswith("mlops_cli.") and not is_allowed(name, {"mlops_cli.hook"}))
    ]
    assert not wrong, "\n".join(wrong)


def test_rooms_form_no_circle() -> None:
    edges: dict[str, set[str]] = {}
    for path in modules():
        room = room_of(path)
        if room in PORCH or place(path) in MAY_IMPORT_SERVER:
            continue
        edges.setdefault(room, set()).update(name.split(".")[0] for _, name in ours(path))
    done: set[str] = set()

    def walk(room: str, trail: tuple[str, ...]) -> None:
        assert room not in trail, " > ".join([*trail, room])
        if room in done:
            return
        for other in edges.get(room, set()) - {room}:
            walk(other, (*trail, room))
        done.add(room)

    for room in edges:
        walk(room, ())


def test_no_module_is_a_drawer_for_everything() -> None:
    assert not [place(path) for path in modules() if path.stem in NO_NAMES or path.parent.name in NO_NAMES]


@pytest.mark.parametrize("path", modules(), ids=place)
def test_modules_say_what_they_hold_and_keep_their_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.count("\n")
    assert lines <= MAX_MODULE_LINES or place(path) in LONG_MODULES, f"{lines} lines: is there a room inside?"
    assert ast.get_docstring(tree) or not text.strip(), "no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            name = f"{place(path)}:{node.name}"
            assert length <= MAX_FUNCTION_LINES or name in LONG_FUNCTIONS, f"{name} has {length} lines"


def test_the_document_names_every_room() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for room in {room_of(path) for path in modules()} - {"__init__", "__main__"}:
        assert f"`{room}/`" in text or f"`{room}.py`" in text, room
