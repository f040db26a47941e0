#!/usr/bin/python3
"""Fails if a finding of valise doctor is not described in docs/doctor.md, or no test makes it.

Findings are the names in doctor/*.c and in the advices of postgres/connection_trouble.c; the tests are tests/e2e/. What
docs/doctor.md describes must exist, and the tests that it names too.
"""

import re
import sys
from pathlib import Path

# Names that are not written where the finding is made.
COMPUTED = {
    "doctor/look_connection.c": [],   # those of the advices
    "doctor/look_application.c": ["background-updates", "port-db-leftover", "requirement"],
    "doctor/look_locale.c": ["collation", "ctype"],
    "doctor/look_server.c": [f"setting-{name}" for name in (
        "fsync", "full_page_writes", "zero_damaged_pages", "ignore_checksum_failure", "autovacuum", "track_counts",
        "synchronous_commit", "data_checksums")],
    "doctor/look_tuning.c": ["tuning", "tuning-load"],
}
ADVICE = re.compile(r'^\s+\{(?:NULL|"\w{5}"), (?:NULL|"[^"]*"|no_line),\s+"([a-z-]+)",|\{"28000", no_line, "([a-z-]+)",', re.MULTILINE)


def third_argument(text):
    """Of a call, whose text begins behind its bracket."""
    depth, start, number = 0, 0, 1
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            if number == 3:
                return text[start:position].strip()
            start, number = position + 1, number + 1
    raise AssertionError("a call of finding_add() that this check does not understand")


def literals(path, text):
    """The names that a file gives its findings."""
    calls = [third_argument(rest) for rest in text.split("finding_add(")[1:]]
    names = [call.strip('"') for call in calls if call.startswith('"')]
    if len(names) < len(calls):
        assert path in COMPUTED, f"{path}: a finding's name is computed; list the names in COMPUTED"
        names += COMPUTED[path]
    return names


def main(root):
    names = set()
    for file in sorted((root / "doctor").glob("*.c")):
        if file.name not in ("finding.c", "patient.c"):   # where findings are kept
            names.update(literals(f"doctor/{file.name}", file.read_text()))
    advices = {first or second for first, second in ADVICE.findall((root / "postgres/connection_trouble.c").read_text())}
    assert len(advices) > 25, "the advices are not found"
    names |= advices

    page = (root / "docs/doctor.md").read_text()
    rows = [line.split("|") for line in page.split("## Findings")[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`([\w-]+)`", row[1])}
    tests = "".join(file.read_text() for file in sorted((root / "tests/e2e").glob("*.py")))
    problems = [f"docs/doctor.md does not describe the finding {name}" for name in sorted(names - described)]
    problems += [f"docs/doctor.md describes {name}, which there is not" for name in sorted(described - names)]
    for name in sorted(names):
        setting = name.removeprefix("setting-")
        if f'"{name}"' not in tests and (setting == name or f'"{setting}"' not in tests):
            problems.append(f"no test makes the finding {name}")
    for name in sorted({name for row in rows for name in re.findall(r"`(test_\w+)`", row[-2])}):
        if f"def {name}(" not in tests:
            problems.append(f"docs/doctor.md names {name}, which there is not")
    problems += [f"docs/doctor.md names no test for{row[1]}" for row in rows if "`test_" not in row[-2]]
    print("\n".join(problems) or f"{len(names)} findings")
    return len(problems) > 0


sys.exit(main(Path(sys.argv[1])))
