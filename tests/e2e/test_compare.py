"""The comparison that other tests rely on: it must find every kind of difference, and none where there is none."""
from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

import compare
from conftest import Database

SOURCE = """
CREATE TABLE t (i INTEGER, b BOOLEAN, r REAL, n NUMERIC, x TEXT, y BLOB, j JSON, c TEXT, at TIMESTAMP, u TEXT);
INSERT INTO t VALUES (1, 1, 1.5, 12.50, 'é', x'00ff', '{"b":1,"a":[1.0,null]}', 'X', '2024-02-29 12:00:00',
                      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11');
INSERT INTO t VALUES (-9223372036854775808, 0, 0.0, 0, '', x'', 'null', ' ', '0001-01-01', NULL);
INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "empty" (a);
"""
TARGET = """
CREATE TABLE t (u uuid, at timestamp, c char(3), j jsonb, y bytea, x text, n numeric(9, 3), r double precision,
                b boolean, i bigint);
INSERT INTO t (i, b, r, n, x, y, j, c, at, u) VALUES
    (1, true, 1.5, 12.5, 'é', '\\x00ff', '{"a": [1, null], "b": 1}', 'X', '2024-02-29 12:00:00',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
    (-9223372036854775808, false, 0, 0, '', '', 'null', '', '0001-01-01', NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE empty (a text);
"""


def differences(database: Database, folder: Path, change: str = "") -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
        db.executescript(SOURCE)
    database.execute(TARGET + change)
    return compare.differences(compare.compare(folder / "s.db", database.dsn))


def test_equal_databases(database: Database, tmp_path: Path) -> None:
    assert differences(database, tmp_path) == []


@pytest.mark.parametrize("change", [
    "UPDATE t SET i = 2 WHERE i = 1",
    "UPDATE t SET b = false WHERE ctid = (SELECT max(ctid) FROM t)",       # NULL became false
    "UPDATE t SET r = '-0' WHERE i < 0",                                   # the sign of zero
    "UPDATE t SET r = 1.5000000000000002 WHERE i = 1",
    "UPDATE t SET n = 12.501 WHERE i = 1",
    "UPDATE t SET x = 'e' WHERE i = 1",
    "UPDATE t SET x = NULL WHERE x = ''",
    "UPDATE t SET y = '\\x00fe' WHERE i = 1",
    "UPDATE t SET j = NULL WHERE j = 'null'",
    "UPDATE t SET j = '{\"a\": [1, 0], \"b\": 1}' WHERE i = 1",
    "UPDATE t SET c = 'x' WHERE i = 1",
    "UPDATE t SET at = at + interval '1 microsecond' WHERE i = 1",
    "UPDATE t SET u = gen_random_uuid() WHERE i = 1",
    "UPDATE t SET x = y.x FROM t y WHERE t.i = 1 AND y.i < 0",
    "DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t)",                # one of two equal rows
    "INSERT INTO t SELECT * FROM t WHERE i = 1",
    "INSERT INTO empty VALUES (NULL)",
    "DROP TABLE empty",
    "CREATE TABLE other AS SELECT 1",
    "ALTER TABLE t ADD more integer",
    "ALTER TABLE t DROP u",
    "ALTER TABLE t RENAME x TO z",
])
def test_differences(database: Database, tmp_path: Path, change: str) -> None:
    assert differences(database, tmp_path, change)


@pytest.mark.parametrize("value, kind", [
    ("2", "boolean"), ("'x'", "integer"), ("1.5", "bigint"), ("40000", "smallint"), ("x'ff'", "text"),
    ("CAST(x'6100' AS TEXT)", "text"), ("5", "bytea"), ("'{'", "jsonb"), ("'abc'", "numeric"), ("x'00'", "uuid")])
def test_a_value_without_a_place_equals_nothing(database: Database, tmp_path: Path, value: str, kind: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.executescript(f"CREATE TABLE t (a ANY); INSERT INTO t VALUES ({value})")
    database.execute(f"CREATE TABLE t (a {kind}); INSERT INTO t VALUES (NULL)")
    assert compare.differences(compare.compare(tmp_path / "s.db", database.dsn))


def test_policy(database: Database, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.executescript('CREATE TABLE kept (a); CREATE TABLE "Locks" (a); INSERT INTO kept VALUES (1); '
                         'INSERT INTO "Locks" VALUES (1)')
    database.execute("CREATE TABLE kept (a integer); CREATE TABLE locks (a integer)")
    policy = compare.Policy(kept=frozenset({"kept"}), emptied=frozenset({"locks"}))
    assert compare.differences(compare.compare(tmp_path / "s.db", database.dsn, policy)) == []
    database.execute("INSERT INTO locks VALUES (1)")
    assert compare.differences(compare.compare(tmp_path / "s.db", database.dsn, policy))
