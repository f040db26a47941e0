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
from programs import DUMP, MISMATCH, REFUSED, REPLAY, fail, succeed

class Pair:
    """A SQLite database and its dumps, and the PostgreSQL database that follows."""

    def __init__(self, folder: Path, database: Database, sqlite_schema: str, postgres_schema: str | None = None) -> None:
        self.folder, self.database, self.source = folder, database, folder / "source.db"
        self.chain: list[Path] = []
        self.snapshots: list[Path] = []
        self.edit(sqlite_schema)
        database.execute(postgres_schema or sqlite_schema)
        self.schema = self.described()

    def edit(self, script: str) -> None:
        with contextlib.closing(sqlite3.connect(self.source)) as connection:
            connection.executescript(script)

    def dump(self) -> Path:
        """A full dump, or a delta on all dumps before; the snapshot is kept."""
        target = self.folder / f"{len(self.chain)}.valise"
        bases = [word for base in self.chain for word in ("--base", str(base))]
        succeed(DUMP, *bases, "-o", target, self.source)
        self.chain.append(target)
        self.snapshots.append(self.folder / f"{len(self.snapshots)}.db")
        self.snapshots[-1].write_bytes(self.source.read_bytes())
        return target

    def replay(self, *words: str | Path) -> str:
        return succeed(REPLAY, "--dsn", self.database.dsn, *words).out

    def refuse(self, status: int, words: list[str], *arguments: str | Path) -> None:
        fail(status, words, REPLAY, "--dsn", self.database.dsn, *arguments)

    def check(self, at: int = -1) -> None:
        """The target is the snapshot, and its schema is what it was."""
        assert compare.differences(compare.compare(self.snapshots[at], self.database.dsn)) == []
        assert self.described() == self.schema

    def described(self) -> list[tuple[str, ...]]:
        return self.database.query("""
            SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), ''
              FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace
            UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text
              FROM pg_trigger WHERE NOT tgisinternal
            ORDER BY 1, 2, 3""")


def follow(pair: Pair, edits: str) -> None:
    """Full dump, edits, delta: applied, taken back, applied again."""
    full = pair.dump()
    pair.replay(full)
    pair.edit(edits)
    delta = pair.dump()
    pair.replay(delta)
    pair.check(1)
    pair.replay("--undo", delta)
    pair.check(0)
    pair.replay(full, delta)
    pair.check(1)


KEYED = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BIGINT);"


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


FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent ON DELETE CASCADE, v TEXT);
CREATE TABLE keyless (parent INTEGER REFERENCES parent ON DELETE SET NULL, v TEXT);
CREATE TABLE strict (id INTEGER PRIMARY KEY, child INTEGER REFERENCES child ON DELETE RESTRICT);
CREATE TABLE plain (id INTEGER PRIMARY KEY, child INTEGER REFERENCES child);
"""


def family(tmp_path: Path, database: Database) -> Pair:
    pair = Pair(tmp_path, database, FAMILY)
    pair.edit("INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c');"
              "INSERT INTO child VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, 'd');"
              "INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, 'x'), (NULL, 'x'), (3, NULL);"
              "INSERT INTO strict VALUES (1, 1), (2, 3), (3, NULL); INSERT INTO plain VALUES (1, 2), (2, 4), (3, 3)")
    return pair


def test_cascades_take_no_rows_along(tmp_path: Path, database: Database) -> None:
    follow(family(tmp_path, database), """
        UPDATE parent SET v = 'changed' WHERE id = 1;
        UPDATE child SET parent = 3 WHERE id = 3;
        UPDATE keyless SET parent = 3 WHERE parent = 2;
        DELETE FROM parent WHERE id = 2;
        INSERT INTO parent VALUES (4, 'd');
        UPDATE child SET parent = 4 WHERE id = 1;
        DELETE FROM strict WHERE id = 2;
        DELETE FROM plain WHERE id = 2;
        DELETE FROM child WHERE id = 4""")


def test_rows_that_stay_are_not_taken_along(tmp_path: Path, database: Database) -> None:
    """The snapshot leaves rows behind that refer to nothing: PostgreSQL would delete them silently."""
    pair = family(tmp_path, database)
    pair.replay(pair.dump())
    pair.edit("DELETE FROM parent WHERE id = 3")
    delta = pair.dump()
    pair.refuse(REFUSED, ['"parent"', "id = 3", "refer to it"], delta)
    pair.check(0)


def test_a_table_that_refers_to_itself(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t ON DELETE CASCADE, v TEXT);"
                                    "CREATE TABLE u (id INTEGER PRIMARY KEY, next INTEGER REFERENCES u);")
    pair.edit("INSERT INTO t VALUES (1, 2, 'a'), (2, 3, 'b'), (3, NULL, 'c'), (4, 4, 'd'), (5, 4, 'e');"
              "INSERT INTO u VALUES (1, 2), (2, 3), (3, NULL), (4, 4)")
    follow(pair, "UPDATE t SET next = 5 WHERE id = 1; DELETE FROM t WHERE id IN (2, 3); INSERT INTO t VALUES (6, 7, 'f'), (7, NULL, 'g');"
                 "UPDATE t SET next = NULL WHERE id = 5; DELETE FROM t WHERE id = 4;"
                 "UPDATE u SET next = 4 WHERE id = 1; DELETE FROM u WHERE id IN (2, 3); INSERT INTO u VALUES (5, 6), (6, 1)")


def test_tables_that_refer_to_each_other(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, v TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER, v TEXT);""", """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, v TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a ON DELETE CASCADE, v TEXT);
        ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b ON DELETE CASCADE;""")
    pair.edit("INSERT INTO a VALUES (1, 1, 'x'), (2, 2, 'y'), (3, NULL, 'z'); INSERT INTO b VALUES (1, 2, 'x'), (2, 1, 'y'), (3, 3, 'z')")
    follow(pair, "UPDATE a SET b = 3 WHERE id = 1; UPDATE b SET a = 1 WHERE id = 3; DELETE FROM b WHERE id = 1;"
                 "DELETE FROM a WHERE id = 3; INSERT INTO b VALUES (4, 2, 'new'); UPDATE a SET v = 'yy', b = 4 WHERE id = 2;"
                 "DELETE FROM b WHERE id = 2")


def test_triggers_and_not_valid_keys_stay_as_they_are(tmp_path: Path, database: Database) -> None:
    tables = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, v TEXT);"
    pair = Pair(tmp_path, database, tables, tables + """
        ALTER TABLE c ADD CONSTRAINT c_p FOREIGN KEY (p) REFERENCES p ON DELETE CASCADE NOT VALID;
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$;
        CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON c FOR EACH ROW EXECUTE FUNCTION never();""")
    pair.edit("INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 1, 'a'), (2, 2, 'b')")
    follow(pair, "DELETE FROM c WHERE id = 1; UPDATE c SET v = 'c' WHERE id = 2; DELETE FROM p WHERE id = 1; INSERT INTO c VALUES (3, 2, 'd')")


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
    ("ALTER TABLE gone RENAME TO new_name", ['table "new_name" has 1 rows', "does not exist in the target"]),
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
    pair = large(tmp_path, database)
    database.execute(f"CREATE RULE in_the_way AS {rule}")
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
