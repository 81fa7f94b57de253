"""Every setting: its name, kind, default, and what it may be. Values and their origins are in `settings`."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import InvalidInput
from . import environ

EMBEDDED = "embedded"
"""The value of `server` that means: the store of this machine, in process."""

NONE = "none"
"""The value of `context` that means: no context."""

_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class Key(NamedTuple):
    """One setting. `shared` says whether a project's file, which comes with other people's code, may set it.

    A tuple: building a dataclass costs every command most of a millisecond.
    """

    name: str
    kind: str
    default: Any
    help: str
    clearml: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    shared: bool = True

    @property
    def env(self) -> str:
        return "MLOPS_" + self.name.upper().replace(".", "_")


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("server", "text", EMBEDDED, "where the tracking API is", clearml=environ.CLEARML_SERVERS),
        # Where tokens may go, and whom we believe, is for the person alone to say.
        Key("files", "text", "", "where the file server is; else beside the API", environ.CLEARML_FILES, shared=False),
        Key("web", "text", "", "where the web pages of the server are", environ.CLEARML_WEB, shared=False),
        Key("cacert", "text", "", "a file of certificates to trust, for servers of one's own", shared=False),
        Key(
            "verify", "text", "true", "check certificates: true, false, or a file", environ.CLEARML_VERIFY, shared=False
        ),
        Key("timeout", "number", 60.0, "how many seconds an answer of the server may take"),
        Key("context", "text", "", "the named set of settings that holds", shared=False),
        Key("project", "text", "", "the project of new experiments; else the name of the repository's folder"),
        Key("secrets", "text", "redact", "what to do with secrets found", choices=("redact", "refuse", "keep")),
        Key("color", "text", "auto", "colours", choices=("auto", "always", "never")),
        # A pager is a program: a repository that somebody cloned must not choose what we start.
        Key("pager", "text", "", "the program that shows long output", shared=False),
        Key("debug", "bool", False, "tracebacks on errors", shared=False),
        Key("hook", "text", "", "`off`, or taps to leave out (`-argparse,-open`)"),
        Key("capture.max_file_bytes", "size", 1_000_000, "the largest untracked file that travels as code"),
        Key("capture.max_total_bytes", "size", 20_000_000, "the most that untracked files may weigh together"),
        Key("capture.environment", "list", (), "further environment variables to record, by name"),
        Key("runs.keep_days", "number", 30.0, "how many days the folders of runs stay that are wholly sent"),
        Key("runs.keep_bytes", "size", 2_000_000_000, "the most that these folders may weigh together"),
        Key("metrics.less", "list", (), "metrics where less is better, as `metric/variant` or a name"),
        Key("metrics.more", "list", (), "metrics where more is better, as `metric/variant` or a name"),
        Key("ls.columns", "list", (), "the columns of `ls`"),
    )
}


def find_key(name: str) -> Key:
    """The setting of that name; InvalidInput names the nearest one."""
    key = KEYS.get(name)
    if key is None:
        import difflib  # noqa: PLC0415 - only on the way to an error

        near = difflib.get_close_matches(name, KEYS, 1)
        hint = f"did you mean `{near[0]}`?" if near else "`mlops config ls` shows all settings"
        raise InvalidInput(f"there is no setting `{name}`", hint=hint)
    return key


def parse_value(key: Key, raw: Any, origin: str) -> Any:
    """`raw` (text, or a TOML value) as what this setting holds; InvalidInput says where it came from."""
    value = _convert(key.kind, raw)
    if value is None or (key.choices and value not in key.choices):
        expected = " or ".join(key.choices) or _EXPECTED[key.kind]
        raise InvalidInput(
            f"{key.name} = {raw!r} ({origin}): expected {expected}", hint=f"`mlops config set {key.name} ...`"
        )
    return value


_EXPECTED = {
    "text": "a text",
    "bool": "true or false",
    "number": "a number above 0",
    "size": "a size such as 500k, 10MB or 1GiB",
    "list": "a list of texts",
}


def _convert(kind: str, raw: Any) -> Any:
    if kind == "bool":
        return raw if isinstance(raw, bool) else _parse_bool(str(raw))
    if kind == "size":
        return _parse_size(raw)
    if kind == "number":
        return _parse_number(raw)
    if kind == "list":
        items = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
            return None
        return tuple(item.strip() for item in items if item.strip())
    return raw.strip() if isinstance(raw, str) else None


def _parse_bool(text: str) -> bool | None:
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    return False if word in ("", "0", "false", "no", "off") else None


def _parse_number(raw: Any) -> float | None:
    try:
        number = float(raw) if not isinstance(raw, bool) else 0.0
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e9 else None


def _parse_size(raw: Any) -> int | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw if raw >= 0 else None
    text = str(raw).strip().lower().replace("_", "").removesuffix("b")
    digits = text.rstrip("kmgi ")
    unit = _UNITS.get(text[len(digits) :].strip())
    try:
        number = float(digits)
    except ValueError:
        return None
    # A comparison with itself tells NaN; infinity is no size either.
    return int(number * unit) if unit is not None and 0 <= number < 1e18 else None
