"""Add up the results that meson and pytest left in a folder, name what failed, and close with one line.

The status is 1 if anything failed, or if a result is missing: a test run that did not happen is no success.
"""
from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

GOOD = {"OK", "EXPECTEDFAIL", "SKIP"}   # meson's words


@dataclass
class Totals:
    """Counts, and the names of what was not run or not passed."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def add_cases(totals: Totals, path: Path, what: str) -> None:
    """The test cases of a JUnit file."""
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
        if case.find("failure") is not None or case.find("error") is not None:
            totals.failed.append(name)
        elif skipped is not None:
            totals.skipped.append(f"{name} ({skipped.get('message') or 'no reason given'})")
        else:
            totals.passed += 1


def add_meson_programs(totals: Totals, path: Path) -> None:
    """Programs that failed without a failed case: they crashed, ran out of time, or left a plan unfulfilled."""
    try:
        programs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        totals.failed.append(f"meson: no result ({error})")
        return
    for program in programs:
        name = program["name"].rsplit(" / ", 1)[-1]   # without the project and the suite
        if program["result"] not in GOOD and not any(name in failed for failed in totals.failed):
            totals.failed.append(f"{program['name']}: {program['result']}")


def main() -> int:
    logs = Path(sys.argv[1])
    totals = Totals()
    add_cases(totals, logs / "testlog.junit.xml", "meson")
    add_meson_programs(totals, logs / "testlog.json")
    add_cases(totals, logs / "pytest.xml", "pytest")
    for name in totals.skipped:
        print(f"SKIPPED {name}")
    for name in totals.failed:
        print(f"FAILED {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
