"""valise schema: the tables that it makes hold everything, and behave as those of SQLite did."""
from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
from pathlib import Path

import psycopg2
import pytest

import compare
import programs
from conftest import Database
from random_database import RandomDatabase
from test_hostile_databases import NAMES, make, quoted

SHARED = Path(os.environ.get("VALISE_SHARED", programs.ROOT.parent / "shared"))

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'it''s', active BOOLEAN DEFAULT 1,
    joined TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, balance NUMERIC DEFAULT 1.5,
    recommended_by INTEGER REFERENCES customer ON DELETE CASCADE, email TEXT COLLATE NOCASE UNIQUE, price DECIMAL(10, 2),
    ts INTEGER DEFAULT (strftime('%s', 'now')), w REAL DEFAULT (1 + 1), b BLOB DEFAULT x'00ff',
    twice INTEGER GENERATED ALWAYS AS (id * 2), UNIQUE (name, joined));
CREATE INDEX customer_name ON customer (name DESC, joined);
CREATE INDEX customer_active ON customer (name) WHERE active;
CREATE UNIQUE INDEX customer_lower ON customer (lower(name), id);
CREATE TABLE product (sku TEXT PRIMARY KEY, title TEXT NOT NULL, weight REAL, photo BLOB, attributes JSON, mixed, bytes, big NUMBER);
CREATE TABLE line (customer_id INTEGER NOT NULL, position INTEGER NOT NULL, sku TEXT REFERENCES product,
    amount INTEGER NOT NULL CHECK (amount > 0), PRIMARY KEY (customer_id, position),
    FOREIGN KEY (customer_id) REFERENCES customer (id) ON UPDATE CASCADE) WITHOUT ROWID;
CREATE TABLE parcel (customer_id INTEGER, position INTEGER, FOREIGN KEY (position, customer_id) REFERENCES line (position, customer_id));
CREATE TABLE stray (code INTEGER REFERENCES product (sku), gone INTEGER REFERENCES no_such_table (id));
CREATE VIRTUAL TABLE words USING fts5(word);
CREATE VIEW names AS SELECT name
-- of customers; COMMIT; DROP TABLE customer;
FROM customer;
CREATE TRIGGER changed AFTER UPDATE ON product BEGIN SELECT 1; END;
INSERT INTO customer (id, name, email, price, recommended_by) VALUES (1, 'a', 'A@b', 10, NULL), (41, 'b', NULL, 2.25, 1);
INSERT INTO product VALUES ('s', 't', 1.5, x'01', '{}', 1, x'00', 9223372036854775807),
    (NULL, 'u', NULL, NULL, NULL, 'x', 'y', 0.5);
INSERT INTO line VALUES (1, 1, 's', 3);
INSERT INTO parcel VALUES (1, 1);
"""


def script_of(dump: Path, *options: str) -> str:
    return programs.succeed(programs.VALISE, "schema", *options, dump).out


def create(database: Database, script: str, folder: Path) -> None:
    """As an administrator would: by psql, which stops at the first error."""
    path = folder / "schema.sql"
    path.write_text(script, encoding="utf-8")
    programs.succeed("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.dsn, "-f", path)
    database.settle()


def moves(database: Database, snapshot: Path, folder: Path) -> str:
    """Dump, make the schema, replay, compare; the script."""
    dump = programs.dump(snapshot, folder / "dump.valise")
    script = script_of(dump)
    create(database, script, folder)
    programs.replay(database.dsn, dump)
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    return script


def test_a_shop(database: Database, tmp_path: Path) -> None:
    script = moves(database, make(tmp_path / "s.db", SHOP), tmp_path)
    types = dict(database.query("SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
                                " WHERE table_schema = 'public'"))
    assert types["customer.active"] == "boolean" and types["customer.price"] == "numeric"
    assert types["customer.joined"] == "text" and types["customer.twice"] == "bigint"
    assert types["product.weight"] == "double precision" and types["product.photo"] == "bytea"
    assert types["product.mixed"] == "text" and types["product.bytes"] == "bytea" and types["product.big"] == "numeric"

    [found] = database.query("INSERT INTO customer (email) VALUES ('n@b') RETURNING id, name, active, balance, b, ts, joined")
    assert found[:4] == (42, "it's", True, 1.5) and bytes(found[4]) == b"\0\xff" and found[5] > 1_700_000_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", found[6])
    for statement, why in [
            ("INSERT INTO customer (name, email) VALUES ('c', 'a@B')", psycopg2.errors.UniqueViolation),
            ("INSERT INTO customer (name, joined) SELECT name, joined FROM customer WHERE id = 1", psycopg2.errors.UniqueViolation),
            ("INSERT INTO customer (name, recommended_by) VALUES ('d', 7)", psycopg2.errors.ForeignKeyViolation),
            ("INSERT INTO line VALUES (1, 1, 's', 1)", psycopg2.errors.UniqueViolation),
            ("INSERT INTO line VALUES (2, 1, 's', 1)", psycopg2.errors.ForeignKeyViolation),
            ("INSERT INTO parcel VALUES (1, 2)", psycopg2.errors.ForeignKeyViolation),
            ("INSERT INTO product (sku) VALUES ('n')", psycopg2.errors.NotNullViolation)]:
        with pytest.raises(why):
            database.query(statement)
    for left_out in ['index "customer_active" is partial', 'unique index "customer_lower" is on an expression',
                     'column "w": its default', 'column "twice" is computed', "its primary key holds NULL", "CHECK constraints",
                     'view "names"', 'trigger "changed"', 'virtual table "words"', "have different types here",
                     "the table that it refers to is not made"]:
        assert any(left_out in line for line in script.splitlines() if line.startswith("-- NOTE")), left_out


def test_deltas_go_on(database: Database, tmp_path: Path) -> None:
    """The tables that were made take later deltas as well."""
    snapshot = make(tmp_path / "s.db", SHOP)
    moves(database, snapshot, tmp_path)
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.executescript("DELETE FROM parcel; DELETE FROM line; UPDATE customer SET price = 3.5 WHERE id = 41;"
                         "INSERT INTO customer (name) VALUES ('new')")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(tmp_path / "dump.valise"))
    programs.replay(database.dsn, delta)
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    programs.fail(programs.REFUSED, ["is a delta"], programs.VALISE, "schema", delta)


def test_hostile_names(database: Database, tmp_path: Path) -> None:
    columns = ", ".join(quoted(name) for name in NAMES)
    snapshot = make(tmp_path / "s.db", "".join(
        f"CREATE TABLE {quoted(n)} ({columns}, PRIMARY KEY ({quoted(NAMES[0])}, {quoted(NAMES[1])}));"
        f"CREATE INDEX {quoted('i ' + n)} ON {quoted(n)} ({quoted(n)});"
        f"CREATE VIEW {quoted('v ' + n)} AS SELECT {quoted(n)} FROM {quoted(n)};" for n in NAMES),
        {name: [tuple(f"{name} {n} {column}" for column in NAMES) for n in range(3)] for name in NAMES})
    moves(database, snapshot, tmp_path)
    assert database.query("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'") == [(2 * len(NAMES),)]


def test_names_that_postgresql_gives_by_itself(database: Database, tmp_path: Path) -> None:
    """Tables and indexes keep their names; what has none in SQLite makes room for them."""
    long, wide = "l" * 60, "ü" * 30
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT, UNIQUE (a, b)); CREATE INDEX t_pkey ON t (b);
        CREATE TABLE t_id_seq (x TEXT); CREATE UNIQUE INDEX t_a_key ON t (b, a); CREATE TABLE t_a_b_key (a INTEGER);
        CREATE TABLE t_pkey1 (x TEXT PRIMARY KEY NOT NULL);
        CREATE TABLE {long} (a TEXT PRIMARY KEY NOT NULL, {wide} TEXT UNIQUE); CREATE TABLE {'l' * 58}_pkey (a TEXT);
        CREATE INDEX {'l' * 29}_{'ü' * 14}_key ON {long} (a, {wide});
        INSERT INTO t VALUES (3, 'a', 'b'); INSERT INTO {long} VALUES ('x', 'y');""")
    moves(database, snapshot, tmp_path)
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        names = {name for name, in db.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    made = {name for name, in database.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")}
    assert names <= made and {"t_pkey2", "t_a_key1", "t_a_b_key1", "t_id_seq1"} <= made
    assert database.query("INSERT INTO t (a) VALUES ('n') RETURNING id") == [(4,)]


@pytest.mark.parametrize("name", ["ctid", "xmin", "tableoid"])
def test_names_of_system_columns(tmp_path: Path, name: str) -> None:
    dump = programs.dump(make(tmp_path / "s.db", f"CREATE TABLE t (a, {name})"), tmp_path / "dump.valise")
    programs.fail(programs.REFUSED, ["RENAME", f'column "{name}"', "system column"], programs.VALISE, "schema", dump)


@pytest.mark.parametrize("name,words", [("", "is empty"), ("x" * 64, "longer than 63 bytes"), ("ü" * 32, "longer than 63 bytes")])
def test_names_that_postgresql_cannot_have(tmp_path: Path, name: str, words: str) -> None:
    dump = programs.dump(make(tmp_path / "s.db", f"CREATE TABLE t ({quoted(name)}); CREATE TABLE {quoted(name)} (a)"),
                         tmp_path / "dump.valise")
    done = programs.fail(programs.REFUSED, ["RENAME", words, 'table "t", column'], programs.VALISE, "schema", dump)
    assert done.out == "" and done.error.count(words) == 2


def test_a_table_that_is_too_wide(tmp_path: Path) -> None:
    dump = programs.dump(make(tmp_path / "s.db", f"CREATE TABLE t ({', '.join(f'c{n}' for n in range(1601))})"), tmp_path / "dump.valise")
    programs.fail(programs.REFUSED, ['cannot have such tables', 'table "t" has more than 1600 columns'], programs.VALISE, "schema", dump)


def test_named_types(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", "CREATE TABLE \"a.b\" (\"c.d\" TEXT DEFAULT CURRENT_TIMESTAMP, j TEXT DEFAULT '[]');"
                    "INSERT INTO \"a.b\" VALUES ('2026-01-02 03:04:05', '{\"a\": 1}')")
    dump = programs.dump(snapshot, tmp_path / "dump.valise")
    create(database, script_of(dump, "--type", "a.b.c.d=timestamp(0)", "--type", "A.B.J=jsonb"), tmp_path)
    programs.replay(database.dsn, dump)
    assert database.query('SELECT "c.d"::text, j->>\'a\' FROM "a.b"') == [("2026-01-02 03:04:05", "1")]
    assert database.query('INSERT INTO "a.b" DEFAULT VALUES RETURNING "c.d" > now() - interval \'1 day\', j::text') == [(True, "[]")]
    for wrong in ["a.b.x=text", "a.b=text", "a.b.j=", "=text", "a.b.j=text); DROP TABLE x; --"]:
        programs.fail(programs.USAGE, ["--type", wrong[:6]], programs.VALISE, "schema", "--type", wrong, dump)


def test_types_that_were_declared(database: Database, tmp_path: Path) -> None:
    """All columns of a declaration at once, in whatever order, but for those that are named; until then a note says how."""
    snapshot = make(tmp_path / "s.db", """CREATE TABLE t (id INTEGER PRIMARY KEY, made DATETIME DEFAULT CURRENT_TIMESTAMP, paid datetime, day DATE, "a.b" VARCHAR(36), j JSON,
        s DATETIME, n DECIMAL(10, 2), at TIMESTAMP WITH TIME ZONE, is_old BOOLEAN); CREATE TABLE u (seen DateTime, "DATETIME" TEXT);
        INSERT INTO t VALUES (1, '2024-02-29 23:59:58.125000', NULL, '2024-02-29', '00112233-4455-6677-8899-aabbccddeeff', '{"a": 1}', 'never', 1.5,
            '2024-02-29 23:59:58+02:00', 1); INSERT INTO u VALUES (NULL, 'x')""")
    dump = programs.dump(snapshot, tmp_path / "dump.valise")
    script = script_of(dump)
    notes = [line for line in script.splitlines() if line.startswith("-- NOTE")]
    assert [note.partition("--type ")[2] for note in notes] == ['"DATETIME=timestamp"', '"DATE=date"', '"JSON=jsonb"', '"TIMESTAMP WITH TIME ZONE=timestamptz"']
    create(database, script_of(dump, "--type=t.s=text", "--type=DATETIME=timestamp(6)", "--type=DATE=date", "--type=json=jsonb", "--type=VARCHAR(36)=uuid",
                               "--type=Decimal(10, 2)=numeric(10,2)", "--type=TIMESTAMP WITH TIME ZONE=timestamptz"), tmp_path)
    programs.replay(database.dsn, dump)
    assert database.query("SELECT made::text, paid, day::text, \"a.b\"::text, j::text, s, n::text, (at AT TIME ZONE 'UTC')::text, is_old FROM t") == [
        ("2024-02-29 23:59:58.125", None, "2024-02-29", "00112233-4455-6677-8899-aabbccddeeff", '{"a": 1}', "never", "1.50", "2024-02-29 21:59:58", True)]
    assert database.query("SELECT string_agg(DISTINCT data_type, ' ') FROM information_schema.columns WHERE column_name IN ('seen', 'paid', 'made')") == [
        ("timestamp without time zone",)]
    assert database.query("INSERT INTO t DEFAULT VALUES RETURNING made > now() - interval '1 day'") == [(True,)]
    with pytest.raises(psycopg2.errors.NotNullViolation):
        database.query("INSERT INTO t (id) VALUES (NULL)")


def test_an_integer_key_that_holds_null(database: Database, tmp_path: Path) -> None:
    """INTEGER PRIMARY KEY DESC is no rowid: NULL stays in it."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, v TEXT); INSERT INTO t VALUES (NULL, 'a'), (NULL, 'b'), (7, 'c')")
    assert "IDENTITY" not in moves(database, snapshot, tmp_path)


def test_a_reference_to_a_key_that_folds(database: Database, tmp_path: Path) -> None:
    """'a' refers to 'A' where that is NOCASE, which no foreign key of PostgreSQL would find."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE p (k TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO p VALUES ('A');"
                    "CREATE TABLE c (p TEXT REFERENCES p); INSERT INTO c VALUES ('a')")
    assert 'NOTE table "c": the foreign key on "p"' in moves(database, snapshot, tmp_path)


def test_a_smaller_integer_still_counts(database: Database, tmp_path: Path) -> None:
    dump = programs.dump(make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (7, 1)"), tmp_path / "dump.valise")
    create(database, script_of(dump, "--type", "t.id=INT"), tmp_path)
    programs.replay(database.dsn, dump)
    assert database.query("INSERT INTO t (v) VALUES (2) RETURNING id, pg_typeof(id)::text") == [(8, "integer")]


@pytest.mark.parametrize("script", ["", "CREATE TABLE t (a)", "CREATE VIRTUAL TABLE f USING fts5(a)",
                                    "CREATE TABLE t (a COLLATE of_the_application UNIQUE)"])
def test_little(database: Database, tmp_path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.create_collation("of_the_application", lambda a, b: (a > b) - (a < b))
        db.executescript("PRAGMA user_version = 1;" + script)
    dump = programs.dump(tmp_path / "s.db", tmp_path / "dump.valise")
    create(database, script_of(dump), tmp_path)
    assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [("TABLE t" in script,)]


@pytest.mark.parametrize("seed", range(1, 11))
def test_random_databases(database: Database, tmp_path: Path, seed: int) -> None:
    """Whatever is in a database, its tables can be made; what a type cannot hold is found before anything is loaded."""
    random = RandomDatabase(str(tmp_path / "s.db"), seed, any_part=0.7)
    random.create(6, 40)
    dump = programs.dump(tmp_path / "s.db", tmp_path / "dump.valise")
    create(database, script_of(dump), tmp_path)
    done = programs.run(programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", dump)
    assert done.status in (0, programs.REJECTED), done


def test_a_homeserver(database: Database, tmp_path: Path) -> None:
    """Without any knowledge of the application: every table, every value."""
    packed = SHARED / "synapse/homeserver-A.db.zst"
    if not packed.exists():
        pytest.skip(f"{packed} is not there (VALISE_SHARED says where the snapshots are)")
    snapshot = tmp_path / "homeserver.db"
    subprocess.run(["zstd", "-dq", packed, "-o", snapshot], check=True)
    dump = programs.dump(snapshot, tmp_path / "dump.valise")
    create(database, script_of(dump), tmp_path)
    programs.replay(database.dsn, dump, "--profile", "none")
    results = compare.compare(snapshot, database.dsn)
    assert compare.differences(results) == [] and sum(result.values for result in results) > 90_000
