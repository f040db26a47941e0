"""Dumps that come and go through pipes: each use works, or says why it cannot."""
from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

PATH = ":".join(str(program.parent.resolve()) for program in (programs.DUMP, programs.REPLAY, programs.VALISE))


class Shell:
    """A bash in a folder with a snapshot of now (new.db), one of before (old.db), and full.v and delta.v of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with contextlib.closing(sqlite3.connect(folder / "old.db")) as db, db:
            db.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE k (v TEXT);"
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                             " INSERT INTO t SELECT i, 'text ' || i * 7919 FROM n; INSERT INTO k VALUES ('x'), ('x')")
        (folder / "new.db").write_bytes((folder / "old.db").read_bytes())
        with contextlib.closing(sqlite3.connect(folder / "new.db")) as db, db:
            db.executescript("UPDATE t SET a = 'new' WHERE id % 50 = 0; DELETE FROM t WHERE id % 70 = 0; DELETE FROM k WHERE rowid = 1")
        self.run("valise-dump -o full.v old.db && valise-dump --base full.v -o delta.v new.db && valise-dump -o direct.v new.db")
        self.state = self.run("valise info direct.v | grep ^state").split()[1]

    def run(self, line: str, status: int = 0) -> str:
        """Standard output and error of a pipeline of which every part must have succeeded, or one ended with this status."""
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env={**os.environ, "PATH": f"{PATH}:{os.environ['PATH']}"})
        assert done.returncode == status, f"{line}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize("line", [
    "valise-dump --base <(cat full.v) -o - new.db | valise info -",
    "cat full.v | valise-dump --base - -o - new.db | valise info -",
    "cat delta.v | valise info full.v -",
    "cat full.v | valise info - delta.v",
    "cat direct.v | valise verify -",
    "valise verify full.v delta.v",
    "cat full.v | valise squash -o - - delta.v | valise verify -",
    "cat delta.v | valise squash -o - full.v - | valise info -",
    "cat delta.v | valise squash -o - - | valise info -",
    "valise squash -o - <(cat full.v) <(cat delta.v) | valise info -",
    "cat delta.v | valise restore -o restored.db full.v - && valise-dump -o - restored.db | valise info -",
    "valise restore -o restored.db <(cat full.v) <(cat delta.v) && valise-dump -o - restored.db | valise info -",
])
def test_the_state_comes_through(shell: Shell, line: str) -> None:
    assert shell.state[:16] in shell.run(line)


def test_rows_and_differences(shell: Shell) -> None:
    rows = shell.run("valise cat direct.v | sort")
    assert rows.count("\n") > 19_000
    for line in ("cat delta.v | valise cat full.v -", "cat full.v | valise cat - delta.v", "valise cat <(cat full.v) <(cat delta.v)"):
        assert shell.run(f"{line} | sort") == rows
    seen = shell.run("valise diff full.v direct.v")
    assert seen == shell.run("cat full.v | valise diff - direct.v") == shell.run("cat direct.v | valise diff full.v -") \
        == shell.run("cat full.v | valise diff - new.db") == shell.run("valise diff full.v <(cat direct.v)")
    assert "no difference" in shell.run("cat direct.v | valise diff - new.db")
    assert "CREATE TABLE" in shell.run("valise-dump -o - new.db | valise schema -")


@pytest.mark.parametrize("line, status, words", [
    ("cat new.db | valise-dump -o full2.v -", programs.USAGE, "SQLite needs its file"),
    ("valise-dump -o full2.v <(cat new.db)", programs.IO, "only be read from one"),
    ("valise restore -o - full.v", programs.USAGE, "cannot be written to standard output"),
    ("cat delta.v | valise verify full.v -", programs.USAGE, "read twice"),
    ("valise verify <(cat full.v) delta.v", programs.USAGE, "read twice"),
    ("cat full.v | valise diff - -", programs.USAGE, "cannot be both sides"),
    ("cat delta.v | valise cat -", programs.REFUSED, "full dump"),
    ("cat delta.v | valise restore -o no.db -", programs.REFUSED, "full dump"),
    ("head -c 500 full.v | valise info -", programs.CORRUPT, "standard input"),
    ("true | valise info -", programs.NOT_DUMP, "standard input"),
    ("head -c 500 full.v | valise squash -o no.v -", programs.CORRUPT, "standard input"),
])
def test_what_cannot_be_is_said(shell: Shell, line: str, status: int, words: str) -> None:
    assert words in shell.run(line, status)
    assert not {"full2.v", "no.v", "no.db"} & set(os.listdir(shell.folder))


@pytest.mark.parametrize("line", ["valise verify -", "valise info -", "valise cat -", "valise restore -o x.db -", "valise squash -o x.v -",
                                  "valise diff full.v -", "valise schema -", "valise-dump --base - -o x.v new.db", "valise-replay -"])
def test_a_stream_that_is_no_dump_is_not_copied_to_its_end(shell: Shell, line: str) -> None:
    assert "not a Valise dump" in shell.run(f"{line} < /dev/zero", programs.NOT_DUMP)
    assert sorted(path.name for path in shell.folder.iterdir()) == ["delta.v", "direct.v", "full.v", "new.db", "old.db"]


def test_a_replay_from_a_pipe(shell: Shell, database: Database) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, a text); CREATE TABLE k (v text)")
    replay = f"valise-replay --dsn '{database.dsn}'"

    def is_now(name: str) -> bool:
        database.settle()
        return compare.differences(compare.compare(shell.folder / name, database.dsn)) == []

    assert "starts from state" in shell.run(f"cat delta.v | {replay} -", programs.REFUSED)
    shell.run(f"valise-dump -o - old.db | {replay} -")
    assert is_now("old.db")
    assert "nothing to do" in shell.run(f"cat full.v | {replay} -")
    shell.run(f"valise-dump --base full.v -o - new.db | {replay} -")
    assert is_now("new.db")
    shell.run(f"cat delta.v | {replay} --undo -")
    assert is_now("old.db")
    shell.run(f"cat delta.v | {replay} full.v -")
    assert is_now("new.db")
    assert "nothing to do" in shell.run(f"{replay} <(cat full.v) <(cat delta.v)")
    shell.run(f"{replay} --undo <(cat delta.v)")
    assert "standard input" in shell.run(f"head -c 500 delta.v | {replay} -", programs.CORRUPT)
    assert is_now("old.db")
    assert "touch" in shell.run(f"valise-dump --base full.v -o - new.db | {replay} --dry-run -").lower()
    assert is_now("old.db")
