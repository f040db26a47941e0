"""What few databases have: collations in which other bytes are equal, and what PostgreSQL 18 brought. Deltas are as exact as elsewhere."""
from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

import postgres_versions
from conftest import Database, Server, serving
from delta_pair import Pair, follow
from programs import DUMP, REFUSED, succeed

ROWS = 20500   # more than are loaded with their indexes in place
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
LOOSE = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"


@pytest.fixture(scope="module")
def newest() -> Iterator[Server]:
    """PostgreSQL 18."""
    folder = Path(tempfile.mkdtemp(prefix="valise-newest-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        try:
            binaries = postgres_versions.programs_of("18", folder / "programs")
        except postgres_versions.Unavailable as error:
            pytest.skip(f"no PostgreSQL 18: {error}")
        with serving(VALISE_PG_BINDIR=str(binaries)) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def new_database(newest: Server) -> Iterator[Database]:
    name = newest.create()
    yield Database(newest, name)
    newest.drop(name)


def test_keys_in_which_other_bytes_are_equal(tmp_path: Path, database: Database) -> None:
    """A key that changes in its case alone changes, and references mean rows of another case."""
    follow(Pair(tmp_path, database, f"""
        CREATE TABLE p (id TEXT PRIMARY KEY, n INTEGER);
        CREATE TABLE q (id INTEGER PRIMARY KEY, p TEXT, v TEXT);
        INSERT INTO p {NUMBERS} SELECT 'name' || i, i FROM n;
        INSERT INTO q SELECT n, 'NAME' || n, 'v' || n FROM p;
    """, f"""{LOOSE}
        CREATE TABLE p (id text COLLATE ci PRIMARY KEY, n int);
        CREATE TABLE q (id bigint PRIMARY KEY, p text COLLATE ci REFERENCES p ON DELETE CASCADE, v text COLLATE ci NOT NULL);
        CREATE INDEX ON q (v);
    """), """
        UPDATE p SET id = upper(id) WHERE n % 10 = 0; UPDATE p SET n = -n WHERE n % 11 = 0;
        DELETE FROM q WHERE id % 13 = 0; DELETE FROM p WHERE n % 13 = 0;
        UPDATE q SET v = upper(v) WHERE id % 17 = 0; UPDATE q SET p = lower(p) WHERE id % 19 = 0;""")


def test_rows_in_which_other_bytes_are_equal(tmp_path: Path, database: Database) -> None:
    """Without a key a row is found by all of its bytes."""
    follow(Pair(tmp_path, database, f"""
        CREATE TABLE p (v TEXT, n INTEGER);
        INSERT INTO p {NUMBERS} SELECT 'name' || i, i FROM n;
        INSERT INTO p SELECT upper(v), n FROM p WHERE n % 3 = 0;
    """, f"{LOOSE} CREATE TABLE p (v text COLLATE ci, n int);"), """
        DELETE FROM p WHERE v = upper(v) AND n % 2 = 0; DELETE FROM p WHERE v = lower(v) AND n % 2 = 1;
        UPDATE p SET v = 'Name' || n WHERE n % 50 = 0;""")


def test_foreign_keys_that_are_not_enforced(tmp_path: Path, new_database: Database) -> None:
    """They demand nothing and take no row along."""
    follow(Pair(tmp_path, new_database, f"""
        CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER);
        CREATE TABLE q (id INTEGER PRIMARY KEY, p INTEGER);
        INSERT INTO p {NUMBERS} SELECT i, i FROM n WHERE i % 4;
        INSERT INTO q {NUMBERS} SELECT i, i FROM n;
    """, """
        CREATE TABLE p (id bigint PRIMARY KEY, n int CONSTRAINT few CHECK (n < 3) NOT ENFORCED);
        CREATE TABLE q (id bigint PRIMARY KEY, p bigint CONSTRAINT k REFERENCES p ON DELETE CASCADE NOT ENFORCED);
    """), "DELETE FROM p WHERE id % 6 = 1; UPDATE q SET p = p + 1 WHERE id % 7 = 0")


@pytest.mark.parametrize("rules", [
    "CREATE RULE r AS ON INSERT TO q DO INSTEAD NOTHING; CREATE RULE odd AS ON INSERT TO p DO ALSO NOTIFY x; ALTER TABLE p DISABLE RULE odd",
    "CREATE RULE r AS ON UPDATE TO q DO INSTEAD NOTHING; CREATE RULE \"a rule\" AS ON DELETE TO p DO INSTEAD NOTHING;"
    "ALTER TABLE p ENABLE ALWAYS RULE \"a rule\"",
    "CREATE TABLE seen (id bigint); CREATE RULE r AS ON DELETE TO p DO ALSO INSERT INTO seen VALUES (old.id)"])
def test_rules_are_as_triggers(tmp_path: Path, database: Database, rules: str) -> None:
    """None of them takes part, neither in a delta nor in what a newer full dump replaces."""
    pair = Pair(tmp_path, database, f"""
        CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE q (id INTEGER PRIMARY KEY, p INTEGER);
        INSERT INTO p {NUMBERS} SELECT i, i % 7 FROM n WHERE i < 3000; INSERT INTO q SELECT id, id FROM p;
    """, f"CREATE TABLE p (id bigint PRIMARY KEY, n int); CREATE TABLE q (id bigint PRIMARY KEY, p bigint REFERENCES p); {rules};")
    defined = "SELECT ev_class::regclass::text, rulename, ev_enabled FROM pg_rewrite WHERE oid >= 16384 ORDER BY 1, 2"
    before = database.query(defined)
    follow(pair, "DELETE FROM q WHERE id % 9 = 0; DELETE FROM p WHERE id % 9 = 0; UPDATE p SET n = n + 1 WHERE id % 5 = 0;"
                 "UPDATE q SET p = p - 1 WHERE id % 9 = 2; INSERT INTO p VALUES (9000, 1); INSERT INTO q VALUES (9000, 9000)")
    pair.edit("DELETE FROM q; UPDATE p SET n = 0 WHERE id % 3 = 0")
    newer = tmp_path / "newer.valise"
    succeed(DUMP, "-o", newer, pair.source)
    pair.replay(newer)
    assert database.query("SELECT count(*), sum(n) FROM p UNION ALL SELECT count(*), sum(p) FROM q")[1] == (0, None)
    assert database.query(defined) == before


def test_rows_with_fields_that_are_null(tmp_path: Path, database: Database) -> None:
    """To PostgreSQL such a value of a composite type IS neither NULL nor NOT NULL."""
    pair = Pair(tmp_path, database, """CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, d TEXT, a TEXT);
        INSERT INTO t VALUES (1, '(1,)', '(,x)', '{"(1,)"}'), (2, NULL, NULL, NULL), (3, '(,)', '(1,)', '{NULL}'), (4, '(4,y)', '(5,z)', '{}')
    """, """CREATE TYPE c AS (n int, s text); CREATE DOMAIN d AS c CHECK ((VALUE).n < 9);
        CREATE TABLE t (id bigint PRIMARY KEY, v c, d d, a c[])""")
    for edits in ("", "UPDATE t SET v = '(,)', d = NULL WHERE id = 4; UPDATE t SET v = NULL WHERE id = 3; INSERT INTO t VALUES (5, '(,)', '(,)', NULL)"):
        pair.edit(edits)
        pair.replay("--verify", "full", pair.dump())
        with contextlib.closing(sqlite3.connect(pair.source)) as source:
            assert database.query("SELECT id, v::text, d::text, a::text FROM t ORDER BY id") == source.execute("SELECT * FROM t ORDER BY id").fetchall()


ROOMS = """CREATE EXTENSION btree_gist;
    CREATE TABLE room (id int, during int4range, PRIMARY KEY (id, during WITHOUT OVERLAPS));
    CREATE TABLE booking (id int PRIMARY KEY, room int, during int4range, FOREIGN KEY (room, PERIOD during) REFERENCES room (id, PERIOD during));"""


def test_temporal_keys(tmp_path: Path, new_database: Database) -> None:
    follow(Pair(tmp_path, new_database, f"""
        CREATE TABLE room (id INTEGER, during TEXT); CREATE TABLE booking (id INTEGER PRIMARY KEY, room INTEGER, during TEXT);
        INSERT INTO room {NUMBERS} SELECT i % 1000, printf('[%d,%d)', i / 1000 * 100, i / 1000 * 100 + 90) FROM n;
        INSERT INTO booking {NUMBERS} SELECT i, i % 1000, printf('[%d,%d)', i / 1000 * 100 + 3, i / 1000 * 100 + 8) FROM n WHERE i < 3000;
    """, ROOMS), "DELETE FROM booking WHERE room % 7 = 0; DELETE FROM room WHERE id % 7 = 0; UPDATE booking SET during = '[3,4)' WHERE id % 1000 = 3")


@pytest.mark.parametrize("row, words", [("(7, '[5,9)')", ["room_pkey", "1 problem"]), ("(7, 'empty')", ["empty WITHOUT OVERLAPS", "1 problem"])])
def test_rows_that_a_temporal_key_refuses(tmp_path: Path, new_database: Database, row: str, words: list[str]) -> None:
    """They are found before anything is touched."""
    pair = Pair(tmp_path, new_database, f"""CREATE TABLE room (id INTEGER, during TEXT); CREATE TABLE booking (id INTEGER, room INTEGER, during TEXT);
        INSERT INTO room VALUES (7, '[1,6)'), {row}""", ROOMS)
    pair.refuse(REFUSED, ['table "room"', "not touched", *words], pair.dump())


def test_virtual_columns_that_cannot_be_computed(tmp_path: Path, new_database: Database) -> None:
    """The server would say so only to who reads them."""
    pair = Pair(tmp_path, new_database, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 5), (2, 0)",
                "CREATE TABLE t (id bigint PRIMARY KEY, n int, share int GENERATED ALWAYS AS (100 / n) VIRTUAL)")
    pair.refuse(REFUSED, ['table "t"', "division by zero", "id = 2"], pair.dump())
    pair.edit("UPDATE t SET n = 10 WHERE id = 2")
    fixed = tmp_path / "fixed.valise"
    succeed(DUMP, "-o", fixed, pair.source)
    pair.replay(fixed)
    assert new_database.query("SELECT share FROM t ORDER BY id") == [(20,), (10,)]


def test_published_rows_are_replaced(tmp_path: Path, database: Database) -> None:
    """By a newer full dump: also without a replica identity, which a large table has not while its indexes are down."""
    pair = Pair(tmp_path, database, f"""CREATE TABLE small (v TEXT); INSERT INTO small VALUES ('a'), ('b');
        CREATE TABLE large (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO large {NUMBERS} SELECT i, 'v' FROM n""", """
        CREATE TABLE small (v text); CREATE TABLE large (id bigint PRIMARY KEY, v text);
        CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION part FOR TABLE large WHERE (id > 5)""")
    pair.replay(pair.dump())
    pair.edit("DELETE FROM small WHERE v = 'a'; DELETE FROM large WHERE id % 2 = 0")
    newer = tmp_path / "newer.valise"
    succeed(DUMP, "-o", newer, pair.source)
    pair.replay(newer)
    assert database.query("SELECT count(*), min(v) FROM small UNION ALL SELECT count(*), min(v) FROM large ORDER BY 1") == [(1, "b"), (ROWS // 2, "v")]
    assert pair.described() == pair.schema


def test_settings_that_change_what_text_means(tmp_path: Path, database: Database) -> None:
    """A replay's sessions have their own: NULL within an array is not the text NULL, and XML need not be a whole document."""
    pair = Pair(tmp_path, database, """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n TEXT, x TEXT);
        INSERT INTO t VALUES (1, '{NULL,x,"NULL"}', '{NULL,1}', 'a <b>c</b>'), (2, '{}', NULL, '<b>d</b>')""",
                "CREATE TABLE t (id bigint PRIMARY KEY, a text[], n int[], x text)")
    with contextlib.suppress(psycopg2.errors.FeatureNotSupported):   # a server may be built without XML
        database.execute("SELECT xmlparse(CONTENT 'a'); ALTER TABLE t ALTER x TYPE xml USING x::xml")
    database.execute(f"ALTER DATABASE {database.name} SET array_nulls = off; ALTER DATABASE {database.name} SET xmloption = document")
    for edits in ("", "UPDATE t SET a = '{NULL}', x = 'e' WHERE id = 2; INSERT INTO t VALUES (3, NULL, '{NULL}', NULL)"):
        pair.edit(edits)
        pair.replay("--verify", "full", pair.dump())
        with contextlib.closing(sqlite3.connect(pair.source)) as source:
            assert database.query("SELECT id, a::text, n::text, x::text FROM t ORDER BY id") == source.execute("SELECT * FROM t ORDER BY id").fetchall()
