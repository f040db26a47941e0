"""Targets that are reached through PgBouncer in session mode."""
from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2

import compare
import programs
from conftest import Database
from doctor import Findings
from pooler import Pooler

Pooled = Callable[..., Pooler]
ROWS = 60000
TARGET = "CREATE TABLE t (id bigint PRIMARY KEY, v text UNIQUE); CREATE TABLE u (a bigint, b text); CREATE INDEX u_a ON u (a)"


def make(path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(f"""
            CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
            INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
                SELECT i, 'v' || i || hex(randomblob(60)) FROM n;
            CREATE TABLE u (a INTEGER, b TEXT); INSERT INTO u SELECT id % 70, 'same' FROM t""")
    return path


def dumped(folder: Path) -> tuple[Path, Path]:
    snapshot = make(folder / "s.db")
    return snapshot, programs.dump(snapshot, folder / "full.valise")


def test_replays_follow_each_other(database: Database, pooled: Pooled, tmp_path: Path) -> None:
    """The pooler keeps the sessions of the replay before; nobody uses them, and they are no reason to refuse."""
    snapshot, full = dumped(tmp_path)
    database.execute(TARGET)
    dsn = pooled("session").dsn(database.name)
    programs.replay(dsn, full, "--dry-run")
    programs.replay(dsn, full, "--jobs=3")
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        db.executescript("UPDATE t SET v = v || '!' WHERE id % 100 = 7; DELETE FROM u WHERE rowid % 500 = 3; INSERT INTO u VALUES (1, NULL)")
    delta = tmp_path / "delta.valise"
    programs.succeed(programs.DUMP, "--base", full, "-o", delta, snapshot)
    programs.replay(dsn, delta)
    assert "nothing to do" in programs.replay(dsn, delta).out
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []


def test_a_killed_replay_goes_on(database: Database, pooled: Pooled, tmp_path: Path) -> None:
    """The pooler ends what the dead client had begun, or hands it back clean: no lock stays with it."""
    snapshot, full = dumped(tmp_path)
    database.execute(TARGET)
    dsn = pooled("session").dsn(database.name)
    killed = 0
    for delay in (0.05, 0.1, 0.2, 0.3):
        process = subprocess.Popen([programs.REPLAY, "--dsn", dsn, "--jobs=2", full], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        _, words = process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), words
    assert killed > 0
    programs.replay(dsn, full)
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []


def test_clients_of_the_pooler_are_seen(database: Database, pooled: Pooled, tmp_path: Path) -> None:
    """An application that is connected through the pooler, busy or idle, is in the way as everywhere."""
    _, full = dumped(tmp_path)
    database.execute(TARGET)
    dsn = pooled("session").dsn(database.name)
    with contextlib.closing(psycopg2.connect(dsn + " application_name=other")) as client, client.cursor() as cursor:
        cursor.execute("SELECT 1")
        client.commit()
        programs.fail(programs.REFUSED, ["another session is connected", "(other of"], programs.REPLAY, "--dsn", dsn, full)


def test_a_pool_that_is_too_small(database: Database, pooled: Pooled, tmp_path: Path) -> None:
    """The replay ends with what to do, and goes on with fewer connections."""
    snapshot, full = dumped(tmp_path)
    database.execute(TARGET)
    dsn = pooled("session", default_pool_size=2, query_wait_timeout=2).dsn(database.name)
    programs.fail(programs.DATABASE, ["pooler", "--jobs"], programs.REPLAY, "--dsn", dsn, "--jobs=4", full)
    programs.replay(dsn, full, "--jobs=1")
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []


def test_the_doctor_by_a_pooler(database: Database, pooled: Pooled) -> None:
    """The sessions that the pooler keeps for its next client are nobody's, so a sequence may be set."""
    database.execute("CREATE TABLE t (id bigserial PRIMARY KEY); INSERT INTO t VALUES (7)")
    dsn = pooled("session").dsn(database.name)
    found = Findings("--dsn", dsn, "--fix", "sequences")
    found.well("sessions")
    found.well("sequences")
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT nextval('t_id_seq')")
        assert cursor.fetchone() == (8,)


def test_the_doctor_refuses_too(database: Database, pooled: Pooled) -> None:
    """What it sets for its session, above all that it only reads, must not stay for the application."""
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
    dsn = pooled("transaction", default_pool_size=4).dsn(database.name)
    for _ in range(3):
        found = Findings("--dsn", dsn)
        found.one("pooler", "error", "pool_mode = session")
        assert [each["name"] for each in found.all] == ["pooler"]
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW default_transaction_read_only")
        assert cursor.fetchone() == ("off",)
        cursor.execute("INSERT INTO t VALUES (1)")
