#!/usr/bin/env python3
"""Makes a manual page: from what a program says of itself (--help=json), and from Markdown.

    make_page.py [--program COMMAND...] [--text FILE] --date DATE --version VERSION --root FOLDER OUTPUT

NAME, SYNOPSIS, OPTIONS and EXIT STATUS are the program's own words. The Markdown, made into roff by lowdown, follows
them; a line <!-- include FILE [HEADING] --> in it stands for a file, or a section of one, below the root.
"""
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any


# --- roff ----------------------------------------------------------------------------


def escape(text: str) -> str:
    """A line of roff that shows this text."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def lines_of(text: str) -> list[str]:
    """Prose, a sentence's part a line: roff fills them."""
    return [escape(line.strip()) for line in text.splitlines() if line.strip()]


def literal(text: str) -> list[str]:
    return ["", ".EX", *(escape(line) if line else "\\&" for line in text.rstrip().splitlines()), ".EE"]


# --- what a program says of itself ------------------------------------------------------


def synopsis(program: str, usages: list[str]) -> list[str]:
    lines: list[str] = []
    for number, usage in enumerate(usages):
        marked = re.sub(r"(?<![\w-])(--?[a-z][a-z-]*)", lambda match: f"\\fB{escape(match[1])}\\fR", usage.replace("\\", "\\(rs"))
        marked = re.sub(r"\b([A-Z]{2,}[A-Z.=]*)\b", r"\\fI\1\\fR", marked)
        lines += [".br"] * (number > 0) + [f"\\fB{escape(program)}\\fR {marked}".rstrip()]
    return lines


def option_tag(option: dict[str, Any]) -> str:
    value = option["value"] or "|".join(option["choices"] or [])
    spelled = [f"\\fB\\-{option['letter']}\\fR"] if option["letter"] else []
    spelled += [f"\\fB\\-\\-{escape(option['name'])}\\fR"] if option["name"] else []
    shown = f"\\fI{escape(value)}\\fR" if option["value"] else escape(value)
    return ", ".join(spelled) + (("=" if option["name"] else " ") + shown if value else "")


def options(described: dict[str, Any]) -> list[str]:
    lines = [".SH OPTIONS"]
    for option in described["options"]:
        if "heading" in option:
            lines.append(f".SS {escape(option['heading'])}")
        else:
            lines += [".TP", option_tag(option), *(lines_of(option["help"] or "") or ["\\&"])]
    return lines


def commands(described: dict[str, Any]) -> list[str]:
    if not described["commands"]:
        return []
    lines = [".SH COMMANDS"]
    for command in described["commands"]:
        lines += [".TP", f"\\fB{command['name']}\\fR", *lines_of(command["summary"]),
                  f"(\\fB{escape(described['program'])}\\-{command['name']}\\fR(1))"]
    return lines


def epilogue(described: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Notes, and the section about the exit status."""
    notes: list[str] = []
    status: list[str] = []
    for paragraph in re.split(r"\n\s*\n", (described["epilogue"] or "").strip("\n")):
        if paragraph.startswith("Exit status: "):
            rest = paragraph.removeprefix("Exit status: ")
            status = [".SH EXIT STATUS", *lines_of(rest[:1].upper() + rest[1:])]
        elif re.search(r"^ ", paragraph, re.MULTILINE):
            notes += literal(paragraph)
        elif paragraph:
            notes += [".PP", *lines_of(paragraph)]
    return notes, status


def from_program(described: dict[str, Any], name: str, summary: str) -> tuple[list[str], list[str]]:
    """What stands before the Markdown, and what after it."""
    notes, status = epilogue(described)
    before = [".SH NAME", f"{escape(name)} \\- {escape(summary)}", ".SH SYNOPSIS", *synopsis(described["program"], described["synopsis"]),
              ".SH DESCRIPTION", *lines_of(described["summary"] or ""), *notes, *commands(described), *options(described)]
    return [line for number, line in enumerate(before) if line or number], status


# --- Markdown -------------------------------------------------------------------------------


def section_of(text: str, heading: str) -> str:
    """What stands below a heading, without it, to the next one of its level."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise SystemExit(f"there is no heading {heading!r}")
    return match[2]


def include(match: re.Match[str], root: Path) -> str:
    text = (root / match[1]).read_text(encoding="utf-8")
    if match[2]:
        return section_of(text, match[2])
    return re.sub(r"^#(#?) ?(.*)$", lambda found: "# " + (found[2].upper() if found[1] else "DESCRIPTION"), text, flags=re.MULTILINE)


def table_as_list(match: re.Match[str]) -> str:
    """A manual page is narrow: the first column becomes a term, the others what it means."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in match[0].strip().splitlines()[2:]]
    return "\n" + "".join(f"{first}\n\n: {'; '.join(cell for cell in rest if cell)}\n\n" for first, *rest in rows)


def plain_markdown(text: str) -> str:
    """Without what a manual page cannot show."""
    code: list[str] = []

    def keep(match: re.Match[str]) -> str:
        code.append(match[0])
        return f"\0{len(code) - 1}\0"

    text = re.sub(r"^(?: {4}.*\n|\n(?= {4}))+", keep, text, flags=re.MULTILINE)
    text = re.sub(r"(^\|.*\n)+", table_as_list, text, flags=re.MULTILINE)
    text = re.sub(r"(?<!!)\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return re.sub(r"\0(\d+)\0", lambda match: "\n" + code[int(match[1])], text)


def from_markdown(text: str) -> list[str]:
    done = subprocess.run(["lowdown", "-Tman", "--parse-no-metadata", "--out-no-smarty"], input=text, capture_output=True, text=True,
                          check=True)
    roff = done.stdout
    roff = re.sub(r"\\fC", r"\\fB", roff)
    roff = re.sub(r"^(\.S[HS])\n(.*)$", r"\1 \2", roff, flags=re.MULTILINE)
    roff = re.sub(r"\.[LP]P\n((?:[^.\n].*\n)+?)\.if n \\\n\.sp -1v\n\.if t \\\n\.sp -0\.25v\n\.IP \"\" 5n\n",
                  lambda match: ".TP\n" + match[1].replace("\n", " ").strip() + "\n", roff)
    roff = re.sub(r"^\.if [nt] \\\n\.sp .*\n", "", roff, flags=re.MULTILINE)
    roff = re.sub(r"^(\.S[HS] .*)\n\.[LP]P\n", r"\1\n", roff, flags=re.MULTILINE)
    return [re.sub(r"(?<![\\(])-(?=-)", r"\\-", line) if not line.startswith(".") else line for line in roff.splitlines()
            if not line.startswith(".\\\"")]


# --- the page --------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", nargs="+", default=[])
    parser.add_argument("--text", type=Path)
    parser.add_argument("--date", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()

    name, section = given.output.stem, given.output.suffix[1:]
    text = given.text.read_text(encoding="utf-8") if given.text else ""
    before: list[str] = []
    status: list[str] = []
    if given.program:
        described = json.loads(subprocess.run([*given.program, "--help=json"], capture_output=True, text=True, check=True).stdout)
        summary = re.match(r"<!-- summary: (.*) -->\n", text)
        if summary:
            text = text[summary.end():]
        else:
            known = json.loads(subprocess.run([given.program[0], "--help=json"], capture_output=True, text=True, check=True).stdout)
        before, status = from_program(described, name, summary[1] if summary else next(
            command["summary"] for command in known["commands"] if command["name"] == given.program[-1]))
    text = re.sub(r"^<!-- include (\S+)(?: (.*?))? -->$", lambda match: include(match, given.root), text, flags=re.MULTILINE)
    body = from_markdown(plain_markdown(text)) if text.strip() else []
    see = ["valise(1)", "valise-dump(1)", "valise-replay(1)", "valise-profile(5)", "valise-homeserver(5)"]
    also = ", ".join("\\fB{}\\fR({})".format(escape(page[:-3]), page[-2]) for page in see if page != f"{name}({section})")
    page = [f'.TH "{name.upper()}" "{section}" "{given.date}" "Valise {given.version}" "Valise"', *before, *body]
    page += [] if any(line == ".SH EXIT STATUS" for line in body) else status
    given.output.write_text("\n".join([*page, ".SH SEE ALSO", also]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
