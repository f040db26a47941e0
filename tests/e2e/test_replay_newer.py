"""A newer full dump of the same database goes into a target that holds an older state."""
from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

TARGET = """
    CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
    CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent ON DELETE CASCADE);
    CREATE TABLE log (line text);
    CREATE INDEX log_line ON log (line);
    CREATE TABLE still (n integer);"""

# True where rows are tried beforehand, so that one of them fails while it is loaded.
LATE = """
    CREATE FUNCTION late(bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 <> 4711 OR to_regclass('pg_temp.child') IS NOT NULL $$;
    ALTER TABLE child ADD CONSTRAINT too_late CHECK (late(id));"""


@pytest.fixture
def states(tmp_path: Path) -> list[tuple[Path, Path]]:
    """The database and its dump at three moments; at the last one LATE refuses a row."""
    scripts = ["""CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
                  CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER);
                  CREATE TABLE log (line TEXT); CREATE TABLE still (n INTEGER PRIMARY KEY);
                  INSERT INTO parent (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                      SELECT 'p' || i FROM n;
                  INSERT INTO child SELECT id * 10, id FROM parent; INSERT INTO log SELECT name FROM parent;
                  INSERT INTO log SELECT name FROM parent; INSERT INTO still SELECT id FROM parent;""",
               """DELETE FROM child WHERE parent > 400; DELETE FROM parent WHERE id > 400;
                  UPDATE parent SET name = name || '!' WHERE id % 7 = 0; INSERT INTO parent (name) VALUES ('new');
                  DELETE FROM log WHERE rowid % 3 = 0;""",
               "INSERT INTO child VALUES (4711, 1); UPDATE log SET line = 'x';"]
    database = tmp_path / "s.db"
    result = []
    for number, script in enumerate(scripts):
        with contextlib.closing(sqlite3.connect(database)) as db:
            db.executescript(script)
        snapshot = tmp_path / f"{number}.db"
        snapshot.write_bytes(database.read_bytes())
        result.append((snapshot, programs.dump(snapshot, tmp_path / f"{number}.valise")))
    return result


def test_only_what_changed_is_touched(database: Database, states: list[tuple[Path, Path]], tmp_path: Path) -> None:
    database.execute(TARGET)
    programs.replay(database.dsn, states[0][1])
    database.settle()
    [(place,)] = database.query("SELECT string_agg(ctid || '/' || xmin, ' ') FROM still")
    report = tmp_path / "report.json"
    programs.replay(database.dsn, states[1][1], "--report", str(report))
    assert compare.differences(compare.compare(states[1][0], database.dsn)) == []
    actions = {table["name"]: table["action"] for table in json.loads(report.read_text())["tables"]}
    assert actions == {"parent": "load", "child": "load", "log": "load", "still": "same", "sqlite_sequence": "ignore"}
    assert database.query("SELECT string_agg(ctid || '/' || xmin, ' ') FROM still") == [(place,)]
    assert database.query("SELECT last_value, is_called FROM parent_id_seq") == [(501, True)]
    assert database.query("SELECT relname FROM pg_class WHERE relname LIKE 'rows!_%' ESCAPE '!'") == []
    database.settle()
    assert "nothing to do" in programs.replay(database.dsn, states[1][1]).out


def test_going_back_is_refused(database: Database, states: list[tuple[Path, Path]]) -> None:
    database.execute(TARGET)
    programs.replay(database.dsn, states[0][1])
    programs.replay(database.dsn, states[1][1])
    programs.fail(programs.REFUSED, ["newer one since"], programs.REPLAY, "--dsn", database.dsn, states[0][1])


def test_rows_that_others_wrote_are_refused(database: Database, states: list[tuple[Path, Path]]) -> None:
    database.execute(TARGET)
    programs.replay(database.dsn, states[0][1])
    database.execute("INSERT INTO still VALUES (-1)")
    database.settle()
    programs.fail(programs.REFUSED, ["\"still\"", "501", "500"], programs.REPLAY, "--dsn", database.dsn, states[1][1])


def test_a_failure_brings_the_older_state_back(database: Database, states: list[tuple[Path, Path]]) -> None:
    database.execute(TARGET + LATE)
    programs.replay(database.dsn, states[1][1])
    database.settle()
    catalog = programs.succeed("pg_dump", "--schema-only", "--exclude-schema=valise", "--dbname", database.dsn).out
    programs.fail(programs.DATABASE, ["too_late", "as it was before"], programs.REPLAY, "--dsn", database.dsn, states[2][1])
    assert compare.differences(compare.compare(states[1][0], database.dsn)) == []
    after = programs.succeed("pg_dump", "--schema-only", "--exclude-schema=valise", "--dbname", database.dsn).out
    assert [line for line in after.splitlines() if "restrict " not in line] == \
        [line for line in catalog.splitlines() if "restrict " not in line]
    assert "nothing to do" in programs.replay(database.dsn, states[1][1]).out


def test_a_value_changed_in_a_table_that_stays(database: Database, states: list[tuple[Path, Path]]) -> None:
    """By default it is not read, which is said; --verify=full finds it before anything is touched, and replace mends it."""
    database.execute(TARGET)
    programs.replay(database.dsn, states[0][1])
    database.execute("UPDATE still SET n = -1 WHERE n = 77")
    programs.fail(programs.REFUSED, ['table "still" has 500 rows, but not those', "a value was changed, first at n = 77", "1 problem", "not touched"],
                  programs.REPLAY, "--dsn", database.dsn, "--verify=full", states[1][1])
    database.settle()
    assert compare.differences(compare.compare(states[0][0], database.dsn))[0].startswith("still: ")
    done = programs.replay(database.dsn, states[1][1], "--verify=full", "--on-existing=replace")
    assert 'table "still" has 500 rows, but not those of the last replay: a value was changed, first at n = 77: replaced' in done.out
    assert " 0 had the same rows" in done.out
    assert compare.differences(compare.compare(states[1][0], database.dsn)) == []


def test_what_was_not_read_is_said(database: Database, states: list[tuple[Path, Path]]) -> None:
    database.execute(TARGET)
    programs.replay(database.dsn, states[0][1])
    database.execute("UPDATE still SET n = -1 WHERE n = 77")
    done = programs.replay(database.dsn, states[1][1])
    assert "1 table had the same rows in the last replay: of these only the number of rows was compared (--verify=full" in done.out
    assert [line.split(":")[0] for line in compare.differences(compare.compare(states[1][0], database.dsn))][:1] == ["still"]
    database.execute("UPDATE still SET n = 77 WHERE n = -1")
    database.settle()
    done = programs.replay(database.dsn, states[2][1], "--verify=full")
    assert " 2 had the same rows" in done.out and "only the number" not in done.out
    assert compare.differences(compare.compare(states[2][0], database.dsn)) == []


def test_what_is_there_already_is_read_again_when_asked(database: Database, states: list[tuple[Path, Path]], tmp_path: Path) -> None:
    """Full or as a chain: nothing to do, but with --verify=full every row is compared with what was replayed."""
    dump = states[0][1]
    delta = programs.dump(states[1][0], tmp_path / "delta.valise", "--base", dump)
    database.execute(TARGET)

    def replay(*words: str | Path) -> programs.Done:
        database.settle()
        return programs.succeed(programs.REPLAY, "--dsn", database.dsn, *words)

    for chain in ([dump], [dump, delta]):
        replay(*chain)
        done = replay("--verify=full", *chain)
        assert "nothing to do" in done.out and re.search(r"Of 4 tables every row was read back .*: as they were replayed", done.out)
        assert "read back" not in replay(*chain).out
    report = tmp_path / "report.json"
    database.execute("UPDATE still SET n = -1 WHERE n = 77; DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log)")
    database.settle()
    failed = programs.fail(programs.MISMATCH, ['"still" has 500 rows, but not those', '"log" holds', "2 differences"], programs.REPLAY,
                           "--dsn", database.dsn, "--verify=full", "--report", report, delta)
    assert "--on-existing=replace" in failed.error
    assert [problem["text"].split('"')[1] for problem in json.loads(report.read_text())["problems"]] == ["log", "still"]
    database.execute("INSERT INTO log SELECT * FROM log LIMIT 1")   # another row as often: still not those
    database.settle()
    programs.fail(programs.REFUSED, ["the full dump before the deltas"], programs.REPLAY, "--dsn", database.dsn, "--verify=full",
                  "--on-existing=replace", delta)
    replay("--verify=full", "--on-existing=replace", dump, delta)
    assert compare.differences(compare.compare(states[1][0], database.dsn)) == []
