#!/usr/bin/python3
"""Fails if a C file has more than 500 lines, or a function more than 60 lines or 5 parameters (STYLE 2, 7).

The last parameter `struct error *err` is not counted: every function that can fail has it.
"""

import os
import re
import sys

FILE_LINES, FUNCTION_LINES, PARAMETERS = 500, 60, 5
# Too long or too wide, and why that is so.
EXCUSED = {
    "dump/main.c": {"parse": "a table of options"},
    "replay/options.c": {"options_read": "a table of options"},
    "tools/restore_feed.c": {"on_connect": "SQLite calls it"},
}
HEAD = re.compile(r"^(?!(?:static )?(?:const )?(?:struct|enum|union)[\s\w]*\{)[a-z][^;={}#]*?(\w+)\((.*)\)\s*$", re.DOTALL)


def count_parameters(text):
    depth, count = 0, 0 if text.endswith("struct error *err") else 1
    for char in text:
        depth += (char == "(") - (char == ")")
        count += char == "," and depth == 0
    return count


def functions(lines):
    """(name, parameters, first line, number of lines) of every function: its body's braces stand in the first column."""
    for number, line in enumerate(lines):
        if line != "{":
            continue
        start = number
        while start > 0 and lines[start - 1] and not lines[start - 1].startswith(("}", "#", " */", "/*", "//")):
            start -= 1
        match = HEAD.match("\n".join(lines[start:number]))
        if match:
            end = lines.index("}", number)
            yield match[1], count_parameters(match[2]), start + 1, end - start + 1


def check(root, path):
    excused = EXCUSED.get(path, {})
    with open(os.path.join(root, path), encoding="utf-8") as file:
        lines = file.read().split("\n")
    wrong = []
    if len(lines) - 1 > FILE_LINES:
        wrong.append(f"{path}: {len(lines) - 1} lines, at most {FILE_LINES}: these are two modules")
    for name, parameters, line, count in functions(lines):
        if count > FUNCTION_LINES and name not in excused:
            wrong.append(f"{path}:{line}: {name}() has {count} lines, at most {FUNCTION_LINES}")
        if parameters > PARAMETERS and name not in excused:
            wrong.append(f"{path}:{line}: {name}() has {parameters} parameters, at most {PARAMETERS}")
    return wrong


def main():
    root, wrong, file_count = sys.argv[1], [], 0
    for folder in ("base", "watch", "format", "postgres", "profile", "dump", "replay", "doctor", "tools", "tests"):
        for where, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    wrong += check(root, os.path.relpath(os.path.join(where, name), root))
                    file_count += 1
    print("\n".join(wrong) or f"{file_count} files, none too long")
    return 1 if wrong or file_count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
