"""What SQLite lets through and PostgreSQL does not: every kind, under every policy."""
from __future__ import annotations

import contextlib
import json
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
    "boolean": Bad("boolean", "2", "other than 0 and 1"),
    "text in boolean": Bad("boolean", "'true'", "storage class"),
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
    done = programs.fail(programs.REFUSED, ["\"t\"", "\"v\"", "values like this: 1", VALUES[kind].words, "id = 2", "--on-bad-value 't.v=reject'"],
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
    assert json.loads(rejects.read_text()) == [{"table": "t", "reason": reason, "row": row}]
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


# What only a constraint shows: SQLite's rows, PostgreSQL's tables, and the ids that "reject" leaves (none: it does not help).
CONSTRAINTS: dict[str, tuple[str, str, list[int]]] = {
    "CHECK": ("(1, 5), (2, -5), (3, 6)", "CREATE TABLE t (id int, v int CHECK (v > 0))", []),
    "UNIQUE": ("(1, 5), (2, 6), (3, 5), (4, NULL), (5, NULL)", "CREATE TABLE t (id int, v int UNIQUE)", [1, 2, 4, 5]),
    "FOREIGN KEY": ("(1, 1), (2, 7), (3, NULL)", "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int, v bigint REFERENCES p)", [1, 3]),
    "index row": ("(1, 'x'), (2, hex(randomblob(9000)))", "CREATE TABLE t (id int, v text); CREATE INDEX i ON t (v)", []),
}


@pytest.mark.parametrize("policy", ["stop", "reject", "replace"])
@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_constraints(database: Database, tmp_path: Path, kind: str, policy: str) -> None:
    rows, tables, left = CONSTRAINTS[kind]
    file = prepare(database, tmp_path, f"CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER, v); INSERT INTO t VALUES {rows}"
                   + ("; INSERT INTO p VALUES (1)" if "TABLE p" in tables else ""), tables)
    command = [programs.REPLAY, "--dsn", database.dsn, f"--on-bad-value={policy}", file]
    if policy == "reject" and left:
        programs.fail(programs.REJECTED, ["1 rows were rejected"], *command)
        assert database.query("SELECT id FROM t ORDER BY 1") == [(number,) for number in left]
        assert database.query("SELECT count(*) FROM valise.rejects") == [(1,)]
    elif left:
        programs.fail(programs.REFUSED, ["the target was not touched", "rows like this: 1", "--on-bad-value 't.v=reject'"], *command)
        assert is_untouched(database, ["t"])
    else:
        programs.fail(programs.DATABASE, ["the target is as it was before"], *command)
        assert is_untouched(database, ["t"])
