#!/usr/bin/env python3
"""Makes the completion of a program for bash, zsh or fish from what the program says of itself (--help=json).

    make_completion.py SHELL PROGRAM OUTPUT
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

Described = dict[str, Any]
FILES = {"FILE", "DUMP", "SNAPSHOT", "CONFIG", "FULL", "DELTA", "OLD", "NEW", "DATABASE"}


def describe(*command: str) -> Described:
    return json.loads(subprocess.run([*command, "--help=json"], capture_output=True, text=True, check=True).stdout)


def options_of(described: Described) -> list[Described]:
    return [option for option in described["options"] if "heading" not in option]


def spellings(option: Described) -> list[str]:
    return [f"-{option['letter']}"] * bool(option["letter"]) + [f"--{option['name']}"] * bool(option["name"])


def takes_value(option: Described) -> bool:
    return bool(option["value"] or option["choices"])


def first_words(option: Described) -> str:
    """The help in one line that is not too long for a list."""
    text = " ".join((option["help"] or "").split())
    return text if len(text) <= 72 else text[:72].rsplit(" ", 1)[0].rstrip(",;:(.") + " ..."


# --- bash ------------------------------------------------------------------------------

BASH_TABLES = r"""
# The tables of the dump on the command line, else of the dumps in this folder.
_valise_tables() {
    local word files=() names=()
    for word in "${COMP_WORDS[@]:2}"; do
        word=${word/#\~\//$HOME/}
        [[ -f $word ]] && files+=("$word")
    done
    if [[ ${#files[@]} -eq 0 ]]; then
        for word in ./*.valise; do
            [[ -f $word && ${#files[@]} -lt 8 ]] && files+=("$word")
        done
    fi
    for word in "${files[@]}"; do
        mapfile -t -O "${#names[@]}" names < <("${COMP_WORDS[0]}" info --tables "$word" 2> /dev/null)
    done
    for word in "${names[@]}"; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done
}
"""

BASH_HEAD = r"""    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    # bash takes "--table=x" for three words.
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" && $COMP_CWORD -ge 2 ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
"""

BASH_FILES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'


def bash_value(option: Described) -> str:
    if option["choices"]:
        return f"mapfile -t COMPREPLY < <(compgen -W \"{' '.join(option['choices'])}\" -- \"$cur\")"
    if option["value"] in FILES:
        return BASH_FILES
    return "_valise_tables" if option["value"] == "TABLE" else ":"


def bash_options(described: Described, indent: str) -> list[str]:
    every = options_of(described)
    lines = [f"{indent}case $prev in"]
    for option in filter(takes_value, every):
        lines.append(f"{indent}{' | '.join(spellings(option))}) {bash_value(option)}; return ;;")
    names = " ".join(spelling + ("=" if takes_value(option) and spelling.startswith("--") else "")
                     for option in every for spelling in spellings(option))
    return [*lines, f"{indent}esac",
            f"{indent}if [[ $cur == -* ]]; then",
            f"{indent}    mapfile -t COMPREPLY < <(compgen -W \"{names}\" -- \"$cur\")",
            f"{indent}    [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace",
            f"{indent}    return 0",
            f"{indent}fi",
            f"{indent}{BASH_FILES}"]


def bash(program: Described, commands: dict[str, Described]) -> list[str]:
    name = program["program"]
    function = "_" + name.replace("-", "_")
    lines = [f"# bash completion for {name}", *(BASH_TABLES.splitlines() if commands else []), "", f"{function}() {{", *BASH_HEAD.splitlines()]
    if commands:
        names = " ".join([*commands, *(spelling for option in options_of(program) for spelling in spellings(option))])
        lines += ["    if [[ $COMP_CWORD -eq 1 ]]; then", f"        mapfile -t COMPREPLY < <(compgen -W \"{names}\" -- \"$cur\")", "        return", "    fi",
                  "    case ${COMP_WORDS[1]} in"]
        for command, described in commands.items():
            lines += [f"    {command})", *bash_options(described, "        "), "        ;;"]
        lines.append("    esac")
    else:
        lines += bash_options(program, "    ")
    return [*lines, "}", "", f"complete -F {function} {name}"]


# --- zsh -------------------------------------------------------------------------------

ZSH_TABLES = r"""
# The tables of the dump on the command line, else of the dumps in this folder.
_valise_tables() {
    local word
    local -a files names
    for word in ${words[2,-1]}; do
        word=${(Q)word/#\~\//$HOME/}
        [[ -f $word ]] && files+=($word)
    done
    (( $#files )) || files=(./*.valise(N[1,8]))
    for word in $files; do
        names+=(${(f)"$(command valise info --tables $word 2> /dev/null)"})
    done
    compadd -a names
}
"""


def zsh_quote(text: str) -> str:
    """A part of a specification of _arguments, between single quotes."""
    for special in "\\[]:":
        text = text.replace(special, "\\" + special)
    return text.replace("'", "'\\''")


def zsh_value(option: Described) -> str:
    if option["choices"]:
        return f":{option['name'] or option['letter']}:({' '.join(option['choices'])})"
    action = "_files" if option["value"] in FILES else "_valise_tables" if option["value"] == "TABLE" else " "
    return f":{zsh_quote(option['value'])}:{action}"


def zsh_options(described: Described, indent: str) -> list[str]:
    specs = []
    for option in options_of(described):
        words = spellings(option)
        value = zsh_value(option) if takes_value(option) else ""
        prefix = "*" if option["repeats"] else f"({' '.join(words)})" if len(words) > 1 else ""
        for word in words:
            sign = "" if not value else "=" if word.startswith("--") else "+"
            specs.append(f"'{prefix}{word}{sign}[{zsh_quote(first_words(option))}]{value}'")
    specs.append("'*:file:_files'")
    return [f"{indent}_arguments -s -S \\", *(f"{indent}    {spec} \\" for spec in specs[:-1]), f"{indent}    {specs[-1]}"]


def zsh(program: Described, commands: dict[str, Described]) -> list[str]:
    name = program["program"]
    function = "_" + name.replace("-", "_")
    lines = [f"#compdef {name}", *(ZSH_TABLES.splitlines() if commands else []), "", f"{function}() {{"]
    if commands:
        lines += ["    if (( CURRENT == 2 )); then", "        local -a commands", "        commands=("]
        lines += [f"            '{command}:{zsh_quote(entry['summary'])}'" for entry in program["commands"] for command in [entry["name"]]]
        lines += ["        )", "        _describe command commands",
                  f"        compadd -- {' '.join(spelling for option in options_of(program) for spelling in spellings(option))}", "        return", "    fi",
                  "    local command=$words[2]", "    shift words", "    (( CURRENT-- ))", "    case $command in"]
        for command, described in commands.items():
            lines += [f"    {command})", *zsh_options(described, "        "), "        ;;"]
        lines.append("    esac")
    else:
        lines += zsh_options(program, "    ")
    return [*lines, "}", "", f"{function} \"$@\""]


# --- fish ------------------------------------------------------------------------------

FISH_TABLES = r"""
# The tables of the dump on the command line, else of the dumps in this folder.
function __valise_tables
    set -l found
    for word in (commandline -opc)[3..]
        test -f $word; and set -a found $word
    end
    if test (count $found) -eq 0
        set found ./*.valise
    end
    for word in $found
        command valise info --tables $word 2>/dev/null
    end
end
"""


def fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_options(described: Described, program: str, condition: str) -> list[str]:
    lines = []
    for option in options_of(described):
        line = f"complete -c {program}{condition}"
        line += f" -s {option['letter']}" if option["letter"] else ""
        line += f" -l {option['name']}" if option["name"] else ""
        if option["choices"]:
            line += f" -x -a {fish_quote(' '.join(option['choices']))}"
        elif option["value"] in FILES:
            line += " -r -F"
        elif option["value"] == "TABLE":
            line += " -x -a '(__valise_tables)'"
        elif option["value"]:
            line += " -x"
        lines.append(f"{line} -d {fish_quote(first_words(option))}")
    return lines


def fish(program: Described, commands: dict[str, Described]) -> list[str]:
    name = program["program"]
    lines = [f"# fish completion for {name}"]
    if not commands:
        return lines + fish_options(program, name, "")
    lines += FISH_TABLES.splitlines()
    for entry in program["commands"]:
        lines.append(f"complete -c {name} -n __fish_use_subcommand -f -a {entry['name']} -d {fish_quote(entry['summary'])}")
    lines += fish_options(program, name, " -n __fish_use_subcommand")
    for command, described in commands.items():
        lines += fish_options(described, name, f" -n '__fish_seen_subcommand_from {command}'")
    return lines


def main() -> None:
    shell, path, output = sys.argv[1:]
    program = describe(path)
    commands = {entry["name"]: describe(path, entry["name"]) for entry in program["commands"]}
    made = {"bash": bash, "zsh": zsh, "fish": fish}[shell](program, commands)
    Path(output).write_text("\n".join(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
