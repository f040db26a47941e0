"""What SQLite lets through and PostgreSQL does not: every kind, under every policy."""
from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

import programs
from conftest import Database


@dataclass
class Bad:
    """A column v of PostgreSQL, and a value of SQLite that it cannot hold."""

    column: str
    value: str
    words: str            # of the list of problems
    replaced: str = ""    # what "replace" makes of it, as PostgreSQL's text; empty: it does not help
    setup: str = ""       # more SQL for SQLite


VALUES = {
    "NUL": Bad("text", "CAST(x'610062' AS TEXT)", "contains a NUL character", "a\ufffdb"),
    "NUL in varchar": Bad("varchar(3)", "CAST(x'610062' AS TEXT)", "contains a NUL character", "a\ufffdb"),
    "UTF-8": Bad("text", "CAST(x'61ff62' AS TEXT)", "is not valid UTF-8", "a\ufffdb"),
    "surrogate": Bad("text", "CAST(x'eda080' AS TEXT)", "is not valid UTF-8", "\ufffd\ufffd\ufffd"),
    "smallint": Bad("smallint", "40000", "is out of range"),
    "integer": Bad("integer", "-3000000000", "is out of range"),
    "bigint": Bad("bigint", "1e300", "is out of range"),
    "text in integer": Bad("integer", "'seven'", "storage class"),
    "text in bigint": Bad("bigint", "'12x'", "storage class"),
    "boolean": Bad("boolean", "2", "is no boolean"),
    "text in boolean": Bad("boolean", "'yes'", "is no boolean"),
    "varchar": Bad("varchar(3)", "'äöüß'", "is too long"),
    "fraction": Bad("bigint", "1.5", "is a REAL that is no integer"),
    "integer in bytea": Bad("bytea", "7", "storage class"),
    "jsonb": Bad("jsonb", "'{\"a\": '", "is not JSON"),
    "jsonb with NUL": Bad("jsonb", "'{\"a\": \"\\u0000\"}'", "is not JSON"),
    "NULL": Bad("text NOT NULL", "NULL", "is NULL"),
}


def prepare(database: Database, folder: Path, sqlite: str, postgresql: str) -> Path:
    snapshot = folder / "bad.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript(sqlite)
    database.execute(postgresql)
    return programs.dump(snapshot, folder / "bad.valise")


def prepare_value(database: Database, folder: Path, bad: Bad) -> Path:
    good = "NULL" if "NOT NULL" not in bad.column else "'good'"
    return prepare(database, folder,
                   f"CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, {good}), (2, {bad.value}), (3, {good})",
                   f"CREATE TABLE t (id bigint PRIMARY KEY, v {bad.column})")


def is_untouched(database: Database, tables: list[str]) -> bool:
    return (database.query("SELECT to_regnamespace('valise') IS NULL") == [(True,)]
            and all(database.query(f"SELECT count(*) FROM {table}") == [(0,)] for table in tables))


def canonical(*values: int | bytes | None) -> bytes:
    """A row's canonical bytes (SPEC 4): of integers, TEXT as bytes, and NULL."""
    out = b""
    for value in values:
        if value is None:
            out += b"\0"
        elif isinstance(value, int):
            out += b"\1" + value.to_bytes(8, "little", signed=True)
        else:
            out += b"\3" + len(value).to_bytes(4, "little") + value
    return out


@pytest.mark.parametrize("kind", VALUES)
def test_stop(database: Database, tmp_path: Path, kind: str) -> None:
    file = prepare_value(database, tmp_path, VALUES[kind])
    done = programs.fail(programs.REFUSED, ["\"t\"", "\"v\"", "values like this: 1", VALUES[kind].words, "id = 2", "--on-bad-value t.v=reject"],
                         programs.REPLAY, "--dsn", database.dsn, file)
    assert ("=replace" in done.error) == bool(VALUES[kind].replaced), done
    assert is_untouched(database, ["t"])


@pytest.mark.parametrize("kind", VALUES)
def test_reject(database: Database, tmp_path: Path, kind: str) -> None:
    file, rejects = prepare_value(database, tmp_path, VALUES[kind]), tmp_path / "rejects"
    done = programs.fail(programs.REJECTED, ["1 rows were rejected"],
                         programs.REPLAY, "--dsn", database.dsn, "--on-bad-value", "t.v=reject", "--rejects", rejects, file)
    assert "the rows are rejected" in done.out, done
    assert database.query("SELECT id FROM t ORDER BY id") == [(1,), (3,)]
    [(table, reason, row)] = database.query("SELECT table_name, reason, encode(row_bytes, 'hex') FROM valise.rejects")
    assert table == "t" and VALUES[kind].words in reason and '"v"' in reason
    assert bytes.fromhex(row).startswith(canonical(2))
    [entry] = json.loads(rejects.read_text())
    assert entry["values"]["id"] == 2 and entry | {"values": None} == {"id": 1, "table": "t", "reason": reason, "row": row, "values": None}
    assert "nothing to do" in programs.succeed(programs.REPLAY, "--dsn", database.dsn, file).out


@pytest.mark.parametrize("kind", VALUES)
def test_replace(database: Database, tmp_path: Path, kind: str) -> None:
    bad = VALUES[kind]
    file = prepare_value(database, tmp_path, bad)
    command = [programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", file]
    if not bad.replaced:
        programs.fail(programs.REFUSED, [bad.words], *command)
        assert is_untouched(database, ["t"])
        return
    programs.fail(programs.REJECTED, ["0 rows were rejected", "1 values replaced"], *command)
    assert database.query("SELECT v FROM t WHERE id = 2") == [(bad.replaced,)]


def test_rejected_rows_are_lossless(database: Database, tmp_path: Path) -> None:
    file = prepare_value(database, tmp_path, VALUES["UTF-8"])
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", file)
    assert database.query("SELECT encode(row_bytes, 'hex') FROM valise.rejects") == [(canonical(2, b"a\xffb").hex(),)]


def test_chosen_text(database: Database, tmp_path: Path) -> None:
    file = prepare_value(database, tmp_path, VALUES["NUL"])
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=T.V=replace", "--nul-text", "<NUL>", file)
    assert database.query("SELECT v FROM t WHERE id = 2") == [("a<NUL>b",)]


def test_replaced_text_is_too_long(database: Database, tmp_path: Path) -> None:
    file = prepare_value(database, tmp_path, VALUES["NUL in varchar"])
    programs.fail(programs.REFUSED, ["too long"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", "--nul-text=xx", file)
    assert is_untouched(database, ["t"])


def test_column_beats_overall(database: Database, tmp_path: Path) -> None:
    file = prepare_value(database, tmp_path, VALUES["NUL"])
    programs.fail(programs.REFUSED, ["NUL"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=t.v=stop", "--on-bad-value=reject", file)
    assert is_untouched(database, ["t"])


TIMES = {"date": "2024-02-29 12:00:00", "timestamp": "2024-02-29 12:00:00+02:00", "timestamp(0)": "2024-02-29 11:59:59.7", "time": "2000-01-01 12:00:00",
         "timestamptz": "2024-02-29 12:00:00.123456789+00:00"}


@pytest.mark.parametrize("column", TIMES)
def test_what_a_time_would_lose(database: Database, tmp_path: Path, column: str) -> None:
    """The server reads it and says nothing; a full dump and a delta are refused, unless replacing is allowed."""
    bad = Bad(column, f"'{TIMES[column]}'", "would drop")
    file = prepare_value(database, tmp_path, bad)
    programs.fail(programs.REFUSED, [bad.words, "id = 2", "=replace"], programs.REPLAY, "--dsn", database.dsn, file)
    assert is_untouched(database, ["t"])
    programs.fail(programs.REJECTED, ["1 values replaced"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", file)
    with contextlib.closing(sqlite3.connect(tmp_path / "bad.db")) as source, source:
        source.execute("INSERT INTO t SELECT 4, v FROM t WHERE id = 2")
    delta = programs.dump(tmp_path / "bad.db", tmp_path / "delta.valise", "--base", str(file))
    database.settle()
    assert bad.words in programs.run(programs.REPLAY, "--dsn", database.dsn, delta).error
    programs.run(programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", delta)
    [(first,), (second,)] = database.query("SELECT v::text FROM t WHERE id IN (2, 4)")
    assert first == second and first in {"2024-02-29", "2024-02-29 12:00:00", "12:00:00", "2024-02-29 12:00:00.123457+00"}


@pytest.mark.parametrize("rule", ["on_bad_value: reject", "tables: {t: {on_bad_value: {v: reject}}}"])
def test_profile(database: Database, tmp_path: Path, rule: str) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(f"profile: bad\ntitle: bad\nformat: 1\nrecognise: [t]\n{rule}\n")
    file = prepare_value(database, tmp_path, VALUES["integer"])
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--profile", profile, file)
    assert database.query("SELECT id FROM t ORDER BY id") == [(1,), (3,)]


@pytest.mark.parametrize("word", ["perhaps", "t.v=perhaps", "v=stop", ""])
def test_no_policy(database: Database, tmp_path: Path, word: str) -> None:
    file = prepare_value(database, tmp_path, VALUES["NUL"])
    programs.fail(programs.USAGE, ["--on-bad-value"], programs.REPLAY, "--dsn", database.dsn, f"--on-bad-value={word}", file)


@pytest.mark.parametrize("column", ["t.nope", "nope.v", "t"])
def test_a_column_that_is_not_there(database: Database, tmp_path: Path, column: str) -> None:
    """A misspelt name must not leave a column to what is said overall."""
    file = prepare_value(database, tmp_path, VALUES["NUL"])
    programs.fail(programs.USAGE, [f"{column}=stop"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject",
                  f"--on-bad-value={column}=stop", file)
    assert is_untouched(database, ["t"])


def test_the_list_takes_the_place_of_nothing(database: Database, tmp_path: Path) -> None:
    """Said before the work: neither a dump, nor a database, nor the report is overwritten by --rejects."""
    file = prepare_value(database, tmp_path, VALUES["NUL"])
    for taken in [file, tmp_path / "bad.db"]:
        before = taken.read_bytes()
        programs.fail(programs.USAGE, ["--rejects", "overwritten"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", "--rejects", taken, file)
        assert taken.read_bytes() == before
    programs.fail(programs.USAGE, ["same file"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject",
                  "--rejects", tmp_path / "r", "--report", tmp_path / "r", file)
    assert is_untouched(database, ["t"])


def test_a_delta_is_not_told_to_leave_rows_out(database: Database, tmp_path: Path) -> None:
    file = prepare_value(database, tmp_path, Bad("bigint", "7", ""))
    programs.replay(database.dsn, file)
    with contextlib.closing(sqlite3.connect(tmp_path / "bad.db")) as source, source:
        source.execute("UPDATE t SET v = 'seven' WHERE id = 2")
    delta = programs.dump(tmp_path / "bad.db", tmp_path / "delta.valise", "--base", str(file))
    database.settle()
    done = programs.fail(programs.REFUSED, ["storage class", "--on-existing=replace"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", delta)
    assert "=reject" not in done.error
    database.execute("ALTER TABLE t ALTER v TYPE text")
    database.settle()
    programs.succeed(programs.VALISE, "squash", "-o", tmp_path / "full.valise", file, delta)
    programs.replay(database.dsn, tmp_path / "full.valise", "--on-existing=replace")
    assert database.query("SELECT v FROM t WHERE id = 2") == [("seven",)]


def test_text_becomes_bytea(database: Database, tmp_path: Path) -> None:
    """Its bytes are kept: nothing is bad about it."""
    file = prepare(database, tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, CAST(x'61ff00' AS TEXT))",
                   "CREATE TABLE t (id bigint PRIMARY KEY, v bytea)")
    programs.replay(database.dsn, file)
    assert database.query("SELECT encode(v, 'hex') FROM t") == [("61ff00",)]


def test_dependants_go_too(database: Database, tmp_path: Path) -> None:
    """A row that refers to a rejected one is rejected, and what refers to that, also within a table."""
    file = prepare(database, tmp_path, """
        CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER, up INTEGER);
        CREATE TABLE c (b REAL);
        INSERT INTO a VALUES (1, 'x'), (2, CAST(x'00' AS TEXT)), (3, 'y');
        INSERT INTO b VALUES (10, 1, NULL), (20, 2, NULL), (21, 1, 20), (22, 1, 21), (30, NULL, 10);
        INSERT INTO c VALUES (10), (22), (NULL), (30)""", """
        CREATE TABLE a (id int PRIMARY KEY, v text);
        CREATE TABLE b (id bigint PRIMARY KEY, a bigint REFERENCES a, up bigint REFERENCES b); CREATE TABLE c (b bigint REFERENCES b)""")
    programs.fail(programs.REJECTED, ["5 rows were rejected"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=a.v=reject", file)
    assert database.query("SELECT id FROM a ORDER BY 1") == [(1,), (3,)]
    assert database.query("SELECT id FROM b ORDER BY 1") == [(10,), (30,)]
    assert database.query("SELECT b FROM c ORDER BY 1") == [(10,), (30,), (None,)]
    assert database.query("SELECT table_name, count(*) FROM valise.rejects GROUP BY 1 ORDER BY 1") == [("a", 1), ("b", 3), ("c", 1)]


@dataclass
class Broken:
    """What only a constraint shows: rows (id, v) of SQLite's t, PostgreSQL's tables, the ids that "reject" leaves, words of the list."""

    rows: str
    tables: str
    left: list[int]
    words: str
    more: str = ""  # SQLite's other tables


LONG = "hex(randomblob(9000))"
BROKEN = {
    "CHECK": Broken("(1, 5), (2, -5), (3, 6)", "CREATE TABLE t (id int, v int CHECK (v > 0))", [1, 3], "check constraint \"t_v_check\""),
    "CHECK of rows that are not loaded": Broken("(1, 5), (2, -5)", "CREATE TABLE t (id int, v int); ALTER TABLE t ADD CONSTRAINT c CHECK (v > 0) NOT VALID",
                                                [1], "check constraint \"c\""),
    "CHECK of two columns": Broken("(1, 5), (2, 1), (3, 3)", "CREATE TABLE t (id int, v int, CHECK (v >= id))", [1, 3], "check constraint \"t_check\""),
    "CHECK that fails": Broken("(1, 5), (2, 0), (3, 3)", "CREATE TABLE t (id int, v int CHECK (10 / v > 1))", [1, 3], "division by zero"),
    "CHECK of NOT NULL": Broken("(1, 5), (2, NULL), (3, 3)", "CREATE TABLE t (id int, v int CHECK (v IS NOT NULL))", [1, 3], "check constraint"),
    "CHECK with a default": Broken("(1, 5), (2, 20), (3, 3)", "CREATE TABLE t (id int, v int, top int DEFAULT 10, CHECK (v < top))", [1, 3], "check constraint"),
    "hostile names": Broken("(1, 5), (2, -5)", 'CREATE TABLE t (id int, v int CONSTRAINT "a""b ; USING x" CHECK (v > 0)); CREATE INDEX "x USING (""v" ON t ((v / v))',
                            [1], "violates check constraint"),
    "domain": Broken("(1, 5), (2, -5), (3, 6)", "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TABLE t (id int, v positive)", [1, 3],
                     "value for domain public.positive violates"),
    "date": Broken("(1, '2024-02-29'), (2, '2023-02-29'), (3, NULL), (4, 'yesterday or so')", "CREATE TABLE t (id int, v date)", [1, 3], "date"),
    "timestamp": Broken("(1, '2024-02-29 23:59:59.123456+01:00'), (2, 'tomorrow'), (3, '2020-02-29'), (4, '1/8/2020')",
                        "CREATE TABLE t (id int, v timestamptz)", [1, 3], "is no date or time of the ISO kind"),
    "array": Broken("(1, '{1,2}'), (2, '[1,2]')", "CREATE TABLE t (id int, v int[])", [1], "malformed array literal"),
    "generated column": Broken("(1, 5), (2, 0)", "CREATE TABLE t (id int, v int, g int GENERATED ALWAYS AS (10 / v) STORED)", [1], "division by zero"),
    "generated NOT NULL": Broken("(1, 5), (2, 0)", "CREATE TABLE t (id int, v int, g int GENERATED ALWAYS AS (nullif(v, 0)) STORED NOT NULL)", [1],
                                 "violates not-null constraint"),
    "PRIMARY KEY": Broken("(1, 5), (2, 6), (3, 5)", "CREATE TABLE t (id int, v int PRIMARY KEY)", [1, 2], "unique index \"t_pkey\""),
    "UNIQUE": Broken("(1, 5), (2, 6), (3, 5), (4, NULL), (5, NULL), (6, 5)", "CREATE TABLE t (id int, v int UNIQUE)", [1, 2, 4, 5], "unique index \"t_v_key\""),
    "UNIQUE over classes": Broken("(1, '5'), (2, 5), (3, CAST('5' AS BLOB)), (4, '05')", "CREATE TABLE t (id int, v text UNIQUE)", [1, 4], "same values"),
    "UNIQUE of two columns": Broken("(1, 5), (1, 6), (2, 5), (1, 5.0)", "CREATE TABLE t (id int, v int, UNIQUE (v, id))", [1, 1, 2], "same values"),
    "UNIQUE deferred": Broken("(1, 5), (2, 5)", "CREATE TABLE t (id int, v int UNIQUE DEFERRABLE INITIALLY DEFERRED)", [1], "same values"),
    "UNIQUE zero": Broken("(1, 0.0), (2, -0.0), (3, 1.0)", "CREATE TABLE t (id int, v double precision UNIQUE)", [1, 3], "same values"),
    "UNIQUE real": Broken("(1, 0.1), (2, 0.10000000001), (3, 1)", "CREATE TABLE t (id int, v real UNIQUE)", [1, 3], "same values"),
    "UNIQUE numeric": Broken("(1, '1.0'), (2, 1), (3, '1e1'), (4, 10)", "CREATE TABLE t (id int, v numeric UNIQUE)", [1, 3], "same values"),
    "UNIQUE char": Broken("(1, 'a'), (2, 'a  '), (3, 'b')", "CREATE TABLE t (id int, v char(5) UNIQUE)", [1, 3], "same values"),
    "UNIQUE uuid": Broken("(1, 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'), (2, x'a0eebc999c0b4ef8bb6d6bb9bd380a11')", "CREATE TABLE t (id int, v uuid UNIQUE)", [1],
                          "same values"),
    "UNIQUE jsonb": Broken("(1, '{\"a\": 1, \"b\": 2}'), (2, '{\"b\":2,\"a\":1.0}')", "CREATE TABLE t (id int, v jsonb UNIQUE)", [1], "same values"),
    "UNIQUE NULL": Broken("(1, NULL), (2, NULL), (3, 1)", "CREATE TABLE t (id int, v int, UNIQUE NULLS NOT DISTINCT (v))", [1, 3], "same values"),
    "UNIQUE date": Broken("(1, '2024-01-01'), (2, '2024-1-1'), (3, '2024-01-02')", "CREATE TABLE t (id int, v date UNIQUE)", [1, 3], "same values"),
    "UNIQUE citext": Broken("(1, 'a'), (2, 'A'), (3, 'b')", "CREATE EXTENSION citext; CREATE TABLE t (id int, v citext UNIQUE)", [1, 3], "duplicate key value"),
    "UNIQUE loose collation": Broken("(1, 'a'), (2, 'A'), (3, 'b')", "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
                                     "CREATE TABLE t (id int, v text COLLATE loose UNIQUE)", [1, 3], "duplicate key value"),
    "UNIQUE loose index": Broken("(1, 'a'), (2, 'A'), (3, 'b')", "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
                                 "CREATE TABLE t (id int, v text); CREATE UNIQUE INDEX u ON t (v COLLATE loose)", [1, 3], "duplicate key value"),
    "UNIQUE expression": Broken("(1, 'a'), (2, 'A'), (3, 'b')", "CREATE TABLE t (id int, v text); CREATE UNIQUE INDEX u ON t (lower(v))", [1, 3], "unique constraint \"u\""),
    "UNIQUE where NULL": Broken("(1, NULL), (1, NULL), (2, NULL), (1, 5), (1, 6)", "CREATE TABLE t (id int, v int); CREATE UNIQUE INDEX u ON t (id) WHERE v IS NULL",
                                [1, 1, 1, 2], "unique index \"u\""),
    "UNIQUE where NOT NULL": Broken("(1, NULL), (1, NULL), (1, 5), (1, 6)", "CREATE TABLE t (id int, v int); CREATE UNIQUE INDEX u ON t (id) WHERE v IS NOT NULL",
                                    [1, 1, 1], "unique index \"u\""),
    "UNIQUE where": Broken("(1, 5), (1, 50), (1, 60)", "CREATE TABLE t (id int, v int); CREATE UNIQUE INDEX u ON t (id) WHERE v > 10", [1, 1], "unique constraint \"u\""),
    "EXCLUDE": Broken("(1, '[1,5)'), (2, '[4,6)'), (3, '[5,7)')", "CREATE TABLE t (id int, v int4range, EXCLUDE USING gist (v WITH &&))", [1, 3],
                      "conflicting key value"),
    "FOREIGN KEY": Broken("(1, 1), (2, 7), (3, NULL), (4, 7)", "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int, v bigint REFERENCES p)", [1, 3],
                          "foreign key \"t_v_fkey\"", "INSERT INTO p VALUES (1), (2)"),
    "FOREIGN KEY of text": Broken("(1, 'x'), (2, 'x '), (3, 'y')", "CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE t (id int, v varchar(9) REFERENCES p)", [1],
                                  "foreign key", "DROP TABLE p; CREATE TABLE p (id); INSERT INTO p VALUES ('x')"),
    "FOREIGN KEY of numbers": Broken("(1, 1.0), (2, 2), (3, 3)", "CREATE TABLE p (id numeric PRIMARY KEY); CREATE TABLE t (id int, v int REFERENCES p)", [1, 2],
                                     "foreign key", "DROP TABLE p; CREATE TABLE p (id); INSERT INTO p VALUES ('1.00'), (2)"),
    "FOREIGN KEY to itself": Broken("(1, 2), (2, 1), (3, 3), (4, 5), (6, 4), (7, 6)", "CREATE TABLE t (id int PRIMARY KEY, v int REFERENCES t)", [1, 2, 3],
                                    "foreign key \"t_v_fkey\""),
    "FOREIGN KEY to nothing": Broken("(1, 1), (2, NULL)", "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int, v bigint REFERENCES p)", [2], "foreign key"),
    "FOREIGN KEY MATCH FULL": Broken("(1, 1), (NULL, 1), (1, NULL), (2, 1)", "CREATE TABLE p (id int, w int DEFAULT 1, UNIQUE (id, w)); ALTER TABLE p ALTER w SET DEFAULT 1;"
                                     "CREATE TABLE t (id int, v int, FOREIGN KEY (id, v) REFERENCES p (id, w) MATCH FULL)", [1], "foreign key",
                                     "DROP TABLE p; CREATE TABLE p (id, w); INSERT INTO p VALUES (1, 1)"),
    "FOREIGN KEY to other": Broken("(1, 1), (2, 7), (3, NULL)", "CREATE SCHEMA o; CREATE TABLE o.p (\"i)d\" int PRIMARY KEY); INSERT INTO o.p VALUES (1);"
                                   "CREATE TABLE t (id int, v bigint REFERENCES o.p)", [1, 3], "foreign key \"t_v_fkey\""),
    "FOREIGN KEY of dates": Broken("(1, '2024-1-1'), (2, '2024-1-2'), (3, NULL)", "CREATE TABLE p (id date PRIMARY KEY); CREATE TABLE t (id int, v date REFERENCES p)",
                                   [1, 3], "foreign key", "DROP TABLE p; CREATE TABLE p (id); INSERT INTO p VALUES ('2024-01-01')"),
    "index row": Broken(f"(1, 'x'), (2, {LONG}), (3, printf('%.*c', 9000, 'y'))", "CREATE TABLE t (id int, v text); CREATE INDEX i ON t (v)", [1, 3], "index \"i\""),
    "index row, unique": Broken(f"(1, 'x'), (2, {LONG}), (3, printf('%.*c', 9000, 'y'))", "CREATE TABLE t (id int, v text UNIQUE)", [1, 3], "index \"t_v_key\""),
    "index of an expression": Broken("(1, '5'), (2, 'five')", "CREATE TABLE t (id int, v text); CREATE INDEX i ON t ((v::int))", [1], "invalid input syntax"),
    "index with a condition": Broken("(1, '5'), (2, 'five')", "CREATE TABLE t (id int, v text); CREATE INDEX i ON t (id) WHERE v::int > 3", [1], "invalid input syntax"),
}


def prepare_broken(database: Database, folder: Path, broken: Broken) -> Path:
    parents = "CREATE TABLE p (id INTEGER PRIMARY KEY); " if "TABLE p" in broken.tables else ""
    return prepare(database, folder, f"{parents}CREATE TABLE t (id, v); INSERT INTO t VALUES {broken.rows}; {broken.more}", broken.tables)


def schema_of(database: Database) -> list[tuple[str, ...]]:
    return database.query("""SELECT c.oid::regclass::text, coalesce(pg_get_indexdef(c.oid), '') FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""")


@pytest.mark.parametrize("policy", ["stop", "replace"])
@pytest.mark.parametrize("kind", BROKEN)
def test_constraint_stops(database: Database, tmp_path: Path, kind: str, policy: str) -> None:
    """Found before anything is loaded."""
    broken = BROKEN[kind]
    file = prepare_broken(database, tmp_path, broken)
    before = schema_of(database)
    done = programs.fail(programs.REFUSED, ["the target was not touched", "table \"t\"", "s like this: ", "--on-bad-value t.", broken.words],
                         programs.REPLAY, "--dsn", database.dsn, f"--on-bad-value={policy}", file)
    assert "shows only while loading" not in done.out + done.error
    assert is_untouched(database, ["t"]) and schema_of(database) == before


@pytest.mark.parametrize("kind", BROKEN)
def test_constraint_rejects(database: Database, tmp_path: Path, kind: str) -> None:
    broken = BROKEN[kind]
    file = prepare_broken(database, tmp_path, broken)
    before = schema_of(database)
    count = sqlite3.connect(tmp_path / "bad.db").execute("SELECT count(*) FROM t").fetchone()[0]
    programs.fail(programs.REJECTED, [f"{count - len(broken.left)} rows were rejected"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", file)
    assert database.query("SELECT id FROM t ORDER BY 1") == [(number,) for number in broken.left]
    assert database.query("SELECT count(*) FROM valise.rejects WHERE table_name = 't'") == [(count - len(broken.left),)]
    assert schema_of(database) == before


def test_all_problems_at_once(database: Database, tmp_path: Path) -> None:
    file = prepare(database, tmp_path, """
        CREATE TABLE a (id INTEGER PRIMARY KEY, v, w); INSERT INTO a VALUES (1, CAST(x'00' AS TEXT), 1), (2, 'x', 1), (3, 'y', -1);
        CREATE TABLE b (a, d); INSERT INTO b VALUES (1, '2024-01-01'), (7, 'x'), (8, NULL)""", """
        CREATE TABLE a (id int PRIMARY KEY, v text, w int UNIQUE CHECK (w > 0)); CREATE TABLE b (a int REFERENCES a, d date)""")
    done = programs.fail(programs.REFUSED, ["refused: 5 problems", "contains a NUL", "check constraint", "same values", "refers to no row", "is no date"],
                         programs.REPLAY, "--dsn", database.dsn, file)
    assert "(rows like this: 2)" in done.error, done
    assert is_untouched(database, ["a", "b"])


HOSTILE_NAMES = ["it's", "$(touch broken)", "new\nline", 'a"b', "back`slash\\", "a=b.c", "é; exit 7"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_what_is_advised_can_be_copied_into_a_shell(database: Database, tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    file = prepare(database, tmp_path, f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted}); INSERT INTO {quoted} VALUES (1, 'x'), (2, 3)",
                   f"CREATE TABLE {quoted} (id bigint PRIMARY KEY, {quoted} bigint)")
    said = programs.fail(programs.REFUSED, ["--on-bad-value"], programs.REPLAY, "--dsn", database.dsn, file).error
    [option] = re.findall("--on-bad-value .*", said)
    programs.fail(programs.REJECTED, ["1 rows were rejected"], "bash", "-c", f'"$0" --dsn "$1" "$2" {option}', programs.REPLAY,
                  database.dsn, file, cwd=tmp_path)
    assert not (tmp_path / "broken").exists()


def test_source_proves_uniqueness(database: Database, tmp_path: Path) -> None:
    """Good data of all shapes in which SQLite has the key itself pass, and so do keys that only look alike."""
    file = prepare(database, tmp_path, """
        CREATE TABLE a (id INTEGER PRIMARY KEY, [v] TEXT COLLATE NOCASE UNIQUE, "w ""x" BLOB, y, CONSTRAINT u UNIQUE ("w ""x", y DESC), CHECK (v <> ')'));
        INSERT INTO a VALUES (1, 'x', x'00', 1), (2, 'y', x'00', 2), (3, NULL, NULL, 1), (4, NULL, NULL, 1);
        CREATE TABLE b (a TEXT, b INTEGER); CREATE UNIQUE INDEX i ON b (a COLLATE NOCASE, b) /* ( */; INSERT INTO b VALUES ('x', 1), ('y', 1), ('x', 2)""", """
        CREATE TABLE a (id bigint PRIMARY KEY, v text UNIQUE, "w ""x" bytea, y int, UNIQUE (y, "w ""x")); CREATE TABLE b (a text, b int, UNIQUE (b, a))""")
    programs.replay(database.dsn, file)
    assert database.query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [(4, 3)]


def test_source_proves_too_little(database: Database, tmp_path: Path) -> None:
    """A partial index, an expression, a column of two classes and NULLs prove nothing."""
    file = prepare(database, tmp_path, """
        CREATE TABLE a (v, w); CREATE UNIQUE INDEX i ON a (v) WHERE w > 1; INSERT INTO a VALUES (1, 1), (1, 1);
        CREATE TABLE b (v, w); CREATE UNIQUE INDEX j ON b (v || w); INSERT INTO b VALUES (1, 1), (1, 2);
        CREATE TABLE c (v UNIQUE); INSERT INTO c VALUES ('1'), (1); CREATE TABLE d (v UNIQUE); INSERT INTO d VALUES (NULL), (NULL);
        CREATE TABLE e (v, w, UNIQUE (v, w)); INSERT INTO e VALUES (1, 1), (1, 2)""", """
        CREATE TABLE a (v int UNIQUE, w int); CREATE TABLE b (v int UNIQUE, w int); CREATE TABLE c (v text UNIQUE);
        CREATE TABLE d (v text, UNIQUE NULLS NOT DISTINCT (v)); CREATE TABLE e (v int UNIQUE, w int)""")
    programs.fail(programs.REFUSED, ["refused: 5 problems"], programs.REPLAY, "--dsn", database.dsn, file)
