"""What the ledger knows of how rows were taken over: no replay takes rows for complete, or of one kind, that are not."""
from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

import programs
from conftest import Database
from programs import REFUSED, REJECTED, REPLAY
from test_existing_rows import kill_at_the_gate
from test_hostile_databases import make

REPLACE = "--on-existing=replace"
MS, S = "--unix-time=milliseconds", "--unix-time=seconds"


class Source:
    """A SQLite database and its dumps."""

    def __init__(self, folder: Path, schema: str) -> None:
        self.folder, self.snapshot, self.chain = folder, make(folder / "s.db", schema), list[Path]()

    def edit(self, script: str) -> None:
        with contextlib.closing(sqlite3.connect(self.snapshot)) as connection, connection:
            connection.executescript(script)

    def full(self) -> Path:
        self.chain = [programs.dump(self.snapshot, self.folder / f"full-{time.monotonic_ns()}.valise")]
        return self.chain[0]

    def delta(self) -> Path:
        bases = [word for base in self.chain for word in ("--base", str(base))]
        self.chain.append(programs.dump(self.snapshot, self.folder / f"delta-{time.monotonic_ns()}.valise", *bases))
        return self.chain[-1]


def refused(database: Database, words: list[str], *arguments: str | Path) -> None:
    """Also by a dry run, and nothing is changed."""
    before = database.query("SELECT * FROM valise.mapping ORDER BY 1, 2, 3, 4"), database.query("SELECT count(*), max(id) FROM valise.replay")
    for options in (["--dry-run"], []):
        database.settle()
        programs.fail(REFUSED, words, REPLAY, "--dsn", database.dsn, *options, *arguments)
    assert before == (database.query("SELECT * FROM valise.mapping ORDER BY 1, 2, 3, 4"), database.query("SELECT count(*), max(id) FROM valise.replay"))
    database.settle()


def test_a_delta_that_does_not_touch_a_table_keeps_its_unit(database: Database, tmp_path: Path) -> None:
    source = Source(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INT); INSERT INTO t VALUES (1, 1700000000); CREATE TABLE o (v)")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz); CREATE TABLE o (v int)")
    programs.replay(database.dsn, source.full(), MS)
    for value in (1, 2):
        source.edit(f"INSERT INTO o VALUES ({value})")
        programs.replay(database.dsn, source.delta())
    source.edit("INSERT INTO t VALUES (2, 1700000001)")
    last = source.delta()
    refused(database, ['column "at" was replayed with --unix-time (milliseconds), not (seconds)'], S, last)
    programs.replay(database.dsn, last, MS)
    programs.replay(database.dsn, last, "--undo", MS)
    refused(database, ["(milliseconds), not (seconds)"], S, last)
    source.edit("DELETE FROM t")
    programs.replay(database.dsn, source.full())
    source.edit("INSERT INTO t VALUES (3, 1700000002)")
    programs.replay(database.dsn, source.delta(), S)
    assert database.query("SELECT extract(epoch FROM at)::bigint FROM t") == [(1700000002,)]


def test_rows_that_come_back(database: Database, tmp_path: Path) -> None:
    """A delta removed all rows of a table; when it is taken back, they are still without their column."""
    source = Source(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, dead TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'); CREATE TABLE o (v)")
    database.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE o (v int)")
    programs.replay(database.dsn, source.full(), "--allow-missing=t.dead")
    source.edit("DELETE FROM t")
    delta = source.delta()
    programs.replay(database.dsn, delta)
    programs.replay(database.dsn, delta, "--undo")
    database.execute("ALTER TABLE t ADD COLUMN dead text")
    source.edit("INSERT INTO t VALUES (1, 'x'), (2, 'y'); INSERT INTO o VALUES (1)")
    assert '"dead" was left out by the last replay' in programs.replay(database.dsn, source.full()).out
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "x"), (2, "y")]


def test_columns_that_come_later(database: Database, tmp_path: Path) -> None:
    """One that SQLite computes needs no option to be left out; one that was renamed is another name for the same values."""
    source = Source(tmp_path, """CREATE TABLE g (id INTEGER PRIMARY KEY, g INT AS (id * 2) STORED); INSERT INTO g(id) VALUES (1), (2);
        CREATE TABLE r (id INTEGER PRIMARY KEY, dead TEXT); INSERT INTO r VALUES (1, 'x'); CREATE TABLE o (v)""")
    database.execute("CREATE TABLE g (id int PRIMARY KEY); CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE o (v int)")
    programs.replay(database.dsn, source.full(), "--allow-missing=r.dead")
    source.edit("INSERT INTO o VALUES (1); ALTER TABLE r RENAME dead TO live")
    database.execute("ALTER TABLE g ADD COLUMN g int; ALTER TABLE r ADD COLUMN live text")
    refused(database, ["refused: 1 problem", 'table "g": its column "g" was left out'], source.delta())
    said = programs.replay(database.dsn, source.full()).out
    assert 'column "g" was left out' in said and '"dead"' in said and "renamed" in said
    assert database.query("SELECT * FROM g ORDER BY id") == [(1, 2), (2, 4)] and database.query("SELECT * FROM r") == [(1, "x")]


def test_names_that_postgresql_cannot_have(database: Database, tmp_path: Path) -> None:
    source = Source(tmp_path, """CREATE TABLE "it's \\ ""q" (id INTEGER PRIMARY KEY, "a'\\b" TEXT, "" TEXT); INSERT INTO "it's \\ ""q" VALUES (1, 'x', 'y');
        CREATE TABLE "" (x); INSERT INTO "" VALUES (1); CREATE TABLE q (id INTEGER PRIMARY KEY, zzzz TEXT); INSERT INTO q VALUES (1, 'x')""")
    source.edit("""PRAGMA writable_schema = 1;
        UPDATE sqlite_master SET sql = CAST(replace(CAST(sql AS BLOB), CAST('zzzz' AS BLOB), x'7aff7a') AS TEXT) WHERE name = 'q'""")
    database.execute("""CREATE TABLE "it's \\ ""q" (id int PRIMARY KEY); CREATE TABLE q (id int PRIMARY KEY)""")
    missing = ["it's \\ \"q.a'\\b", "it's \\ \"q.", "", b"q.z\xffz".decode(errors="surrogateescape")]
    full = source.full()
    options = [f"--allow-missing={word}" for word in missing]
    programs.replay(database.dsn, full, *options)
    assert "nothing to do" in programs.replay(database.dsn, full).out
    database.execute("""ALTER TABLE "it's \\ ""q" ADD COLUMN "a'\\b" text""")
    refused(database, ["column \"a'\\b\" was left out"], full)


PROFILE = "profile: p\ntitle: P\nformat: 1\ntables:\n"
DERIVED = ("{action: derive, from: t, columns: {id: {source: id, type: bigint}}, identity: [id], "
           "insert: \"INSERT INTO d SELECT id, 'made' FROM %{staging}\"}")


def test_another_profile(database: Database, tmp_path: Path) -> None:
    """A table that was left alone, derived or replicated is something else now."""
    source = Source(tmp_path, """CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);
        CREATE TABLE d (id INTEGER, w TEXT); INSERT INTO d VALUES (1, 'own'), (2, 'own')""")
    database.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE d (id bigint PRIMARY KEY, w text)")
    options = {}
    for word, rule in {"ignore": "{action: ignore}", "keep": "{action: keep}", "replicate": "{action: replicate}", "derive": DERIVED}.items():
        (tmp_path / word).write_text(f"{PROFILE}  d: {rule}\n")
        options[word] = ["--profile", str(tmp_path / word)]
    full = source.full()
    programs.replay(database.dsn, full, *options["ignore"])
    source.edit("INSERT INTO t VALUES (3)")
    delta = source.delta()
    for word, words in {"derive": '"d" was not derived by the last replay', "replicate": '"d" was left out by the last replay'}.items():
        refused(database, [words, REPLACE], *options[word], full)
        refused(database, [words, "full dump"], *options[word], delta)
    programs.replay(database.dsn, full, *options["derive"], REPLACE)
    for word in ("derive", "keep", "ignore"):
        assert "nothing to do" in programs.replay(database.dsn, full, *options[word]).out
    refused(database, ['"d" was derived by the last replay', REPLACE], *options["replicate"], full)
    programs.replay(database.dsn, delta, *options["derive"])
    assert database.query("SELECT * FROM d ORDER BY id") == [(1, "made"), (2, "made"), (3, "made")]
    programs.replay(database.dsn, source.full(), *options["replicate"], REPLACE)
    assert database.query("SELECT * FROM d ORDER BY id") == [(1, "own"), (2, "own")]


# ---------------------------------------------------------------------------------------------- going on

GATE = """CREATE SCHEMA other; CREATE TABLE other.gate (a int);
    CREATE FUNCTION other.wait(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM other.gate) AND $1 LIKE 'a%' AND to_regclass('pg_temp.t') IS NULL THEN PERFORM pg_sleep(600); END IF; RETURN $1; END $$;
    CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v text); CREATE TABLE d (id bigint PRIMARY KEY, w text);"""


def kill(database: Database, dump: Path, *options: str) -> None:
    """While it loads; trying rows in a temporary table passes the gate."""
    database.execute("CREATE INDEX gated ON t (other.wait(v)); INSERT INTO other.gate VALUES (1)")
    kill_at_the_gate(database, dump, *options)
    database.server.execute(database.name, "DELETE FROM other.gate")
    database.settle()


@pytest.mark.parametrize("is_first", [True, False])
def test_going_on_in_another_way(database: Database, tmp_path: Path, is_first: bool) -> None:
    """Neither are rows loaded in two units, nor is a table that waits for its rows taken for one that has them."""
    source = Source(tmp_path, """CREATE TABLE t (id INTEGER PRIMARY KEY, at INT, v TEXT); INSERT INTO t VALUES (1, 1700000000, 'abc'), (2, 1700000001, 'x' || char(0));
        CREATE TABLE d (id INTEGER, w TEXT); INSERT INTO d VALUES (1, 'own')""")
    database.execute(GATE)
    (tmp_path / "keep").write_text(PROFILE + "  d: {action: keep}\n")
    full, first, second = source.full(), [MS, "--on-bad-value=reject"], [S, "--on-bad-value=replace"]
    if not is_first:
        programs.fail(REJECTED, [], REPLAY, "--dsn", database.dsn, *first, full)
    kill(database, full, *second)
    for options in (first, [S, "--on-bad-value=reject"], [S], [*second, "--nul-text=_"], [*second, "--profile", str(tmp_path / "keep")]):
        refused(database, ["the unfinished replay began", "--abort undoes it"], *options, full)
    database.execute("ALTER TABLE d ADD COLUMN later int")
    programs.fail(REJECTED, ["1 values replaced"], REPLAY, "--dsn", database.dsn, *second, full)
    assert database.query("SELECT id, extract(epoch FROM at)::bigint, v FROM t ORDER BY id") == [(1, 1700000000, "abc"), (2, 1700000001, "x\ufffd")]
    assert database.query("SELECT DISTINCT replay FROM valise.mapping") == database.query("SELECT max(id) FROM valise.replay")


def test_an_undone_replay_is_forgotten(database: Database, tmp_path: Path) -> None:
    source = Source(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INT, v TEXT); INSERT INTO t VALUES (1, 1700000000, 'abc')")
    database.execute(GATE)
    full = source.full()
    programs.replay(database.dsn, full, MS)
    kill(database, full, S)
    programs.succeed(REPLAY, "--dsn", database.dsn, "--abort")
    refused(database, ["(milliseconds), not (seconds)"], S, full)
    assert "nothing to do" in programs.replay(database.dsn, full, MS).out
    assert database.query("SELECT extract(epoch FROM at)::bigint FROM t") == [(1700000,)]
