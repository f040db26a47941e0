"""The script and the units of docs/archiving.md, as they stand there."""
from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from running import ROOT, Run, program, valise  # noqa: F401

TEXT = (ROOT / "docs/archiving.md").read_text(encoding="utf-8")


class Archive:
    """A folder, a database, and the script that archives one in the other."""

    def __init__(self, folder: Path) -> None:
        self.script, self.folder, self.database = folder / "valise-archive", folder / "archive of a shop", folder / "shop.db"
        script = re.search(r"^```sh\n(#!/bin/bash.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
        assert script
        self.script.write_text(script[1])
        self.script.chmod(0o755)
        (folder / "bin").mkdir()
        for name, place in (("valise", "tools"), ("valise-dump", "dump")):
            (folder / "bin" / name).symlink_to(program(place, name).resolve())
        self.path = f"{folder}/bin:{os.environ['PATH']}"
        self.change("CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT)")

    def change(self, statements: str) -> None:
        database = sqlite3.connect(self.database)
        database.executescript(statements)
        database.close()

    def run(self, *, status: int = 0) -> str:
        before = set(self.dumps())
        done = subprocess.run([self.script, self.folder, self.database], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PATH": self.path})
        assert done.returncode == status, done.stderr
        if status == 0:
            assert done.stdout == "" and done.stderr == ""   # cron would send a mail
            time.sleep(1.05 - time.time() % 1)   # names are seconds
            assert len(set(self.dumps()) - before) == 1
        return done.stderr

    def dumps(self) -> list[Path]:
        return sorted(self.folder.glob("*.valise"))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_nights_make_a_chain_that_can_be_had_back(archive: Archive, valise: Run, tmp_path: Path) -> None:  # noqa: F811
    for night in range(4):
        archive.change(f"INSERT INTO a SELECT value, 'night {night}' FROM (WITH RECURSIVE n(value) AS (SELECT {night * 100} UNION ALL SELECT value + 1 "
                       f"FROM n WHERE value < {night * 100 + 50}) SELECT value FROM n); DELETE FROM a WHERE x % 7 = {night}")
        archive.run()
    kinds = [path.name.split(".")[1] for path in archive.dumps()]
    assert kinds == ["full", "delta", "delta", "delta"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in archive.dumps()) and archive.folder.stat().st_mode & 0o777 == 0o700
    valise("restore", "-o", tmp_path / "again.db", *archive.dumps())
    rows = [sqlite3.connect(path).execute("SELECT * FROM a ORDER BY x").fetchall() for path in (archive.database, tmp_path / "again.db")]
    assert rows[0] == rows[1] and len(rows[0]) > 100


def test_a_long_chain_begins_anew(archive: Archive) -> None:
    archive.script.write_text(archive.script.read_text().replace("chain_length=31", "chain_length=2"))
    for _ in range(5):
        archive.run()
    assert [path.name.split(".")[1] for path in archive.dumps()] == ["full", "delta", "full", "delta", "full"]


def test_failures_are_told(archive: Archive) -> None:
    archive.run()
    archive.run()
    first, second = archive.dumps()
    whole = first.read_bytes()
    first.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert archive.run(status=6) != ""
    first.write_bytes(whole)
    for path in set(archive.dumps()) - {first, second}:
        path.unlink()
    archive.database.rename(archive.database.with_suffix(".gone"))
    assert "shop.db" in archive.run(status=4)
    assert archive.dumps() == [first, second]
    archive.database.with_suffix(".gone").rename(archive.database)
    with (archive.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run" in archive.run(status=1)
    archive.run()


def test_the_script_is_clean(archive: Archive) -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([shellcheck, archive.script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_systemd_understands_the_units(archive: Archive, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze")
    service, timer = re.findall(r"^```ini\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    units = [tmp_path / "valise-archive.service", tmp_path / "valise-archive.timer"]
    units[0].write_text(service.replace("/usr/local/sbin/valise-archive", str(archive.script)))
    units[1].write_text(timer)
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "valise-archive" in line]
    assert not said, done.stderr


def test_what_a_killed_night_left_is_removed(archive: Archive) -> None:
    archive.change("INSERT INTO a VALUES (1, 'x')")
    archive.folder.mkdir()
    left = archive.folder / "2020-01-01T000000Z.full.valise.aB3dEf.partial"
    left.write_bytes(b"cut off")
    archive.run()
    assert not left.exists() and len(archive.dumps()) == 1
