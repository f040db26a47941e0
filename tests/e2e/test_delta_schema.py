"""Deltas over changes of the schema, on either side."""
from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Database
from delta_pair import KEYED, Pair
from programs import MISMATCH, REFUSED, dump


def test_a_table_that_is_gone_does_not_come_back(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED + "CREATE TABLE gone (a TEXT);")
    pair.edit("INSERT INTO gone VALUES ('a'); INSERT INTO t VALUES (1, 'x', 1)")
    pair.replay(pair.dump())
    pair.edit("DROP TABLE gone; UPDATE t SET a = 'y'")
    delta = pair.dump()
    pair.replay(delta)
    pair.check()
    pair.refuse(REFUSED, ['"gone"', "cannot come back"], "--undo", delta)
    pair.check()


def test_schema_changes(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, KEYED + "CREATE TABLE gone (a TEXT);")
    pair.edit("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2); INSERT INTO gone VALUES ('a')")
    pair.replay(pair.dump())
    pair.edit("ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = 'z' WHERE id = 2; DROP TABLE gone;"
              "CREATE TABLE fresh (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO fresh VALUES (1, 'v')")
    delta = pair.dump()
    pair.refuse(REFUSED, ["column", '"c"', "fresh"], delta)
    pair.check(0)
    database.execute("ALTER TABLE t ADD COLUMN c TEXT; CREATE TABLE fresh (id INTEGER PRIMARY KEY, v TEXT)")
    pair.schema = pair.described()
    pair.replay(delta)
    pair.check(1)
    pair.refuse(REFUSED, ["cannot be taken back"], "--undo", delta)
    pair.check(1)


@pytest.mark.parametrize("change, words", [
    ("ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = 'z'", ['table "t"', '"c"', "does not exist in the target"]),
    ("ALTER TABLE t RENAME COLUMN a TO d", ['table "t"', '"d"', "does not exist in the target"]),
    ("CREATE TABLE fresh (v TEXT); INSERT INTO fresh VALUES (1), (2)", ['table "fresh" has 2 rows', "does not exist in the target"]),
    ("ALTER TABLE gone RENAME TO new_name", ['table "new_name" has 1 row in', "does not exist in the target"]),
])
def test_a_schema_that_is_not_the_targets(tmp_path: Path, database: Database, change: str, words: list[str]) -> None:
    pair = Pair(tmp_path, database, KEYED + "CREATE TABLE gone (a TEXT);")
    pair.edit("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2); INSERT INTO gone VALUES ('a')")
    pair.replay(pair.dump())
    pair.edit(change)
    pair.refuse(REFUSED, ["1 problem", "the target was not touched", *words], pair.dump())
    pair.check(0)


def test_a_column_that_the_source_dropped(tmp_path: Path, database: Database) -> None:
    """The target's may stay, and then holds nothing; where it must hold something the delta is refused."""
    pair = Pair(tmp_path, database, KEYED)
    pair.edit("INSERT INTO t VALUES (1, 'x', 1)")
    pair.replay(pair.dump())
    database.execute("ALTER TABLE t ALTER COLUMN b SET NOT NULL")
    pair.edit("ALTER TABLE t DROP COLUMN b")
    delta = pair.dump()
    pair.refuse(REFUSED, ['table "t"', '"b"'], delta)
    assert database.query("SELECT * FROM t") == [(1, "x", 1)]
    database.execute("ALTER TABLE t ALTER COLUMN b DROP NOT NULL")
    pair.replay(delta)
    assert database.query("SELECT * FROM t") == [(1, "x", None)]


def test_a_column_that_got_another_type_in_between(tmp_path: Path, database: Database) -> None:
    """The delta cannot prove its end; a full dump of the new state replaces the table, as the message says."""
    pair = Pair(tmp_path, database, KEYED)
    pair.edit("INSERT INTO t VALUES (1, 'a', 5), (2, 'b', 6)")
    pair.replay(pair.dump())
    database.execute("ALTER TABLE t ALTER b TYPE text")
    pair.edit("UPDATE t SET b = 7 WHERE id = 1")
    delta = pair.dump()
    database.settle()
    pair.refuse(MISMATCH, ["a column has another type now", "--on-existing=replace"], delta)
    full = dump(pair.snapshots[-1], tmp_path / "full.valise")
    pair.replay("--on-existing=replace", full)
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a", "7"), (2, "b", "6")]
