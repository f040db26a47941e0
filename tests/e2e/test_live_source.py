"""A dump of a database that another program writes all the time holds one of its states, in every mode of SQLite's."""
from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import programs

ROWS, FIRST, ROUNDS = 20_000, 1000, 8
# Moves amounts from row to row: every transaction leaves their sum. Rows grow and shrink, so pages are split and freed.
WRITER = """
import random, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.05)
print("ready", flush=True)
number = 0
while True:
    try:
        db.execute("BEGIN IMMEDIATE")
        for _ in range(random.randrange(1, 300)):
            amount, giver, taker = (random.randrange(100), *random.sample(range(1, int(sys.argv[2]) + 1), 2))
            db.execute("UPDATE account SET amount = amount - ?, note = ? WHERE id = ?", (amount, "x" * random.randrange(400), giver))
            db.execute("UPDATE account SET amount = amount + ? WHERE id = ?", (amount, taker))
        db.execute("UPDATE counter SET n = n + 1")
        db.execute("COMMIT")
        number += 1
        if number % 7 == 0:
            db.execute("PRAGMA wal_checkpoint(%s)" % random.choice(["PASSIVE", "RESTART", "TRUNCATE"]))
    except sqlite3.OperationalError as error:   # the dump has a lock
        if db.in_transaction:
            db.execute("ROLLBACK")
"""


@contextlib.contextmanager
def writing(database: Path) -> Iterator[None]:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(database), str(ROWS)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        yield
        assert writer.poll() is None, "the writer ended by itself"
    finally:
        writer.kill()
        writer.wait()


def count(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as db:
        return int(db.execute("SELECT n FROM counter").fetchone()[0])


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize("page_size", [512, 4096])
def test_one_state_each(mode: str, page_size: int, tmp_path: Path) -> None:
    database = tmp_path / "live.db"
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.executescript(f"""PRAGMA page_size = {page_size}; PRAGMA journal_mode = {mode};
            CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT); CREATE TABLE counter (n INTEGER);
            INSERT INTO counter VALUES (0); WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            INSERT INTO account SELECT i, {FIRST}, 'x' FROM n""")
    counts = []
    with writing(database):
        for number in range(ROUNDS):
            dump, restored = tmp_path / f"{number}.valise", tmp_path / f"{number}.db"
            programs.succeed(programs.DUMP, "--threads=3", "-o", dump, database)
            programs.succeed(programs.VALISE, "restore", "-o", restored, dump)
            with contextlib.closing(sqlite3.connect(restored)) as db:
                assert db.execute("SELECT count(*), sum(amount) FROM account").fetchone() == (ROWS, ROWS * FIRST)
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            counts.append(count(restored))
            before = time.monotonic()
            while count(database) == counts[-1]:      # the writer has had its turn
                assert time.monotonic() < before + 60 * programs.PATIENCE
                time.sleep(0.01)
    assert counts == sorted(counts) and len(set(counts)) == ROUNDS, "dumps of other states, one after the other"


@pytest.mark.parametrize("threads", [1, 3])
def test_changed_behind_the_dump(threads: int, tmp_path: Path) -> None:
    """No program had the database open, so no lock keeps one from shortening it: that is told, not what SQLite makes of it."""
    database = tmp_path / "alone.db"
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.executescript("""PRAGMA journal_mode = wal; CREATE TABLE t (a);
            WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t SELECT randomblob(1000000) FROM n""")
    assert not database.with_name("alone.db-shm").exists()
    command = [str(programs.DUMP), f"--threads={threads}", "-o", "-", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump:
        assert dump.stdout is not None and dump.stderr is not None
        dump.stdout.read(1)                           # it reads on when there is room in the pipe
        os.truncate(database, database.stat().st_size - 2_000_000)
        dump.stdout.read()
        error = dump.stderr.read().decode()
    assert dump.returncode == programs.DATABASE, error
    assert "was changed by a program that started while it was read; run valise-dump again" in error
