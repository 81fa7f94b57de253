"""Puts changed parameters into a recorded command, in the form in which it names them. Pure: words in, words out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from .overrides import BOOLS, PROGRAM, Change, canonical, parse_literal

_SHORT_NUMBER = re.compile(r"(-[A-Za-z])([+-]?\d.*)\Z", re.S)
_SCRIPT_SUFFIXES = (".py", ".pyz", ".ipynb", ".sh", ".bash", ".R", ".jl", ".lua", ".pl", ".rb", ".js")


def rewrite_argv(argv: Sequence[str], changes: Iterable[Change]) -> list[str]:
    """The recorded command with the new values: in `--lr 0.1`, `--lr=0.1`, `-b 32`, `-b32` and `lr=0.1` alike.

    A parameter that the command does not name yet is added in the form that the others have. A flag (`--amp`) that
    becomes false is taken out, one that becomes true is put in. Sections that do not come from the command line (those
    of configuration files, of the environment, of `init`) leave it as it is.
    """
    start = program_length(argv)
    program, words = list(argv[:start]), list(argv[start:])
    style = "=" if any(_is_assignment(word) for word in words) and not any(_is_option(word) for word in words) else "--"
    for change in changes:
        if change.section in PROGRAM:
            words = _rewrite_one(words, change, "=" if change.section == "Hydra" else style)
    return program + words


def rewrite_command(command: str, changes: Iterable[Change]) -> str:
    """The same for a command in one text, such as a script's `entry_point` (`train.py --lr 0.1`)."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return shlex.join(rewrite_argv(words, changes)) if words else command


def program_length(argv: Sequence[str]) -> int:
    """How many leading words are the program and not its arguments: up to the script, or a module after `-m`."""
    for position, word in enumerate(argv):
        if word.endswith(_SCRIPT_SUFFIXES) and not word.startswith("-"):
            return position + 1
        if word == "-m":
            return min(position + 2, len(argv))
    return min(1, len(argv))


def _rewrite_one(words: list[str], change: Change, style: str) -> list[str]:
    is_done = False
    result: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        following = words[position + 1] if position + 1 < len(words) else None
        match = _match(word, change.name)
        position += 1
        if match is None:
            result.append(word)
        elif match == "assigned":
            head = word.partition("=")[0]
            result.append(f"{head}={change.new}")
            is_done = True
        elif match == "joined":
            result.append(word[:2] + change.new)
            is_done = True
        elif _is_flag(change, following):
            is_done = True
            if _truth(change.new):
                result.append(word)
        else:
            # A list may take several words; they are one value, and so is what replaces them.
            used = _count_values(words, position, change)
            result += [word, *_value_words(change)]
            position += used
            is_done = True
    return result if is_done else _add(result, change, style)


def _match(word: str, name: str) -> str | None:
    """How a word names the parameter: as an option before its value, assigned, or joined (`-b32`)."""
    head, equals, _ = word.partition("=")
    plain = head.lstrip("-+") if head.startswith(("-", "+")) else head
    if equals and canonical(plain) == canonical(name):
        return "assigned"
    if not equals and word.startswith("-") and canonical(plain) == canonical(name):
        return "option"
    short = _SHORT_NUMBER.match(word)
    return "joined" if short and short[1][1:] == name else None


def _is_flag(change: Change, following: str | None) -> bool:
    is_bool = change.type == "bool" or (change.old or "").lower() in ("true", "false")
    is_bool = is_bool and change.new.strip().lower() in BOOLS
    # `--amp true` has a value of its own; `--amp` before another option, or last, has none.
    return is_bool and (following is None or following.lower() not in BOOLS)


def _count_values(words: Sequence[str], start: int, change: Change) -> int:
    count = 0
    for word in words[start:]:
        if (_is_option(word) and not _is_number(word)) or (count and not _is_list(change)):
            break
        count += 1
    return count


def _value_words(change: Change) -> list[str]:
    if not _is_list(change):
        return [change.new]
    items = _items(change.new)
    return [change.new] if items is None else items


def _add(words: list[str], change: Change, style: str) -> list[str]:
    if change.old is not None and change.type == "bool" and style == "--" and not _truth(change.new):
        return words
    if style == "=":
        return [*words, f"{change.name}={change.new}"]
    flag = f"-{change.name}" if len(change.name) == 1 else f"--{change.name}"
    if change.type == "bool" and _truth(change.new):
        return [*words, flag]
    return [*words, flag, *_value_words(change)]


def _is_option(word: str) -> bool:
    return word.startswith("-") and len(word) > 1


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_assignment(word: str) -> bool:
    return not word.startswith("-") and "=" in word


def _is_list(change: Change) -> bool:
    return (change.type or "").split("/")[0] in ("list", "tuple")


def _truth(value: str) -> bool:
    return BOOLS.get(value.strip().lower()) == "True"


def _items(value: str) -> list[str] | None:
    parsed = parse_literal(value)
    return [str(item) for item in parsed] if isinstance(parsed, (list, tuple)) else None
