"""What others made in the target's schema does not stand in for what a statement means, and what the application made still works."""
from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from conftest import Database
from delta_pair import Pair
from programs import DATABASE, DUMP, REFUSED, REPLAY, VALISE, fail, run, succeed

SOURCE = """
    CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE, tags TEXT, n INTEGER);
    CREATE TABLE q (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p, v TEXT);
    CREATE TABLE k (v TEXT, w REAL);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1500) INSERT INTO p SELECT i, 'n' || i, '{a,b}', i % 7 FROM i;
    INSERT INTO q SELECT id, id, 'v' || id FROM p;
    INSERT INTO k SELECT v, id / 2.0 FROM q;
"""
TARGET = """
    CREATE TABLE p (id bigint PRIMARY KEY, name varchar(50) UNIQUE, tags text[] CHECK (array_length(tags, 1) > 0), n int);
    CREATE INDEX p_lower ON p (lower(name));
    CREATE TABLE q (id bigint PRIMARY KEY, p bigint REFERENCES p, v varchar);
    CREATE TABLE k (v varchar, w double precision);
"""
EDITS = """
    UPDATE p SET name = 'm' || id, n = n + 1 WHERE id % 5 = 0; DELETE FROM q WHERE id % 9 = 0;
    DELETE FROM k WHERE rowid % 10 = 0; UPDATE k SET v = 'z' WHERE rowid % 13 = 0;
"""

# They fit better than what pg_catalog has, or as well and stand before it where the path says so.
FUNCTIONS = ["array_length(text[], int) RETURNS int", "lower(varchar) RETURNS text", "quote_ident(name) RETURNS text",
             "format(text, text) RETURNS text", "format(text, text, text) RETURNS text", "format(text, name, name) RETURNS text",
             "concat_ws(text, text) RETURNS text", "current_setting(text) RETURNS text", "current_database() RETURNS name",
             "to_regclass(text) RETURNS regclass", "now() RETURNS timestamptz", "left(text, int) RETURNS text",
             "set_config(text, text, boolean) RETURNS text", "pg_try_advisory_lock(bigint) RETURNS boolean",
             "has_table_privilege(oid, text) RETURNS boolean", "pg_get_indexdef(oid) RETURNS text",
             "same(varchar, varchar) RETURNS boolean", "same(name, text) RETURNS boolean", "same(int, bigint) RETURNS boolean",
             "same(oid, oid) RETURNS boolean", "first(tid[], tid) RETURNS tid[]"]
HOSTILE = "".join(f"CREATE FUNCTION public.{each} IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not meant'; END $$;" for each in FUNCTIONS) + """
    CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = bigint, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.same);
    CREATE AGGREGATE public.array_agg (tid) (SFUNC = public.first, STYPE = tid[]);
    CREATE DOMAIN public.text AS pg_catalog.text CHECK (false);
    CREATE VIEW public.pg_class AS SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c WHERE false;
    CREATE VIEW public.pg_roles AS SELECT 1 AS rolname WHERE false;
"""


@pytest.mark.parametrize("path", ['"$user", public', "public, pg_catalog"])
def test_nothing_of_others_is_called(tmp_path: Path, database: Database, path: str) -> None:
    pair = Pair(tmp_path, database, SOURCE, TARGET)
    database.execute(HOSTILE)
    before = database.contents()
    database.execute(f"ALTER DATABASE {database.name} SET search_path = {path}")
    full = pair.dump()
    pair.replay(full)
    pair.edit(EDITS)
    delta = pair.dump()
    pair.replay("--dry-run", delta)
    pair.replay(delta)
    said = run(VALISE, "doctor", "--dsn", database.dsn)
    assert "not meant" not in said.out + said.error and "not-examined" not in said.out
    assert "done" in pair.replay("--status").lower()
    with contextlib.closing(sqlite3.connect(pair.source)) as source:
        for table, order in (("p", "id"), ("q", "id"), ("k", "v, w")):
            rows = sorted(source.execute(f"SELECT * FROM {table}").fetchall())
            there = database.query(f"SELECT * FROM public.{table}")
            assert sorted(row if table != "p" else (*row[:2], "{%s}" % ",".join(row[2]), row[3]) for row in there) == rows
    pair.replay("--undo", delta)
    database.execute("TRUNCATE public.k, public.q, public.p; DROP SCHEMA valise CASCADE")
    assert database.contents() == before, "another schema: what was taken down came back as something else"


LOOKUP = """
    CREATE TABLE k (v text, w double precision);
    CREATE FUNCTION inner_one(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
    CREATE FUNCTION outer_one(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END';
    CREATE VIEW known AS SELECT 'v1'::text AS v UNION SELECT 'v2';
    CREATE FUNCTION is_known(text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM known AS x WHERE x.v = $1)';
"""


@pytest.mark.parametrize("what, name", [("CHECK (is_known(v))", "is_known"), ("CHECK (outer_one(v) <> 'x')", "outer_one"),
                                        ("COLUMN g text GENERATED ALWAYS AS (outer_one(v)) STORED", "outer_one")])
def test_a_function_that_relies_on_its_callers_path(tmp_path: Path, database: Database, what: str, name: str) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE k (v TEXT, w REAL); INSERT INTO k VALUES ('v1', 1), ('v2', NULL)",
                f"{LOOKUP} ALTER TABLE k ADD {what};")
    full = pair.dump()
    for options in ([], ["--on-bad-value", "reject"]):
        fail(REFUSED, ["does not exist", "ALTER FUNCTION", "SET search_path"], REPLAY, "--dsn", database.dsn, *options, full)
    database.execute(f"ALTER FUNCTION {name} SET search_path = public")
    pair.replay(full)
    pair.edit("UPDATE k SET w = 7 WHERE v = 'v2'; INSERT INTO k VALUES ('v1', 8)")
    pair.replay(pair.dump())
    assert database.query("SELECT v, w FROM k ORDER BY 2") == [("v1", 1.0), ("v2", 7.0), ("v1", 8.0)]


@pytest.mark.parametrize("alter, status", [("ALTER TABLE k ADD g text DEFAULT outer_one('x')", REFUSED), ("CREATE INDEX ON k (middle_one(v))", DATABASE)])
def test_a_function_that_relies_on_it_elsewhere(tmp_path: Path, database: Database, alter: str, status: int) -> None:
    """Where it shows only when the server calls it, or when it reads the table, the message says how to mend it."""
    pair = Pair(tmp_path, database, "CREATE TABLE k (v TEXT, w REAL); INSERT INTO k VALUES ('v1', 1)",
                f"{LOOKUP} CREATE FUNCTION middle_one(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT inner_one($1)'; {alter};")
    full = pair.dump()
    fail(status, ["inner_one(text) does not exist", "ALTER FUNCTION", "SET search_path"], REPLAY, "--dsn", database.dsn, full)
    assert database.query("SELECT v FROM k") == []
    for name in ("outer_one", "middle_one"):
        database.execute(f"ALTER FUNCTION {name} SET search_path = public")
    pair.replay(full)


@pytest.mark.parametrize("alter", ["ALTER TABLE k ALTER g SET DEFAULT outer_one('x')", "ALTER TABLE k ADD CHECK (outer_one(v) <> 'x')",
                                   "CREATE INDEX ON k (outer_one(v))"])
def test_a_function_that_a_delta_needs(tmp_path: Path, database: Database, alter: str) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE k (v TEXT, w REAL); INSERT INTO k VALUES ('v1', 1)", f"{LOOKUP} ALTER TABLE k ADD g text")
    pair.replay(pair.dump())
    pair.edit("INSERT INTO k VALUES ('v2', 2)")
    delta = pair.dump()
    database.execute(f"SET search_path = public; {alter}")
    for options in (["--dry-run"], []):
        fail(REFUSED, ["inner_one(text) does not exist", "ALTER FUNCTION", "SET search_path"], REPLAY, "--dsn", database.dsn, *options, delta)
    assert database.query("SELECT v FROM k") == [("v1",)]
    database.execute("ALTER FUNCTION outer_one SET search_path = public")
    pair.replay(delta)
    assert database.query("SELECT v FROM k ORDER BY v") == [("v1",), ("v2",)]


def test_types_and_collations_of_the_schema(tmp_path: Path, database: Database) -> None:
    """They are compared by their own operators, wherever these are."""
    pair = Pair(tmp_path, database, """
        CREATE TABLE p (id TEXT PRIMARY KEY, n INTEGER, e TEXT);
        CREATE TABLE q (id INTEGER PRIMARY KEY, p TEXT, e TEXT);
        INSERT INTO p VALUES ('Abc', 1, 'x'), ('DEF', 2, 'y');
        INSERT INTO q VALUES (1, 'ABC', 'a'), (2, 'def', 'b'), (3, NULL, NULL);
    """, """
        CREATE EXTENSION citext;
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE p (id citext PRIMARY KEY, n int CHECK (n > 0), e text COLLATE ci CHECK (e <> 'Z'));
        CREATE TABLE q (id bigint PRIMARY KEY, p citext REFERENCES p, e text COLLATE ci);
        CREATE UNIQUE INDEX ON q (e);
    """)
    full = pair.dump()
    pair.replay(full)
    pair.edit("UPDATE p SET id = 'abC', e = 'X' WHERE n = 1; UPDATE q SET p = 'aBc', e = 'A' WHERE id = 1;"
              "DELETE FROM q WHERE id = 2; INSERT INTO q VALUES (5, 'Def', 'C')")
    pair.replay(pair.dump())
    assert database.query("SELECT id::text, n, e FROM p ORDER BY n") == [("abC", 1, "X"), ("DEF", 2, "y")]
    assert database.query("SELECT id, p::text, e FROM q ORDER BY id") == [(1, "aBc", "A"), (3, None, None), (5, "Def", "C")]
    assert pair.described() == pair.schema
    pair.edit("INSERT INTO q VALUES (6, 'ghi', 'D')")
    fresh = tmp_path / "fresh.valise"
    succeed(DUMP, "-o", fresh, pair.source)
    database.execute("DROP SCHEMA valise CASCADE; TRUNCATE p, q")
    pair.refuse(REFUSED, ["refers to no row", "ghi"], fresh)
