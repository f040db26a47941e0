"""Add up the results that meson and pytest left in a folder, name what failed, and close with one line.

    count_tests.py FOLDER STATUS_OF_MESON STATUS_OF_PYTEST

The status is 1 if anything failed, or if a result is missing: a test run that did not happen is no success.
"""
from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

GOOD = {"OK", "EXPECTEDFAIL", "SKIP"}   # meson's words


@dataclass
class Totals:
    """Counts, and the names of what was not run or not passed."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def add_cases(totals: Totals, path: Path, what: str, failed: Sequence[str] = ()) -> None:
    """The test cases of a JUnit file. Those in `failed` did, whatever the file says."""
    try:
        cases = ElementTree.parse(path).getroot().findall(".//testcase")
    except (OSError, ElementTree.ParseError) as error:
        totals.failed.append(f"{what}: no result ({error})")
        return
    if not cases:
        totals.failed.append(f"{what}: no test was run")
    for case in cases:
        name = f"{case.get('classname', '')}: {case.get('name', '')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None or case.get("name") in failed:
            totals.failed.append(name)
        elif skipped is not None:
            totals.skipped.append(f"{name} ({skipped.get('message') or 'no reason given'})")
        else:
            totals.passed += 1


def add_meson(totals: Totals, logs: Path) -> None:
    """Meson's tests. Its JUnit file knows the cases, but not that a program crashed or ran out of time."""
    try:
        programs = [json.loads(line) for line in (logs / "testlog.json").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        totals.failed.append(f"meson: no result ({error})")
        return
    bad = {program["name"].rsplit(" / ", 1)[-1]: program["result"] for program in programs if program["result"] not in GOOD}
    add_cases(totals, logs / "testlog.junit.xml", "meson", list(bad))
    totals.failed += [f"{name}: {result}" for name, result in bad.items() if not any(name in known for known in totals.failed)]


def add_status(totals: Totals, what: str, status: str, known: int = 0) -> None:
    """A run that says that it failed, when no test of it did: it was cut short."""
    if status != "0" and len(totals.failed) == known:
        totals.failed.append(f"{what} ended with status {status}")


def main() -> int:
    logs = Path(sys.argv[1])
    totals = Totals()
    add_meson(totals, logs)
    add_status(totals, "meson", sys.argv[2])
    before = len(totals.failed)
    add_cases(totals, logs / "pytest.xml", "pytest")
    add_status(totals, "pytest", sys.argv[3], before)
    for name in totals.skipped:
        print(f"SKIPPED {name}")
    for name in totals.failed:
        print(f"FAILED {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
