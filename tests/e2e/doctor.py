"""Run valise doctor, and follow what it prints."""
from __future__ import annotations

import contextlib
import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import psycopg2

import programs
from conftest import Database


class Findings:
    """What valise doctor --json found; `status` is its exit status."""

    def __init__(self, *arguments: str | Path, before: tuple[str, ...] = (), **options: Any) -> None:
        done = programs.run(*before, programs.VALISE, "doctor", "--json", *arguments, **options)
        self.done, self.status = done, done.status
        assert done.status in (0, programs.REFUSED), done
        self.report = json.loads(done.out)
        self.all = self.report["findings"]
        assert self.report["format"] == 1
        for severity in ("error", "warning", "notice"):
            assert self.report[severity + "s"] == sum(found["severity"] == severity for found in self.all)
        assert (self.status == programs.REFUSED) == (self.report["errors"] > 0), done

    def of(self, name: str) -> list[dict[str, Any]]:
        return [found for found in self.all if found["name"] == name]

    def one(self, name: str, severity: str, *words: str) -> dict[str, Any]:
        """The one finding of a name, which is that grave and says these words."""
        found = self.of(name)
        assert len(found) == 1, f"expected one {name}, found {[(each['name'], each['severity']) for each in self.all]}\n{self.done}"
        assert found[0]["severity"] == severity, found
        for word in words:
            assert word in found[0]["what"], (word, found)
        return found[0]

    def well(self, name: str) -> None:
        """Looked at, and nothing to say."""
        assert [found["severity"] for found in self.of(name)] == ["ok"], (self.of(name), str(self.done))


def look(database: Database, *options: str) -> Findings:
    database.settle()
    return Findings("--dsn", database.dsn, *options)


def commands(finding: dict[str, Any], kind: str) -> list[str]:
    return [mend["text"] for mend in finding["mend"] if mend["kind"] == kind]


def follow_sql(dsn: str, finding: dict[str, Any]) -> None:
    """Execute the SQL that a finding prints, in its order, each in a transaction of its own."""
    statements = commands(finding, "sql")
    assert statements, finding
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            assert statement.endswith(";")
            cursor.execute(statement.replace("%", "%%"))


def follow_shell(finding: dict[str, Any], folder: Path) -> None:
    """Run the shell commands that a finding prints, in its order."""
    lines = commands(finding, "shell")
    assert lines, finding
    for line in lines:
        done = subprocess.run(["bash", "-c", line], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)


def as_owner() -> dict[str, Any]:
    """Options to run a program as the operating system's user that the throwaway server runs as."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
