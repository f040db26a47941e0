"""Deltas into a target that somebody else changed, and what is read back to notice it."""
from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Database
from delta_pair import KEYED, Pair
from programs import MISMATCH, REFUSED


DRIFT = "UPDATE t SET a = 'other' WHERE id = 3; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (9, 'mine', 9)"


def drifted(tmp_path: Path, database: Database) -> tuple[Pair, Path]:
    pair = Pair(tmp_path, database, KEYED)
    pair.edit("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4)")
    pair.replay(pair.dump())
    pair.edit("UPDATE t SET b = 33 WHERE id = 3; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (9, 'i', 9)")
    return pair, pair.dump()


@pytest.mark.parametrize("policy", ["stop", "report"])
def test_drift_is_refused(tmp_path: Path, database: Database, policy: str) -> None:
    pair, delta = drifted(tmp_path, database)
    database.execute(DRIFT)
    before = database.query("SELECT * FROM t ORDER BY id")
    pair.refuse(REFUSED, ['table "t"', "id = 3", "not as it was", "id = 4", "missing", "id = 9", "already"],
                "--on-drift", policy, delta)
    assert database.query("SELECT * FROM t ORDER BY id") == before


def test_drift_is_overwritten(tmp_path: Path, database: Database) -> None:
    pair, delta = drifted(tmp_path, database)
    database.execute(DRIFT)
    assert "overwritten" in pair.replay("--on-drift", "overwrite", delta)
    pair.check()


def test_other_changes_are_a_mismatch(tmp_path: Path, database: Database) -> None:
    """What the delta does not change is read back too; nothing is committed."""
    pair, delta = drifted(tmp_path, database)
    database.execute("UPDATE t SET a = 'other' WHERE id = 1")
    pair.refuse(MISMATCH, ['table "t"', "sum"], delta)
    assert database.query("SELECT count(*) FROM t WHERE id = 4") == [(1,)]
    pair.replay("--verify", "counts", delta)


LARGE = """
CREATE TABLE keyed (id BIGINT PRIMARY KEY, a TEXT);
CREATE TABLE twice (id BIGINT PRIMARY KEY, a TEXT UNIQUE);
CREATE TABLE nullable (a TEXT UNIQUE, b BIGINT);
CREATE TABLE counted (a TEXT, b BIGINT NOT NULL);
CREATE TABLE grown (a TEXT);
CREATE INDEX counted_b ON counted (b);
"""
LARGE_ROWS = "WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {0} + {1} - 1) INSERT INTO"


def fill_large(first: int, count: int) -> str:
    rows = LARGE_ROWS.format(first, count)
    return (f"{rows} keyed SELECT i, 'a' || i FROM n; {rows} twice SELECT i, 'a' || i FROM n; {rows} counted SELECT 'x' || (i % 3), i / 5 FROM n;"
            f"{rows} nullable SELECT CASE WHEN i % 7 THEN 'a' || i END, i FROM n; {rows} grown SELECT 'y' FROM n;")


def large(tmp_path: Path, database: Database) -> Pair:
    pair = Pair(tmp_path, database, LARGE)
    pair.edit(fill_large(0, 12000))
    pair.replay(pair.dump())
    pair.edit("DELETE FROM keyed WHERE id % 100 = 1; UPDATE keyed SET a = a || '!' WHERE id % 100 = 2;"
              "UPDATE twice SET a = a || '!' WHERE id % 100 = 3; DELETE FROM counted WHERE rowid % 50 = 0;"
              "UPDATE nullable SET b = -b WHERE b % 40 = 0; DELETE FROM grown WHERE rowid < 5;" + fill_large(50000, 300))
    return pair


def test_only_changed_rows_are_read_back(tmp_path: Path, database: Database) -> None:
    pair = large(tmp_path, database)
    delta = pair.dump()
    told = pair.replay("--verify", "changed", delta)
    assert "of large tables those that the delta changed" in told
    pair.check(1)
    pair.replay("--verify", "changed", "--undo", delta)
    pair.check(0)
    database.execute("UPDATE keyed SET a = 'other' WHERE id = 50")
    pair.refuse(MISMATCH, ['table "keyed"', "sum"], delta)
    pair.replay("--verify", "changed", delta)


@pytest.mark.parametrize("rule, words", [
    ("ON DELETE TO keyed DO INSTEAD NOTHING", ['table "keyed"', "removed rows are still there"]),
    ("ON UPDATE TO keyed DO INSTEAD NOTHING", ['table "keyed"', "added rows are not as they were sent"]),
    ("ON INSERT TO counted DO INSTEAD NOTHING", ['table "counted"', "added rows are missing"])])
def test_changed_rows_that_did_not_arrive_are_a_mismatch(tmp_path: Path, database: Database, rule: str, words: list[str]) -> None:
    """Rules that are there before are disabled: this one comes while rows are staged."""
    pair = large(tmp_path, database)
    database.execute(f"""CREATE FUNCTION sabotage() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
        CREATE OR REPLACE RULE in_the_way AS {rule.replace('TO ', 'TO public.')}; END$$;
        CREATE EVENT TRIGGER late ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS') EXECUTE PROCEDURE sabotage()""")
    pair.refuse(MISMATCH, words, "--verify", "changed", pair.dump())
    pair.check(0)


def test_drift_of_counted_rows(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (a TEXT);")
    pair.edit("INSERT INTO t VALUES ('x'), ('x'), ('x')")
    pair.replay(pair.dump())
    pair.edit("DELETE FROM t WHERE rowid < 3")
    delta = pair.dump()
    database.execute("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 2)")
    pair.refuse(REFUSED, ['table "t"', "a = x", "2 times", "left 1"], delta)
