"""Rows that the target has before a replay: refused with what and how many, or replaced where that is asked for."""
from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

REPLACE = "--on-existing=replace"
SOURCE = """
    CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER);
    CREATE TABLE log (line TEXT); CREATE TABLE none (a INTEGER);
    INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, '{0}' || i FROM n;
    INSERT INTO child SELECT id * 10, id FROM parent; INSERT INTO log SELECT name FROM parent;"""
TARGET = """
    CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
    CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent ON DELETE CASCADE);
    CREATE TABLE log (line text); CREATE INDEX log_line ON log (line); CREATE TABLE none (a bigint);
    CREATE TABLE elsewhere (a bigint, twice bigint GENERATED ALWAYS AS (2 * a) STORED);"""
USED = """
    INSERT INTO parent (name) SELECT 'was here ' || n FROM generate_series(1, 40) n; INSERT INTO child VALUES (1, 40);
    INSERT INTO none VALUES (7); INSERT INTO elsewhere VALUES (1), (2);
    INSERT INTO log SELECT repeat(md5(n::text), 10) FROM generate_series(1, 5000) n;"""   # larger than 1 MiB


def snapshot_of(folder: Path, name: str, change: str = "") -> tuple[Path, Path]:
    snapshot = folder / f"{name}.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        db.executescript(SOURCE.format(name) + change)
    return snapshot, programs.dump(snapshot, folder / f"{name}.valise")


@pytest.fixture
def used(database: Database) -> Database:
    database.execute(TARGET)
    database.execute(USED)
    return database


def equals(database: Database, snapshot: Path) -> None:
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    database.settle()


def kill_at_the_gate(database: Database, dump: Path, *options: str) -> None:
    process = subprocess.Popen([programs.REPLAY, "--dsn", database.dsn, REPLACE, *options, dump], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.closing(database.server.connect("postgres")) as connection, connection.cursor() as cursor:
        waits = 0
        while not waits:
            assert process.poll() is None, "the replay ended before it came to the gate"
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'", [database.name])
            waits = cursor.fetchone()[0]
            time.sleep(0.01)
    process.kill()
    process.wait(timeout=60)


# --------------------------------------------------------------------------------------------- never replayed


def test_a_used_target(used: Database, tmp_path: Path) -> None:
    snapshot, dump = snapshot_of(tmp_path, "a")
    before = used.contents()
    programs.fail(programs.REFUSED, ['"parent" of the target has 40 rows', '"child" of the target has 1 row that', '"log" of the target has 5000',
                                     '"none"', '"elsewhere" exists only', REPLACE], programs.REPLAY, "--dsn", used.dsn, dump)
    said = programs.replay(used.dsn, dump, REPLACE, "--dry-run").out
    for words in ('"parent" of the target has 40 rows that no replay brought: replaced', "--abort brings them back", '"elsewhere"'):
        assert words in said
    assert used.contents() == before
    programs.replay(used.dsn, dump, REPLACE)
    equals(used, snapshot)
    assert used.query("SELECT (SELECT count(*) FROM elsewhere), (SELECT count(*) FROM none), (SELECT count(*) FROM log)") == [(0, 0, 300)]
    assert used.query("SELECT relname FROM pg_class WHERE relname LIKE 'rows!_%' ESCAPE '!'") == []
    used.settle()
    assert "nothing to do" in programs.replay(used.dsn, dump, REPLACE).out


def test_rows_of_the_dump_are_there_already(database: Database, tmp_path: Path) -> None:
    """What an application writes into every new database, such as its version, needs no option while it is as in the dump: all rows, and
    all columns of them, equal ones counted."""
    snapshot = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("""CREATE TABLE version (id INTEGER PRIMARY KEY, name TEXT, at TEXT); INSERT INTO version VALUES (1, 'one', '2024-01-01T00:00:00Z'), (2, NULL, NULL);
            CREATE TABLE twice (v INT); INSERT INTO twice VALUES (7), (7)""")
    dump = programs.dump(snapshot, tmp_path / "a.valise")
    database.execute("CREATE TABLE version (id int PRIMARY KEY, name text, at timestamptz); CREATE TABLE twice (v int)")
    same = "INSERT INTO version VALUES (1, 'one', '2024-01-01 01:00:00+01'), (2, NULL, NULL); INSERT INTO twice VALUES (7), (7)"
    for change, name in (("UPDATE version SET name = '' WHERE id = 2", "version"), ("INSERT INTO version VALUES (3)", "version"),
                         ("DELETE FROM version WHERE id = 2", "version"), ("UPDATE twice SET v = 8 WHERE ctid = '(0,1)'", "twice"),
                         ("ALTER TABLE version ADD own int; UPDATE version SET own = 1", "version"), ("ALTER TABLE twice ADD own interval DEFAULT '1s'", "twice")):
        database.execute(f"ALTER TABLE version DROP COLUMN IF EXISTS own; TRUNCATE version, twice; {same}; {change}")
        before = database.contents()
        programs.fail(programs.REFUSED, ["refused: 1 problem", f'table "{name}" of the target has'], programs.REPLAY, "--dsn", database.dsn, dump)
        assert database.contents() == before
    database.execute(f"ALTER TABLE twice DROP COLUMN own; TRUNCATE version, twice; {same}")
    for options in (["--dry-run"], []):
        assert 'table "version" of the target has the 2 rows of the dump already' in programs.replay(database.dsn, dump, *options).out
    assert database.query("SELECT (SELECT count(*) FROM version), (SELECT count(*) FROM twice)") == [(2, 2)]


def test_replacing_can_be_undone_until_it_is_done(used: Database, tmp_path: Path) -> None:
    """A check that holds where rows are tried beforehand, so that one of them fails while it is loaded, ends it."""
    _, dump = snapshot_of(tmp_path, "a")
    used.execute("CREATE FUNCTION late(bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 <> 70 OR to_regclass('pg_temp.child') IS NOT NULL $$;"
                 "ALTER TABLE child ADD CONSTRAINT too_late CHECK (late(id))")
    before = used.contents()
    programs.fail(programs.DATABASE, ["too_late", "as it was before"], programs.REPLAY, "--dsn", used.dsn, REPLACE, dump)
    used.settle()
    assert used.contents() == before


def test_a_killed_replay_goes_on_without_the_option(used: Database, tmp_path: Path) -> None:
    """What was there is saved by then; and --abort brings it back. Loading (not trying) waits at a gate to be killed there."""
    snapshot, dump = snapshot_of(tmp_path, "a")
    used.execute("""CREATE SCHEMA other; CREATE TABLE other.gate (a integer); INSERT INTO other.gate VALUES (1);
                    CREATE FUNCTION other.wait(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
                    $$ BEGIN IF EXISTS (SELECT FROM other.gate) AND $1 LIKE 'a%' AND to_regclass('pg_temp.parent') IS NULL
                       THEN PERFORM pg_sleep(600); END IF; RETURN $1; END $$;
                    CREATE INDEX gated ON parent (other.wait(name))""")
    before = used.contents()
    for is_undone in (True, False):
        kill_at_the_gate(used, dump)
        if is_undone:
            programs.succeed(programs.REPLAY, "--dsn", used.dsn, "--abort")
            used.settle()
            assert used.contents() == before
    used.server.execute(used.name, "DELETE FROM other.gate")   # the dead replay's session is still at it
    programs.replay(used.dsn, dump)
    equals(used, snapshot)
    assert used.query("SELECT count(*) FROM elsewhere") == [(0,)]


OTHER_SCHEMA = "CREATE SCHEMA other; CREATE TABLE other.refs (parent bigint REFERENCES public.parent {0});"


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_rows_of_another_schema_stay(used: Database, tmp_path: Path, action: str) -> None:
    """Its foreign key cannot be taken down, and would take its rows along; --abort would not bring them back."""
    _, dump = snapshot_of(tmp_path, "a")
    used.execute(OTHER_SCHEMA.format("ON DELETE " + action) + "INSERT INTO other.refs VALUES (1), (2)")
    before = used.contents()
    programs.fail(programs.REFUSED, ["other.refs", "refs_parent_fkey", "drop that key"], programs.REPLAY, "--dsn", used.dsn, REPLACE, dump)
    assert used.contents() == before
    assert used.query("SELECT parent FROM other.refs ORDER BY 1") == [(1,), (2,)]


def test_undone_though_another_schema_refers(used: Database, tmp_path: Path) -> None:
    """What a foreign key that stays refers to cannot be truncated."""
    _, dump = snapshot_of(tmp_path, "a")
    used.execute(OTHER_SCHEMA.format("") + "CREATE FUNCTION late(bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 <> 70 OR to_regclass('pg_temp.child')"
                 " IS NOT NULL $$; ALTER TABLE child ADD CONSTRAINT too_late CHECK (late(id))")
    before = used.contents()
    programs.fail(programs.DATABASE, ["too_late", "as it was before"], programs.REPLAY, "--dsn", used.dsn, REPLACE, dump)
    used.settle()
    assert used.contents() == before


# ------------------------------------------------------------------------------------------- replayed before


def test_rows_that_others_wrote(database: Database, tmp_path: Path) -> None:
    """After a rehearsal somebody wrote to the target: the same dump makes it the dump's state again."""
    snapshot, dump = snapshot_of(tmp_path, "a")
    database.execute(TARGET)
    programs.replay(database.dsn, dump)
    database.settle()
    database.execute("UPDATE log SET line = 'changed' WHERE line = 'a7'; INSERT INTO none VALUES (1)")
    assert "nothing to do" in programs.replay(database.dsn, dump).out   # the ledger says so
    report = tmp_path / "report.json"
    said = programs.replay(database.dsn, dump, REPLACE, "--report", str(report)).out
    assert '"none" holds 1 rows, but the last replay left 0: replaced' in said
    assert {table["action"] for table in json.loads(report.read_text())["tables"] if table["name"] != "elsewhere"} == {"load"}
    equals(database, snapshot)
    assert "nothing to do" in programs.replay(database.dsn, dump, REPLACE).out


def test_going_back(database: Database, tmp_path: Path) -> None:
    older, older_dump = snapshot_of(tmp_path, "a")
    newer, newer_dump = snapshot_of(tmp_path, "a2", "DELETE FROM child; INSERT INTO child SELECT id * 10, id FROM parent;"
                                                    "DELETE FROM log; INSERT INTO log SELECT 'a' || id FROM parent;")
    database.execute(TARGET)
    programs.replay(database.dsn, older_dump)
    programs.replay(database.dsn, newer_dump)
    programs.fail(programs.REFUSED, ["newer one since", "a2.valise", REPLACE], programs.REPLAY, "--dsn", database.dsn, older_dump)
    equals(database, newer)
    programs.replay(database.dsn, older_dump, REPLACE)
    equals(database, older)


def test_a_dump_of_another_database(database: Database, tmp_path: Path) -> None:
    """Of the same application, without a profile: no table of it is the same."""
    more = "".join(f"CREATE TABLE more_{number} (a bigint);" for number in range(7))
    rows = "".join(f"INSERT INTO more_{number} VALUES ({{0}});" for number in range(7))
    first, first_dump = snapshot_of(tmp_path, "a", more + rows.format(1) + "INSERT INTO none VALUES (1)")
    other, other_dump = snapshot_of(tmp_path, "b", more + rows.format(2) + "INSERT INTO none VALUES (2); DELETE FROM child WHERE id = 10;")
    database.execute(TARGET + more)
    programs.replay(database.dsn, first_dump)
    programs.fail(programs.REFUSED, ["of the 11 tables", "another database", "a.valise", REPLACE], programs.REPLAY, "--dsn", database.dsn, other_dump)
    equals(database, first)
    programs.replay(database.dsn, other_dump, REPLACE)
    equals(database, other)


def test_an_unfinished_replay_is_not_existing_rows(database: Database, tmp_path: Path) -> None:
    """Whose rows those are is known, and what to do: no option replaces them."""
    _, dump = snapshot_of(tmp_path, "a")
    _, other = snapshot_of(tmp_path, "b")
    database.execute(TARGET)
    programs.replay(database.dsn, dump)
    database.settle()
    database.execute("UPDATE valise.replay SET phase = 'load'")
    programs.fail(programs.REFUSED, ["unfinished", "--abort"], programs.REPLAY, "--dsn", database.dsn, REPLACE, other)


@pytest.mark.parametrize("change", ["row_count = row_count - 1", "number = number + 1"])
def test_parts_of_another_version(database: Database, tmp_path: Path, change: str) -> None:
    """Tables that were cut otherwise cannot go on: rows would come twice, or not at all."""
    snapshot, dump = snapshot_of(tmp_path, "a")
    database.execute(TARGET)
    programs.replay(database.dsn, dump)
    database.settle()
    database.execute(f"UPDATE valise.replay SET phase = 'load'; DELETE FROM valise.table_state; CREATE TABLE valise.old AS TABLE valise.part;"
                     f"UPDATE valise.part SET {change} WHERE table_name = 'log'")
    programs.fail(programs.REFUSED, ["another version", "--abort"], programs.REPLAY, "--dsn", database.dsn, "--verify=none", dump)
    database.settle()
    assert database.query("SELECT count(*) FROM log") == [(300,)]
    database.execute("DELETE FROM valise.part; INSERT INTO valise.part TABLE valise.old; DROP TABLE valise.old")
    programs.replay(database.dsn, dump)
    equals(database, snapshot)


# -------------------------------------------------------------------------- a profile's facts and requirements


PROFILE = """
profile: test
title: A test
format: 1
recognise: [meta]
facts:
  - name: version
    source: {table: meta, column: version}
    target: SELECT version::text FROM meta_of_target
    compare: equal
    hint: migrate one of them
  - name: owner
    source: {table: meta, column: owner}
    target: SELECT 'one'
    compare: equal
    hint: this is the wrong dump
requirements:
  - name: no leftovers
    sql: SELECT name FROM leftovers
    hint: remove them
tables:
  meta_of_target: {action: keep}
  leftovers: {action: keep}
"""


@pytest.fixture
def profiled(database: Database, tmp_path: Path) -> tuple[Database, Path, Path]:
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILE)
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.executescript("CREATE TABLE meta (version INTEGER, owner TEXT); INSERT INTO meta VALUES (2, 'two')")
    database.execute("CREATE TABLE meta (version bigint, owner text); CREATE TABLE meta_of_target AS SELECT 1 AS version;"
                     "CREATE TABLE leftovers AS SELECT 'x'::text AS name")
    return database, programs.dump(tmp_path / "s.db", tmp_path / "s.valise"), profile


ALLOWED = ["--allow-difference=version", "--allow-difference=owner", "--allow-unmet=no leftovers"]


@pytest.mark.parametrize("missing", range(3))
def test_each_refusal_has_an_option_of_its_own(profiled: tuple[Database, Path, Path], missing: int) -> None:
    database, dump, profile = profiled
    words = ["--allow-difference version", "--allow-difference owner", "--allow-unmet 'no leftovers'"]
    before = database.contents()
    given = [option for number, option in enumerate(ALLOWED) if number != missing]
    done = programs.fail(programs.REFUSED, [words[missing], "1 problem"], programs.REPLAY, "--dsn", database.dsn,
                         "--profile", profile, *given, dump)
    assert not any(word in done.error for number, word in enumerate(words) if number != missing)
    assert database.contents() == before


def test_all_of_them_let_it_through(profiled: tuple[Database, Path, Path]) -> None:
    database, dump, profile = profiled
    said = programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--profile", profile, *ALLOWED, dump).out
    assert said.count("allowed") == 3
    assert database.query("SELECT version, owner FROM meta") == [(2, "two")]


@pytest.mark.parametrize("option, words", [
    ("--allow-difference=versoin", ['"versoin"', '"version", "owner"']),
    ("--allow-unmet=version", ['"version"', '"no leftovers"']),
])
def test_an_unknown_name(profiled: tuple[Database, Path, Path], option: str, words: list[str]) -> None:
    database, dump, profile = profiled
    programs.fail(programs.USAGE, words, programs.REPLAY, "--dsn", database.dsn, "--profile", profile, option, dump)
