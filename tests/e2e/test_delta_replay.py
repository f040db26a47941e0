"""Deltas replayed into PostgreSQL: afterwards it is what a fresh full replay of the newer snapshot makes it.

Each test makes a SQLite database, the same schema in PostgreSQL, dumps and edits, and compares value by value.
"""
from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import compare
from conftest import Database
from delta_pair import KEYED, Pair, follow
from programs import DUMP, REFUSED, REPLAY, succeed


def test_insert_update_delete(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED)
    pair.edit("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
              " INSERT INTO t SELECT i, 'text ' || i, i * 7 FROM n")
    follow(pair, "DELETE FROM t WHERE id % 10 = 0; UPDATE t SET a = NULL, b = -b WHERE id % 7 = 0;"
                 "INSERT INTO t SELECT id + 5000, a, b FROM t WHERE id % 3 = 0")


def test_equal_rows_are_counted(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (a TEXT, b BIGINT, c DOUBLE PRECISION);")
    pair.edit("INSERT INTO t VALUES ('x', 1, 0.0), ('x', 1, 0.0), ('x', 1, 0.0), ('x', NULL, -0.0), ('x', NULL, 0.0),"
              "(NULL, NULL, NULL), (NULL, NULL, NULL), ('', NULL, 1.5)")
    follow(pair, "DELETE FROM t WHERE rowid IN (1, 4, 6); INSERT INTO t VALUES ('', NULL, 1.5), ('', NULL, 1.5)")


def test_values_that_must_be_unique_swap(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, x TEXT NOT NULL UNIQUE);"
                                    "CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE);")
    pair.edit("INSERT INTO t VALUES (1, 'a', 'p'), (2, 'b', 'q'), (3, NULL, 'r'); INSERT INTO c VALUES (1, 1), (2, 2), (3, 2)")
    follow(pair, "UPDATE t SET name = 'z' WHERE id = 1; UPDATE t SET name = 'a' WHERE id = 2; UPDATE t SET name = 'b' WHERE id = 1;"
                 "UPDATE t SET x = 's' WHERE id = 3; UPDATE t SET x = 'r' WHERE id = 1; UPDATE t SET x = 'p' WHERE id = 3")


def test_keys_swap(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (name TEXT NOT NULL UNIQUE, v TEXT);")
    pair.edit("INSERT INTO t VALUES ('a', '1'), ('b', '2'), ('c', '3')")
    follow(pair, "UPDATE t SET name = 'x' WHERE v = '1'; UPDATE t SET name = 'a' WHERE v = '2'; UPDATE t SET name = 'b' WHERE v = '1'")


def test_types_compare_as_the_server_keeps_them(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (j TEXT, n NUMERIC, f REAL, u TEXT, b BLOB, o INTEGER)", """
        CREATE TABLE t (j jsonb, n numeric(12, 3), f double precision, u uuid, b bytea, o boolean)""")
    row = "('{{\"b\": 1, \"a\":  [{0}.0, null]}}', {0}.5, {0}.25, '00000000-0000-0000-0000-00000000000{0}', x'00ff0{0}', {1})"
    pair.edit("INSERT INTO t VALUES " + ", ".join(row.format(i, i % 2) for i in (1, 2, 3, 3, 4)))
    follow(pair, "DELETE FROM t WHERE rowid IN (1, 3); UPDATE t SET j = '{\"a\": 1.50}' WHERE rowid = 2; UPDATE t SET o = NULL WHERE rowid = 5")


HOSTILE = ["", " ", "NULL", "null", "\\N", "\\", '"', "'", '\\"', "{}", "{a,b}", "a,b", "\t\n\r\v\f\b", "$1", "%s", "ä € 😀", "a'b\"c\\d",
           "x" * 300]
HOSTILE_SCHEMA = """
CREATE TABLE keyed (id BIGINT PRIMARY KEY, a TEXT, b {bytea}, f DOUBLE PRECISION, r REAL, n NUMERIC, j JSON, o BOOLEAN, s SMALLINT);
CREATE TABLE nullable (a TEXT UNIQUE, "b c" TEXT, "select" TEXT);
CREATE TABLE counted (a TEXT, b {bytea}, f DOUBLE PRECISION, i BIGINT);
"""


@pytest.mark.parametrize("times", [1, 60])   # few rows are values of statements, many go through temporary tables
def test_hostile_values(tmp_path: Path, database: Database, times: int) -> None:
    pair = Pair(tmp_path, database, HOSTILE_SCHEMA.format(bytea="BLOB"), HOSTILE_SCHEMA.format(bytea="bytea"))

    def fill(first: int) -> None:
        with contextlib.closing(sqlite3.connect(pair.source)) as source, source:
            for number in range(first, first + times * len(HOSTILE)):
                text, part = HOSTILE[number % len(HOSTILE)], f"{number} " if number >= first + len(HOSTILE) else ""
                source.execute("INSERT INTO keyed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (
                    number, text, text.encode() + b"\0\xff", [1e300, -0.0, 0.1, None][number % 4], [0.5, None][number % 2],
                    number * 7, '{"a": "\\"\\\\"}', number % 2, -number % 100))
                source.execute("INSERT INTO nullable VALUES (?, ?, ?)", (
                    None if number % 5 == 0 else f"{first} {part}{text}", text, None if number % 3 == 0 else text))
                source.executemany("INSERT INTO counted VALUES (?, ?, ?, ?)", [
                    (text, b"" if number % 2 else None, 0.1 * (number % 3), number % 4)] * (1 + number % 3))

    fill(0)
    pair.replay(pair.dump())
    pair.edit("DELETE FROM keyed WHERE id % 3 = 0; UPDATE keyed SET a = a || a WHERE id % 3 = 1; UPDATE keyed SET b = NULL;"
              "DELETE FROM nullable WHERE rowid % 3 = 0; UPDATE nullable SET \"select\" = \"b c\" || a;"
              "DELETE FROM counted WHERE rowid % 2 = 0; UPDATE counted SET a = a || a WHERE rowid % 3 = 0")
    fill(100000)
    delta = pair.dump()
    pair.replay(delta)
    pair.check(1)
    pair.replay("--undo", delta)
    pair.check(0)


def test_documents_that_are_equal_stay_apart(tmp_path: Path, database: Database) -> None:
    """jsonb keeps the zeros of 2.50: of two rows that are equal to the server the right one goes."""
    pair = Pair(tmp_path, database, "CREATE TABLE t (j TEXT);", "CREATE TABLE t (j jsonb);")
    pair.edit("""INSERT INTO t VALUES ('{"a": 2.5}'), ('{"a": 2.50}'), ('{"a": 2.500}')""")
    follow(pair, """DELETE FROM t WHERE j IN ('{"a": 2.5}', '{"a": 2.500}')""")
    assert database.query("SELECT j::text FROM t") == [('{"a": 2.50}',)]
    pair.replay("--undo", pair.chain[1])
    assert sorted(database.query("SELECT j::text FROM t")) == [('{"a": 2.500}',), ('{"a": 2.50}',), ('{"a": 2.5}',)]


def test_identity_and_sequences_only_go_forward(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)",
                "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v TEXT)")
    pair.edit("INSERT INTO t (v) VALUES ('a'), ('b'), ('c')")
    follow(pair, "DELETE FROM t WHERE id > 1; INSERT INTO t (v) VALUES ('d')")
    assert database.query("SELECT last_value FROM t_id_seq") == [(4,)]
    pair.replay("--undo", pair.chain[1])
    assert database.query("SELECT last_value FROM t_id_seq") == [(4,)]


def test_a_chain_is_followed_by_state(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED)
    for number in range(4):
        pair.edit(f"INSERT INTO t VALUES ({number}, 'x', {number})")
        pair.dump()
    pair.refuse(REFUSED, ["nothing was replayed", "full dump"], pair.chain[1])
    pair.refuse(REFUSED, ["starts from state"], pair.chain[0], pair.chain[2])
    pair.replay(*pair.chain[:2])
    pair.check(1)
    pair.refuse(REFUSED, ["starts from state", "holds state", "missing"], pair.chain[3])
    assert "nothing to do" in pair.replay(*pair.chain[:2])
    assert "nothing to do" in pair.replay(pair.chain[1])
    pair.replay(*pair.chain)
    pair.check(3)
    assert "nothing to do" in pair.replay(pair.chain[3])
    pair.refuse(REFUSED, ["only the last delta"], "--undo", pair.chain[2])
    for number in (3, 2, 1):
        pair.replay("--undo", pair.chain[number])
        pair.check(number - 1)
        pair.refuse(REFUSED, ["in the state already", "nothing to take back"], "--undo", pair.chain[number])
    pair.refuse(REFUSED, ["full dump"], "--undo", pair.chain[0])


def test_an_unchanged_delta_is_nothing_to_do(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED)
    pair.edit("INSERT INTO t VALUES (1, 'x', 1)")
    full = pair.dump()
    same = pair.dump()
    pair.edit("INSERT INTO t VALUES (2, 'y', 2)")
    delta = pair.dump()
    pair.replay(full, same)
    assert "nothing to do" in pair.replay(same)
    pair.replay(full, same, delta)
    pair.check()


def test_a_full_dump_after_deltas(tmp_path: Path, database: Database) -> None:
    """What the ledger says of each table is right after a delta, and after one was taken back."""
    pair = Pair(tmp_path, database, KEYED + "CREATE TABLE k (a TEXT);")
    pair.edit("INSERT INTO t VALUES (1, 'x', 1); INSERT INTO k VALUES ('a'), ('a')")
    pair.replay(pair.dump())
    for edits in ("INSERT INTO t VALUES (2, 'y', 2)", "DELETE FROM k WHERE rowid = 1"):
        pair.edit(edits)
        pair.replay(pair.dump())
    pair.replay("--undo", pair.chain[2])
    pair.edit("INSERT INTO k VALUES ('b')")
    newer = tmp_path / "newer.valise"
    succeed(DUMP, "-o", newer, pair.source)
    assert " 1 had the same rows" in pair.replay(newer)
    assert compare.differences(compare.compare(pair.source, database.dsn)) == []
    pair.refuse(REFUSED, ["replayed"], pair.chain[0])


def kill_when(pair: Pair, delta: Path, is_time: Callable[[], bool]) -> bool:
    """Kills a replay once something is so; false if it was done before."""
    process = subprocess.Popen([REPLAY, "--dsn", pair.database.dsn, delta], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if is_time():
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
            return True
    assert process.returncode == 0
    return False


def test_killed_at_any_moment(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED + "CREATE TABLE k (a TEXT);")
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
    pair.edit(f"{rows} INSERT INTO t SELECT i, 'text ' || i, i FROM n; {rows} INSERT INTO k SELECT i % 5000 FROM n")
    pair.replay(pair.dump())
    pair.edit("UPDATE t SET b = -b WHERE id % 3 = 0; DELETE FROM t WHERE id % 5 = 0; DELETE FROM k WHERE rowid % 4 = 0")
    delta = pair.dump()
    killed = 0
    for delay in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3):
        until = time.monotonic() + delay
        if not kill_when(pair, delta, lambda: time.monotonic() > until):
            break
        killed += 1
        assert pair.database.query("SELECT count(*) FROM t") in ([(60000,)], [(48000,)])
    assert killed > 1
    wait_until_alone(database)
    pair.replay(delta)
    pair.check()


def wait_until_alone(database: Database) -> None:
    """The server needs a moment to notice that a client is gone."""
    for _ in range(600):
        if database.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                          " AND pid <> pg_backend_pid() AND backend_type = 'client backend'") == [(0,)]:
            return
        time.sleep(0.05)
    raise AssertionError("a killed replay's session does not end")
