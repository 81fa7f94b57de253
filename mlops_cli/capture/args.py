"""Parameters read off a command line of any program. Pure: words in, parameters out.

The hook knows better for Python programs (effective values, defaults); this is what holds for every other program, and
when the hook was not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple


@cache
def _number() -> re.Pattern[str]:
    return re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


@cache
def _integer() -> re.Pattern[str]:
    return re.compile(r"[+-]?\d+\Z")


@cache
def _option_pattern() -> re.Pattern[str]:
    return re.compile(r"--?[A-Za-z_][\w.:/-]*\Z")


@cache
def _long_assigned() -> re.Pattern[str]:
    return re.compile(r"(--?[A-Za-z_][\w.:/-]*)=(.*)\Z", re.S)


@cache
def _word_assigned() -> re.Pattern[str]:
    return re.compile(r"(\+{0,2}[A-Za-z_][\w.:/@-]*)=(.*)\Z", re.S)


@cache
def _short_number() -> re.Pattern[str]:
    return re.compile(r"(-[A-Za-z])([+-]?\d.*)\Z")


@cache
def _python() -> re.Pattern[str]:
    return re.compile(r"(python|pypy)(w|\d[\d.]*)?\Z")


_PYTHON_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_SCRIPT_SUFFIXES = (".py", ".pyz", ".ipynb", ".sh", ".bash", ".zsh", ".R", ".jl", ".lua", ".pl", ".rb", ".js")


class Argument(NamedTuple):
    """One parameter: `name` without dashes (inner dashes become underscores, as argparse's), value as text."""

    name: str
    value: str
    type: str


def read(argv: Sequence[str]) -> list[Argument]:
    """The parameters of a command: `--lr 0.1`, `--lr=0.1`, `-b 32`, `-b32`, `key=value` and flags.

    Words before the script (an interpreter and its options, a launcher and its) are not parameters of the experiment.
    An option given several times becomes a list.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    words = list(argv[program_length(argv) :])
    position = 0
    while position < len(words):
        name, value, used = _next(words, position)
        position += used
        if name:
            found.setdefault(name, []).append(value)
    return [_argument(name, values) for name, values in found.items()]


def program_length(argv: Sequence[str]) -> int:
    """How many leading words name the program: `python -u train.py` 3, `python -m pkg.train` 3, `./train` 1."""
    if not argv:
        return 0
    if _python().match(_basename(argv[0])):
        return _python_program_length(argv)
    for position, word in enumerate(argv):
        if word.endswith(_SCRIPT_SUFFIXES) and not word.startswith("-"):
            return position + 1
    return 1


def script_of(argv: Sequence[str]) -> str | None:
    """The script that a command runs, as written, when it names one."""
    length = program_length(argv)
    if not length:
        return None
    word = argv[length - 1]
    return word if word.endswith(_SCRIPT_SUFFIXES) and not word.startswith("-") else None


def is_python(word: str) -> bool:
    """Whether a command word names a Python interpreter."""
    return bool(_python().match(_basename(word)))


def type_of(text: str) -> str:
    """The type word of a value given as text."""
    if _integer().match(text):
        return "int"
    if _number().match(text) or text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return "float"
    return "bool" if text in ("True", "False", "true", "false") else "str"


def _python_program_length(argv: Sequence[str]) -> int:
    position = 1
    while position < len(argv):
        word = argv[position]
        if word in ("-m", "-c"):
            return min(position + 2, len(argv))
        if word in _PYTHON_WITH_VALUE:
            position += 2
        elif word.startswith("-") and word != "-":
            position += 1
        else:
            return position + 1
    return position


def _next(words: Sequence[str], position: int) -> tuple[str, tuple[str, str], int]:
    """The parameter at `position` as (name, (value, type)), and how many words it took; no name: not a parameter."""
    word = words[position]
    if assigned := _long_assigned().match(word):
        return _dashless(assigned[1]), (assigned[2], type_of(assigned[2])), 1
    if short := _short_number().match(word):
        return _dashless(short[1]), (short[2], type_of(short[2])), 1
    if _option_pattern().match(word):
        return _option(words, position)
    if assigned := _word_assigned().match(word):
        return assigned[1].lstrip("+"), (assigned[2], type_of(assigned[2])), 1
    return "", ("", ""), 1


def _option(words: Sequence[str], position: int) -> tuple[str, tuple[str, str], int]:
    name = _dashless(words[position])
    following = position + 1
    if following >= len(words) or not _is_value(words[following]):
        return name, ("True", "bool"), 1
    values = [words[following]]
    # `--layers 64 64 10`: a run of numbers belongs together; of other words only the first is surely a value.
    while (
        type_of(values[0]) in ("int", "float")
        and following + len(values) < len(words)
        and type_of(words[following + len(values)]) in ("int", "float")
    ):
        values.append(words[following + len(values)])
    if len(values) == 1:
        return name, (values[0], type_of(values[0])), 2
    return name, ("[" + ", ".join(values) + "]", "list"), 1 + len(values)


def _is_value(word: str) -> bool:
    if _word_assigned().match(word):  # `--multirun lr=1`: a flag, then a parameter
        return False
    return not word.startswith("-") or word == "-" or bool(_number().match(word))


def _argument(name: str, values: list[tuple[str, str]]) -> Argument:
    if len(values) == 1:
        return Argument(name, *values[0])
    if all(value == ("True", "bool") for value in values):  # -vvv and -v -v -v count
        return Argument(name, str(len(values)), "int")
    return Argument(name, "[" + ", ".join(value for value, _ in values) + "]", "list")


def _dashless(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _basename(word: str) -> str:
    return word.rsplit("/", 1)[-1]
