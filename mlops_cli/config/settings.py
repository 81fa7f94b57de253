"""The settings that hold, each with where it came from.

Precedence: flag, `MLOPS_*`, `CLEARML_*`, the project's file, the context, the user's file, the default. A context that
a flag names stands right after the flags: who names it on this very line means its server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InvalidInput
from . import environ, sources
from .keys import EMBEDDED, KEYS, NONE, Key, find_key, parse_value
from .paths import Paths, locate


class Value(NamedTuple):
    """What a setting is, and where that is said: `flag`, a variable's name, a file, `context lab`,
    `default`."""

    value: Any
    origin: str


class Settings:
    """All settings of one command. `warnings` are lines for the person, such as an unknown name in a file.

    `is_borrowed`: the server is the one of an earlier run or of a context that a flag names, not the one that the
    environment means: the credentials there are not for it. A plain class: building a dataclass costs every command
    half the price of a bare interpreter.
    """

    __slots__ = ("is_borrowed", "paths", "project_file", "user_file", "values", "warnings")

    def __init__(
        self,
        paths: Paths,
        user_file: Path,
        project_file: Path | None,
        values: Mapping[str, Value],
        warnings: tuple[str, ...] = (),
        *,
        is_borrowed: bool = False,
    ) -> None:
        self.paths = paths
        self.user_file = user_file
        self.project_file = project_file
        self.values = values
        self.warnings = warnings
        self.is_borrowed = is_borrowed

    def __getitem__(self, name: str) -> Any:
        return self.values[find_key(name).name].value

    def origin(self, name: str) -> str:
        return self.values[find_key(name).name].origin

    @property
    def server(self) -> str | None:
        """The URL of a server, or None for the embedded store."""
        return None if self["server"] in ("", EMBEDDED) else str(self["server"])

    @property
    def is_server_trusted(self) -> bool:
        """Whether the person named the server, and not a project's file that came with other people's code."""
        return self.project_file is None or self.origin("server") != str(self.project_file)

    @property
    def verify(self) -> bool | str:
        """As the HTTP library takes it: whether to check certificates, or the file of those to trust."""
        word = str(self["verify"]).strip()
        if word.lower() in ("0", "false", "no", "off"):
            return False
        return str(self["cacert"]) or (word if word.lower() not in ("", "1", "true", "yes", "on") else True)

    @property
    def project(self) -> str:
        return str(self["project"])

    @property
    def secrets(self) -> str:
        return str(self["secrets"])

    @property
    def color(self) -> str:
        return str(self["color"])

    @property
    def pager(self) -> str:
        return str(self["pager"])

    @property
    def debug(self) -> bool:
        return bool(self["debug"])


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    env: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Settings:
    """Gather every setting for a command that runs in `cwd`.

    `flags` maps names of settings to what the command line said; None and missing mean not given. Raises
    InvalidInput for a value that cannot be right, and for a file that is not TOML; only a name that nobody
    knows is a warning.
    """
    here = cwd or _cwd()
    paths = locate(dict(env))
    user_file = Path(env[environ.CONFIG]).expanduser() if env.get(environ.CONFIG) else paths.user_config
    project_file = sources.find_project_file(here)
    user_table = sources.read_table(user_file)
    contexts = user_table.pop("contexts", {})
    layers = [_Layer("flag", {k: v for k, v in (flags or {}).items() if v is not None}), _Env(env)]
    warnings: list[str] = []
    if project_file is not None:
        layers.append(_project_layer(project_file, warnings))
    user = _Layer(str(user_file), _known(sources.flatten(user_table), str(user_file), warnings))
    context, said = _first(KEYS["context"], [*layers, user])
    if context not in ("", NONE):
        layer = _context_layer(str(context), contexts, warnings)
        layers.insert(1 if said == "flag" else len(layers), layer)
    layers.append(user)
    values = {key.name: _first(key, layers) for key in KEYS.values()}
    if context == NONE:
        values["context"] = Value("", said)
    if not values["project"].value:
        values["project"] = _default_project(here)
    is_borrowed = said == "flag" and _is_another(values["server"], env)
    return Settings(paths, user_file, project_file, values, tuple(warnings), is_borrowed=is_borrowed)


def for_server(settings: Settings, server: str) -> Settings:
    """The same settings with another server: through the context that names it, if one does."""
    if server == (settings.server or EMBEDDED):
        return settings
    contexts = sources.read_table(settings.user_file).get("contexts")
    for name, table in contexts.items() if isinstance(contexts, dict) else ():
        if isinstance(table, dict) and table.get("server") == server:
            found = load_settings({"server": server, "context": name})
            break
    else:
        found = load_settings({"server": server})
    given = (settings.paths, found.user_file, found.project_file, found.values, found.warnings)
    return Settings(*given, is_borrowed=True)


class _Layer:
    """One place that may say what a setting is."""

    __slots__ = ("origin", "table")

    def __init__(self, origin: str, table: Mapping[str, Any]) -> None:
        self.origin = origin
        self.table = table

    def look_up(self, key: Key) -> Iterator[tuple[Any, str]]:
        if key.name in self.table:
            yield self.table[key.name], self.origin


class _Env(_Layer):
    """The environment: `MLOPS_*` first, then the variables of an existing ClearML set-up."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__("environment", env)

    def look_up(self, key: Key) -> Iterator[tuple[Any, str]]:
        for name in (key.env, *key.clearml):
            # An empty variable is how scripts say "not set".
            if self.table.get(name):
                yield self.table[name], name


def _first(key: Key, layers: list[_Layer]) -> Value:
    for layer in layers:
        for raw, origin in layer.look_up(key):
            return Value(parse_value(key, raw, origin), origin)
    return Value(key.default, "default")


def _is_another(server: Value, env: Mapping[str, str]) -> bool:
    """Whether the environment names a server, and not this one."""
    named = _first(KEYS["server"], [_Env(env)])
    return named.origin != "default" and named.value != server.value


def _project_layer(path: Path, warnings: list[str]) -> _Layer:
    known = _known(sources.flatten(sources.read_table(path)), str(path), warnings)
    for name in [name for name in known if not KEYS[name].shared]:
        warnings.append(f"{path}: `{name}` is ignored in a project's file; set it with `mlops config set`")
        del known[name]
    if known.get("secrets") == "keep":
        warnings.append(f"{path}: `secrets = keep` is ignored in a project's file; only you can switch the filter off")
        del known["secrets"]
    return _Layer(str(path), known)


def _context_layer(name: str, contexts: Any, warnings: list[str]) -> _Layer:
    table = contexts.get(name) if isinstance(contexts, dict) else None
    if not isinstance(table, dict):
        import difflib  # noqa: PLC0415 - only on the way to an error

        names = sorted(contexts) if isinstance(contexts, dict) else []
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"make it: mlops auth login URL --as {name}"
        raise InvalidInput(f"there is no context `{name}` (known: {', '.join(names) or 'none'})", hint=hint)
    return _Layer(f"context {name}", _known(sources.flatten(table), f"context {name}", warnings))


def _known(flat: dict[str, Any], origin: str, warnings: list[str]) -> dict[str, Any]:
    known = {}
    for name, value in flat.items():
        try:
            known[find_key(name).name] = value
        except InvalidInput as exc:
            warnings.append(f"{origin}: {exc.message}" + (f"; {exc.hint}" if exc.hint else ""))
    return known


def _default_project(cwd: Path) -> Value:
    top = sources.find_repository(cwd)
    folder = top or cwd
    name = folder.name.encode("utf-8", "replace").decode().strip()
    # Servers refuse a last segment of fewer than three characters.
    name = name if len(name) >= 3 else f"{name or 'my'}-project"
    return Value(name, "name of the repository's folder" if top else "name of the folder")


def _cwd() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        # The folder was removed under us; `ls` and `status` work all the same.
        return Path("/")
