"""`mlops completion SHELL`: scripts with commands and flags written out, so that TAB on a word starts no Python.

Generated from the command tree (`python -m mlops_cli.commands.completion FOLDER` writes all three); names of
experiments and projects are read from the names cache by the shell itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from ..errors import InvalidInput
from .context import Context
from .define import command, new_app

if TYPE_CHECKING:
    from .tree import Node

FILES = {"bash": "mlops.bash", "zsh": "_mlops", "fish": "mlops.fish"}
REFERENCES = ("@latest", "@-1", "@running", "@failed", "@best:", "@base")
KINDS = {"EXP": "task", "A": "task", "PROJECT": "project"}
"""Which names a placeholder stands for."""

VALUES = {
    "--output": ("table", "wide", "json", "ndjson", "csv", "tsv", "md", "ids"),
    "--color": ("auto", "always", "never"),
}

app = new_app()


@command(
    app,
    "completion",
    example="mlops completion bash > ~/.local/share/bash-completion/completions/mlops\n"
    "mlops completion zsh > ~/.zfunc/_mlops        # a folder of your fpath\n"
    "mlops completion fish > ~/.config/fish/completions/mlops.fish",
)
def completion(context: Context, shell: Annotated[str, Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell."""
    if shell not in FILES:
        raise InvalidInput(f"there is no completion for {shell!r}", hint=f"choose one of {', '.join(FILES)}")
    context.output.write(generate(shell))


def generate(shell: str) -> str:
    """The script for one shell, from the whole command tree."""
    from .tree import walk

    return GENERATORS[shell](list(walk()))


def bash(nodes: list[Node]) -> str:
    cases = "\n".join(
        f"        {_quote_case(' '.join(node.path[1:]))}) "
        f"words={_single(' '.join(name for name, _ in node.children))} "
        f"flags={_single(' '.join(_flags(node)))} kinds={_single(' '.join(_kinds(node)))} ;;"
        for node in nodes
    )
    return _fill(_BASH, CASES=cases, TAKING=_taking(nodes), FORMS=" ".join(VALUES["--output"]))


def zsh(nodes: list[Node]) -> str:
    cases = "\n".join(
        f"    {_quote_case(' '.join(node.path[1:]))})\n"
        f"      words_=({_described(node.children)})\n"
        f"      flags=({_described([(f, h) for flags, h, _ in node.options for f in flags])})\n"
        f"      kinds=({' '.join(_kinds(node))}) ;;"
        for node in nodes
    )
    return _fill(_ZSH, CASES=cases, TAKING=_taking(nodes), FORMS=" ".join(VALUES["--output"]))


def fish(nodes: list[Node]) -> str:
    lines = ["complete -c mlops -f", "complete -c mlops -F -n '__mlops_at run'"]
    for node in nodes:
        head = f"complete -c mlops -n '{' '.join(['__mlops_at', *node.path[1:]])}'"
        lines += [f"{head} -a {name} -d {_single(help_)}" for name, help_ in node.children]
        for flags, help_, takes in node.options:
            words = " ".join(f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in flags)
            lines.append(f"{head} {words}{_fish_values(flags, takes=takes)} -d {_single(help_)}")
        lines += [f"{head} -a '(__mlops_names {kind})'" for kind in _kinds(node)]
    return _fill(_FISH, LINES="\n".join(lines), TAKING=_taking(nodes), GROUPS=_groups(nodes))


def _fish_values(flags: tuple[str, ...], *, takes: bool) -> str:
    for flag in flags:
        if flag in VALUES:
            return f" -x -a '{' '.join(VALUES[flag])}'"
        if flag in ("--project", "--context"):
            return f" -x -a '(__mlops_names {flag[2:]})'"
    return " -r -F" if takes else ""


GENERATORS: dict[str, Callable[[list[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _flags(node: Node) -> list[str]:
    return [flag for flags, _, _ in node.options for flag in flags]


def _kinds(node: Node) -> list[str]:
    return list(dict.fromkeys(KINDS[name] for name in node.arguments if name in KINDS))


def _taking(nodes: list[Node]) -> str:
    """Every flag that is followed by a value, whichever command it belongs to."""
    found = {flag for node in nodes for flags, _, takes in node.options if takes for flag in flags}
    free = {flag for node in nodes for flags, _, takes in node.options if not takes for flag in flags}
    return " ".join(sorted(found - free))


def _groups(nodes: list[Node]) -> str:
    return " ".join(node.path[1] for node in nodes if len(node.path) == 2 and node.children)


def _described(items: list[tuple[str, str]]) -> str:
    return " ".join(_single(f"{name.replace(':', chr(92) + ':')}:{help_}") for name, help_ in items)


def _single(text: str) -> str:
    """In single quotes, as all three shells read them (fish reads a backslash before a quote as we write it)."""
    return "'" + text.replace("'", "’").replace("\\", "/") + "'"


def _quote_case(text: str) -> str:
    return f'"{text}"'


def _fill(template: str, **parts: str) -> str:
    for name, value in parts.items():
        template = template.replace(f"%{name}%", value)
    return template.replace("%REFERENCES%", " ".join(REFERENCES)).lstrip("\n")


_BASH = r"""
# bash completion for mlops; generated by `mlops completion bash`
__mlops_names() {
    local file
    if [[ -n $MLOPS_HOME ]]; then file=$MLOPS_HOME/cache/names
    else file=${XDG_CACHE_HOME:-$HOME/.cache}/mlops/names; fi
    [[ $1 == task ]] && printf '%s\n' %REFERENCES%
    [[ -r $file ]] || return
    local kind name
    while IFS=$'\t' read -r kind name; do
        [[ $kind == "$1" ]] && printf '%s\n' "$name"
    done < "$file"
}

__mlops_at() {
    case "$1" in
%CASES%
        *) return 1 ;;
    esac
}

__mlops_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2> /dev/null
}

_mlops() {
    # `@` and `:` belong to our words: take the line apart at blanks, not at bash's word breaks.
    local line=${COMP_LINE:0:COMP_POINT} cur path="" words flags kinds word next
    local -a typed
    read -r -a typed <<< "$line"
    if [[ $line == *[[:space:]] ]]; then cur=""; else cur=${typed[-1]}; unset 'typed[-1]'; fi
    local taking=" %TAKING% " value="" given=0
    __mlops_at ""
    for word in "${typed[@]:1}"; do
        if [[ -n $value ]]; then value=""; continue; fi
        if [[ $word == -* ]]; then [[ $taking == *" $word "* ]] && value=$word; continue; fi
        next="${path:+$path }$word"
        if (( ! given )) && [[ " $words " == *" $word "* ]]; then path=$next; __mlops_at "$path"
        else
            given=1
            # Not a command of ours: a plugin, or a slip; nothing is known of what may follow.
            if [[ -n $words ]]; then return; fi
        fi
        # What follows the command of `run` is that program's own.
        if [[ $path == run && $given == 1 ]]; then __mlops_files; return; fi
    done
    local choices="" strip=""
    case $value in
        -o|--output) choices="%FORMS%" ;;
        --color) choices="auto always never" ;;
        -p|--project) choices=$(__mlops_names project) ;;
        --context) choices=$(__mlops_names context) ;;
        ?*) __mlops_files; return ;;
        *)
            if [[ $cur == -* && $cur != -[0-9]* ]]; then choices=$flags
            else
                choices=$words
                local kind
                for kind in $kinds; do choices+=" $(__mlops_names "$kind")"; done
                if [[ $path == run ]]; then choices+=" $(compgen -c -- "$cur") $(compgen -f -- "$cur")"; fi
            fi ;;
    esac
    # Not `compgen -W`, which would run a `$(...)` in what somebody called an experiment, or a file.
    local choice
    COMPREPLY=()
    while read -r choice; do
        [[ -n $choice && $choice == "$cur"* ]] && COMPREPLY+=("$choice")
    done <<< "${choices// /$'\n'}"
    [[ $path == run ]] && compopt -o filenames 2> /dev/null
    # Bash completes only what stands after its last word break; an `@` it takes for the start of a word.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        strip=${cur%"${cur##*:}"}
        COMPREPLY=( "${COMPREPLY[@]#"$strip"}" )
    fi
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]] && compopt -o nospace
    return 0
}
complete -F _mlops mlops
"""

_ZSH = r"""
#compdef mlops
# zsh completion for mlops; generated by `mlops completion zsh`
__mlops_names() {
  local file kind name
  if [[ -n $MLOPS_HOME ]]; then file=$MLOPS_HOME/cache/names
  else file=${XDG_CACHE_HOME:-$HOME/.cache}/mlops/names; fi
  [[ $1 == task ]] && print -rl -- %REFERENCES%
  [[ -r $file ]] || return
  while IFS=$'\t' read -r kind name; do
    [[ $kind == $1 ]] && print -r -- $name
  done < $file
}

__mlops_at() {
  case $1 in
%CASES%
    *) return 1 ;;
  esac
}

_mlops() {
  local where="" value="" word kind
  local -i given=0 at
  local -a words_ flags kinds taking names
  taking=(%TAKING%)
  __mlops_at ""
  for (( at = 2; at < CURRENT; at++ )); do
    word=${words[at]}
    if [[ -n $value ]]; then value=""; continue; fi
    if [[ $word == -* ]]; then (( ${taking[(Ie)$word]} )) && value=$word; continue; fi
    if (( ! given )) && [[ -n ${(M)words_:#${word}:*} ]]; then
      where="${where:+$where }$word"; __mlops_at $where
    else
      given=1
      # Not a command of ours: a plugin, or a slip; nothing is known of what may follow.
      (( $#words_ )) && return
    fi
    # What follows the command of `run` is that program's own.
    if [[ $where == run && $given == 1 ]]; then _files; return; fi
  done
  case $value in
    -o|--output) compadd -- %FORMS%; return ;;
    --color) compadd -- auto always never; return ;;
    -p|--project) names=(${(f)"$(__mlops_names project)"}); compadd -a names; return ;;
    --context) names=(${(f)"$(__mlops_names context)"}); compadd -a names; return ;;
    ?*) _files; return ;;
  esac
  if [[ $PREFIX == -* && $PREFIX != -[0-9]* ]]; then _describe -o flag flags; return; fi
  (( $#words_ )) && _describe command words_
  for kind in $kinds; do
    names=(${(f)"$(__mlops_names $kind)"}); compadd -a names
  done
  [[ $where == run ]] && { _command_names -e; _files }
  return 0
}

if [[ $funcstack[1] == _mlops ]]; then _mlops "$@"; else compdef _mlops mlops; fi
"""

_FISH = r"""
# fish completion for mlops; generated by `mlops completion fish`
function __mlops_names
    if set -q MLOPS_HOME; and test -n "$MLOPS_HOME"
        set -f file $MLOPS_HOME/cache/names
    else if set -q XDG_CACHE_HOME
        set -f file $XDG_CACHE_HOME/mlops/names
    else
        set -f file ~/.cache/mlops/names
    end
    test $argv[1] = task; and printf '%s\n' %REFERENCES%
    test -r $file; or return
    while read -d \t -l kind name
        test $kind = $argv[1]; and echo $name
    end <$file
end

function __mlops_at
    set -l taking %TAKING%
    set -l groups %GROUPS%
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $taking
            set skip 1
        else if string match -q -- '-*' $word
            continue
        else if test (count $path) = 0
            set path $word
        else if test (count $path) = 1; and contains -- $path[1] $groups
            set -a path $word
        end
    end
    test "$path" = "$argv"
end

%LINES%
"""


def write_all(folder: Path) -> None:
    for shell, name in FILES.items():
        (folder / name).write_text(generate(shell), encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
