"""What README.md and docs/ say of the programs is what the programs say of themselves."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import ROOT, program

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/man").glob("*.md"))]
PLACES = {"valise": "tools", "valise-dump": "dump", "valise-replay": "replay"}
ENDS = {"|", "||", "&&", "&", ";", ">", "<", "2>", ">>", "2>&1"}
FOREIGN = {   # options of other programs, in words about them
    "--buildtype", "--create-home", "--database-config", "--locale", "--no-deps", "--run-background-updates", "--template", "--tests", "-L", "-c"}


def described(*command: object) -> dict[str, Any]:
    return json.loads(subprocess.run([str(word) for word in (*command, "--help=json")], capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.fixture(scope="module")
def options() -> dict[str, dict[str, list[str] | None]]:
    """Of each program, and of each command of valise: its options as they are written, and what they may be given, if that is a list."""
    commands = {name: described(program(place, name)) for name, place in PLACES.items()}
    valise = program("tools", "valise")
    commands.update({f"valise {entry['name']}": described(valise, entry["name"]) for entry in commands["valise"]["commands"]})
    found: dict[str, dict[str, list[str] | None]] = {}
    for name, told in commands.items():
        real = [option for option in told["options"] if "heading" not in option]
        found[name] = {f"--{option['name']}": option["choices"] for option in real}
        found[name].update({f"-{option['letter']}": option["choices"] for option in real if option["letter"]})
    return found


def code(page: Path) -> Iterator[str]:
    """Lines of commands: indented, in fences and between backticks; what a backslash continues is one line."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    is_fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:   # output, not a command
        return []


def calls(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every call of a program of ours: its name, and its arguments."""
    for line in code(page):
        found = words(line)
        for at, word in enumerate(found):
            if word not in PLACES or (at > 0 and found[at - 1].startswith("-")):
                continue
            arguments = found[at + 1:]
            ends = [place for place, each in enumerate(arguments) if each in ENDS or each.endswith((":", ";"))]
            yield word, arguments[:ends[0]] if ends else arguments


def test_every_call_is_understood(options: dict[str, dict[str, list[str] | None]]) -> None:
    checked = 0
    for page in PAGES:
        for name, arguments in calls(page):
            if name == "valise" and arguments and f"valise {arguments[0]}" in options:
                name = f"valise {arguments.pop(0)}"
            known = options[name]
            for at, argument in enumerate(arguments):
                if not re.fullmatch(r"--[a-z][a-z-]*(=.*)?|-[a-zA-Z]", argument):
                    continue
                spelled, _, value = argument.partition("=")
                assert spelled in known, f"{page.name}: {name} has no option {argument}"
                choices = known[spelled]
                if choices and (value or at + 1 < len(arguments)):
                    assert (value or arguments[at + 1]) in choices, f"{page.name}: {name} {argument} {arguments[at + 1:at + 2]}"
                checked += 1
    assert checked > 60


def test_every_option_that_is_named_exists(options: dict[str, dict[str, list[str] | None]]) -> None:
    known = {spelled for each in options.values() for spelled in each}
    own = [page for page in PAGES if page.name != "benchmarks.md"]   # that one is about other programs too
    unknown = {(page.name, option) for page in own for span in re.findall(r"`(-[^`]*)`", page.read_text(encoding="utf-8"))
               for option in re.findall(r"^(?:--[a-z][a-z-]*|-[a-zA-Z]\b)", span)
               if option not in known | FOREIGN and not re.match(r"-D", option)}
    assert unknown == set(), "options in words of the documentation that no program has (FOREIGN lists those of others)"


def test_statuses_are_those_of_the_table() -> None:
    """README's table has every kind of error, and no program's help has another status."""
    kinds = re.findall(r"^    ERROR_(\w+) = (\d+),", (ROOT / "base/error.h").read_text(encoding="utf-8"), re.MULTILINE)
    table = [int(number) for number in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)]
    assert table == [0, *(int(number) for _, number in kinds)]
    commands: list[list[object]] = [[program(place, name)] for name, place in PLACES.items()]
    commands += [[program("tools", "valise"), entry["name"]] for entry in described(*commands[0])["commands"]]
    for command in commands:
        told = subprocess.run([*map(str, command), "--help"], capture_output=True, text=True, check=True, timeout=60).stdout.split("Exit status:")[1]
        found = [int(number) for number in re.findall(r"(?:^|[,;.\s])(\d+) [a-z(A-Z]", told)]
        assert found and set(found) <= set(table) and 0 in found and 2 in found, (command, found)


def test_links_lead_somewhere_and_every_page_is_linked() -> None:
    files = [ROOT / "README.md", ROOT / "SPEC.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tests").glob("**/README.md"))]
    reached = set()
    for page in files:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links {target}"
                reached.add((page.parent / target).resolve())
    assert {page for page in files if page.parent.name == "docs"} <= reached, "README.md links every page of docs/"
