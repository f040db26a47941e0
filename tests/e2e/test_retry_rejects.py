"""Rejected rows are put back after repair, in any order, once each."""
from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import programs
from conftest import Database

SQLITE = """
    CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT, w); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER, up INTEGER); CREATE TABLE c (b INTEGER, n INTEGER);
    CREATE TABLE other (n INTEGER);
    INSERT INTO a VALUES (1, 'x', 1), (2, CAST(x'790079' AS TEXT), 2.5), (3, 'z', x'00ff'), (4, CAST(x'61ff' AS TEXT), 9223372036854775807),
        (5, 'too long for it', -9e999), (6, 'ä"\\' || char(10, 128512), NULL);
    INSERT INTO b VALUES (10, 1, NULL), (20, 2, 21), (21, 2, NULL), (30, 5, 20), (31, 77, NULL);
    INSERT INTO c VALUES (20, 1), (30, -1), (10, 3), (30, 3)"""
POSTGRESQL = """
    CREATE TABLE a (id bigserial PRIMARY KEY, v varchar(8), w text); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a, up int REFERENCES b);
    CREATE TABLE c (b int REFERENCES b, n int CHECK (n > 0)); CREATE TABLE other (n int);
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''triggers must rest''; END';
    CREATE TRIGGER shout BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION shout(); CREATE TRIGGER off BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION shout();
    ALTER TABLE a DISABLE TRIGGER off"""
NOTHING = "nothing to do"


@pytest.fixture
def rejected(database: Database, tmp_path: Path) -> Path:
    """A target from which rows were left out; the file of them."""
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript(SQLITE)
    database.execute(POSTGRESQL)
    file = programs.dump(tmp_path / "s.db", tmp_path / "s.valise")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", "--rejects", tmp_path / "rejects.json", file)
    assert ids(database, "a") == [1, 6] and ids(database, "b") == [10]
    return tmp_path / "rejects.json"


def ids(database: Database, table: str) -> list[int]:
    return [number for number, in database.query(f"SELECT id FROM {table} ORDER BY id")]


def left(database: Database) -> int:
    [(count,)] = database.query("SELECT count(*) FROM valise.rejects")
    return count


def retry(database: Database, *options: str | Path) -> list[str | Path]:
    return [programs.REPLAY, "--dsn", database.dsn, "--retry-rejects", *options]


def triggers(database: Database) -> list[tuple[Any, ...]]:
    return database.query("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")


def test_the_file_has_every_value(rejected: Path) -> None:
    rows = {(row["table"], row["values"]["id"]): row for row in json.loads(rejected.read_text()) if "id" in row["values"]}
    assert rows["a", 2]["values"] == {"id": 2, "v": {"text": "790079"}, "w": 2.5}
    assert rows["a", 4]["values"] == {"id": 4, "v": {"text": "61ff"}, "w": 9223372036854775807}
    assert rows["a", 5]["values"] == {"id": 5, "v": "too long for it", "w": {"real": "-Infinity"}}
    assert rows["a", 3]["values"]["w"] == {"blob": "00ff"}


def test_nothing_fits_yet(database: Database, rejected: Path) -> None:
    before = left(database)
    done = programs.fail(programs.REJECTED, [f"0 rejected rows are back, {before} do not fit"], *retry(database))
    assert "NUL" in done.out and "foreign key" in done.out, done
    assert left(database) == before
    assert f"{before} rows left out" in programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--status").out
    assert triggers(database) == [("off", "D"), ("shout", "O")]


def repair_all(database: Database) -> None:
    """As an administrator would: the parents, of which others follow by themselves, and what nothing else mends."""
    database.execute("""
        UPDATE valise.rejects SET repair = '{"v": "y y", "w": "2.5"}' WHERE table_name = 'a' AND row_json ->> 'id' = '2';
        UPDATE valise.rejects SET repair = '{"w": "x"}' WHERE table_name = 'a' AND row_json ->> 'id' = '3';
        UPDATE valise.rejects SET repair = '{"v": "\\u00e4\\ud83d\\ude00"}' WHERE table_name = 'a' AND row_json ->> 'id' = '4';
        UPDATE valise.rejects SET repair = '{"v": "short", "w": null}' WHERE table_name = 'a' AND row_json ->> 'id' = '5';
        UPDATE valise.rejects SET repair = '{"a": null}' WHERE table_name = 'b' AND row_json ->> 'id' = '31';
        UPDATE valise.rejects SET repair = '{"n": true}' WHERE table_name = 'c' AND row_json ->> 'n' = '-1'""")


def is_whole(database: Database) -> bool:
    return (database.query("SELECT id, v, w FROM a ORDER BY 1")
            == [(1, "x", "1"), (2, "y y", "2.5"), (3, "z", "x"), (4, "ä😀", "9223372036854775807"), (5, "short", None), (6, 'ä"\\\n😀', None)]
            and database.query("SELECT * FROM b ORDER BY 1") == [(10, 1, None), (20, 2, 21), (21, 2, None), (30, 5, 20), (31, None, None)]
            and database.query("SELECT * FROM c ORDER BY 1, 2") == [(10, 3), (20, 1), (30, 1), (30, 3)])


def test_all_come_back(database: Database, rejected: Path) -> None:
    repair_all(database)
    done = programs.succeed(*retry(database))
    assert 'table "a": ' in done.out and "put back" in done.out
    assert is_whole(database) and left(database) == 0
    assert triggers(database) == [("off", "D"), ("shout", "O")]
    assert NOTHING in programs.succeed(*retry(database)).out
    assert is_whole(database)
    assert "left out" not in programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--status").out
    assert database.query("SELECT nextval('a_id_seq') > 6") == [(True,)]


def test_a_sequence_that_goes_down(database: Database, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (-5, 1), (-9, 'x')")
    database.execute("CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY -1) PRIMARY KEY, v int)")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject",
                  programs.dump(tmp_path / "s.db", tmp_path / "s.valise"))
    assert database.query("SELECT last_value FROM t_id_seq") == [(-5,)]
    database.execute("""UPDATE valise.rejects SET repair = '{"v": 2}'""")
    programs.succeed(*retry(database))
    assert database.query("SELECT nextval('t_id_seq')") == [(-10,)]


def test_some_come_back_and_others_later(database: Database, rejected: Path, tmp_path: Path) -> None:
    all_of_them = left(database)
    database.execute("""UPDATE valise.rejects SET repair = '{"V": "y y", "w": "2.5"}' WHERE table_name = 'a' AND row_json ->> 'id' = '2'""")
    rest = tmp_path / "rest.json"
    programs.fail(programs.REJECTED, ["4 rejected rows are back"], *retry(database, "--rejects", rest))
    assert ids(database, "b") == [10, 20, 21] and (20, 1) in database.query("SELECT * FROM c")
    assert left(database) == all_of_them - 4 == len(json.loads(rest.read_text()))
    repair_all(database)
    programs.succeed(*retry(database))
    assert is_whole(database)


def repaired(rejected: Path) -> list[dict[str, Any]]:
    """The file's rows, with values as repair_all() has them."""
    rows: list[dict[str, Any]] = json.loads(rejected.read_text())
    for row in rows:
        values = row["values"]
        if row["table"] == "a":
            values.update({2: {"v": "y y", "w": "2.5"}, 3: {"w": "x"}, 4: {"v": "ä😀"}, 5: {"v": "short", "w": None}}.get(values["id"], {}))
        elif row["table"] == "b" and values["id"] == 31:
            values["a"] = None
        elif row["table"] == "c" and values["n"] == -1:
            values["n"] = 1
    return rows


def test_a_repaired_file(database: Database, rejected: Path) -> None:
    rejected.write_text(json.dumps(repaired(rejected)))
    done = programs.succeed(*retry(database, "--repaired", rejected))
    assert is_whole(database) and "of the file" not in done.out


def test_a_file_of_a_rehearsal(database: Database, rejected: Path) -> None:
    """There the same rows had other numbers, and some are not rejected here."""
    rows = repaired(rejected)
    numbers = [row["id"] for row in rows]
    for row, number in zip(rows, numbers[1:] + numbers[:1]):
        row["id"] = number
    rows.append({**rows[0], "row": "00" + rows[0]["row"]})
    rejected.write_text(json.dumps(rows))
    done = programs.succeed(*retry(database, "--repaired", rejected))
    assert is_whole(database) and "1 row of the file" in done.out


@pytest.mark.parametrize("text", ["", "[", "{}", '[{"id": 1, "values": {"v": "x}]', '[{"id": 1}] x', "[[[[[[[[[[[[[[[[[[[[[[", '[{"id": 1, "values": {"v": "\\ud800"}}]'])
def test_a_damaged_file(database: Database, rejected: Path, text: str) -> None:
    before = left(database)
    rejected.write_text(text)
    done = programs.run(*retry(database, "--repaired", rejected))
    assert done.status == programs.USAGE and str(rejected) in done.error, done
    assert left(database) == before and ids(database, "b") == [10]


@pytest.mark.parametrize("repair, words", [('{"nope": 1}', "names a column"), ("[]", "no row in JSON"), ('{"v": {"hex": "00"}}', "no row in JSON"),
                                           ('{"v": {"blob": "0"}}', "odd number"), ('{"v": 1.5}', "storage class"), ('{"v": "\\u0000"}', "NUL")])
def test_a_damaged_repair(database: Database, rejected: Path, repair: str, words: str) -> None:
    database.execute(f"UPDATE valise.rejects SET repair = '{repair}' WHERE table_name = 'a' AND row_json ->> 'id' = '4'")
    done = programs.fail(programs.REJECTED, ["0 rejected rows are back"], *retry(database))
    assert words in done.out, done


def test_policies_let_through(database: Database, rejected: Path) -> None:
    programs.fail(programs.REJECTED, [], *retry(database, "--on-bad-value=a.v=replace", "--nul-text= "))
    assert ids(database, "b") == [10]  # the column w does not fit either
    database.execute("""UPDATE valise.rejects SET repair = '{"w": "x"}' WHERE table_name = 'a'""")
    programs.fail(programs.REJECTED, [], *retry(database, "--on-bad-value=a.v=replace", "--nul-text= "))
    assert database.query("SELECT v FROM a WHERE id IN (2, 4) ORDER BY id") == [("y y",), ("a\ufffd",)]


def test_duplicates_stay_until_they_differ(database: Database, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript("CREATE TABLE t (id INTEGER, v INTEGER); INSERT INTO t VALUES (1, 5), (2, 5), (3, 5)")
    database.execute("CREATE TABLE t (id int, v int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    file = programs.dump(tmp_path / "s.db", tmp_path / "s.valise")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", file)
    database.execute("""UPDATE valise.rejects SET repair = '{"v": 6}'""")
    programs.fail(programs.REJECTED, ["1 rejected row is back, 1 does not fit"], *retry(database))
    assert database.query("SELECT * FROM t ORDER BY 1") == [(1, 5), (2, 6)]


def test_each_table_says_why_its_rows_stay(database: Database, tmp_path: Path) -> None:
    """However many rows of another table depend on them."""
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript("CREATE TABLE z (id INTEGER PRIMARY KEY, v); CREATE TABLE a (z INTEGER);"
                             "INSERT INTO z WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80) SELECT i, 'x' FROM n;"
                             "INSERT INTO a SELECT id FROM z")
    database.execute("CREATE TABLE z (id int PRIMARY KEY, v int); CREATE TABLE a (z int REFERENCES z)")
    file = programs.dump(tmp_path / "s.db", tmp_path / "s.valise")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", file)
    lines = programs.fail(programs.REJECTED, ["160 do not fit"], *retry(database)).out.splitlines()
    assert [sum(f'of "{table}": ' in line and line.startswith("- row") for line in lines) for table in "az"] == [5, 5]
    assert lines[-1].startswith("- and others")


def test_there_is_nothing(database: Database, tmp_path: Path) -> None:
    programs.fail(programs.REFUSED, ["nothing was replayed"], *retry(database))
    programs.fail(programs.USAGE, ["takes no dump"], *retry(database, tmp_path / "x"))
    programs.fail(programs.USAGE, ["--repaired is for"], programs.REPLAY, "--dsn", database.dsn, "--repaired", "x", "y")


def mutate(tmp_path: Path, sql: str) -> Path:
    """A delta to the database with these changes."""
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript(sql)
    programs.succeed(programs.DUMP, "--base", tmp_path / "s.valise", "-o", tmp_path / "d.valise", tmp_path / "s.db")
    return tmp_path / "d.valise"


def test_deltas_before_and_after(database: Database, rejected: Path, tmp_path: Path) -> None:
    """The ledger counts what came back: a delta finds everything as it should be, and can be undone."""
    delta = mutate(tmp_path, "INSERT INTO a VALUES (7, 'new', 1); UPDATE b SET up = NULL WHERE id = 10; DELETE FROM c WHERE n = 3 AND b = 30")
    programs.fail(programs.REFUSED, ["--retry-rejects"], programs.REPLAY, "--dsn", database.dsn, delta)
    repair_all(database)
    programs.succeed(*retry(database))
    database.settle()
    programs.replay(database.dsn, delta, "--verify=full")
    assert ids(database, "a") == [1, 2, 3, 4, 5, 6, 7]
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--undo", "--verify=full", delta)
    assert is_whole(database)


def test_a_delta_in_between(database: Database, rejected: Path, tmp_path: Path) -> None:
    """A delta of another table comes first; undoing it afterwards leaves what came back."""
    delta = mutate(tmp_path, "INSERT INTO other VALUES (1)")
    programs.replay(database.dsn, delta)
    repair_all(database)
    programs.succeed(*retry(database))
    database.settle()
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--undo", "--verify=full", delta)
    assert is_whole(database) and NOTHING in programs.succeed(*retry(database)).out
    programs.replay(database.dsn, delta, "--verify=full")


def test_a_newer_dump_keeps_them(database: Database, rejected: Path, tmp_path: Path) -> None:
    """Tables that stay keep their rejected rows; those of tables that are loaded anew are judged anew."""
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript("UPDATE c SET n = 9 WHERE n = -1")
    newer = programs.dump(tmp_path / "s.db", tmp_path / "newer.valise")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", newer)
    database.execute("UPDATE valise.rejects SET reason = 'old' WHERE replay = 1")
    [(count,)] = database.query("SELECT count(*) FROM valise.rejects WHERE replay = 2 AND table_name IN ('a', 'b')")
    assert count == database.query("SELECT count(*) FROM valise.rejects WHERE replay = 1 AND table_name IN ('a', 'b')")[0][0]
    repair_all(database)
    programs.succeed(*retry(database))
    assert database.query("SELECT b, n FROM c ORDER BY 1, 2") == [(10, 3), (20, 1), (30, 3), (30, 9)]


def test_an_unfinished_replay_comes_first(database: Database, rejected: Path) -> None:
    database.execute("UPDATE valise.replay SET phase = 'restore'")
    programs.fail(programs.REFUSED, ["unfinished"], *retry(database))


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_changes_nothing(database: Database, rejected: Path, signal_number: signal.Signals) -> None:
    """It waits for a lock in the middle of its work and is killed there; then the same command does it all."""
    repair_all(database)
    before = left(database)
    with contextlib.closing(psycopg2.connect(database.dsn)) as blocker:
        with blocker.cursor() as cursor:
            cursor.execute("LOCK TABLE c IN SHARE ROW EXCLUSIVE MODE; SELECT pg_backend_pid()")
        process = subprocess.Popen([str(word) for word in retry(database)], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        with contextlib.closing(database.server.connect(database.name)) as watcher, watcher.cursor() as cursor:
            while True:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                if cursor.fetchone()[0] > 0:
                    break
                assert process.poll() is None and time.monotonic() < deadline, process.communicate()
                time.sleep(0.01)
        process.send_signal(signal_number)
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, programs.STOPPED)
    database.settle()
    assert left(database) == before and ids(database, "b") == [10]
    programs.succeed(*retry(database))
    assert is_whole(database)


def test_two_at_once(database: Database, rejected: Path) -> None:
    repair_all(database)
    both = [subprocess.Popen([str(word) for word in retry(database)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ended = sorted((process.communicate(), process.returncode)[1] for process in both)
    assert ended in ([0, 0], [0, programs.REFUSED]), ended
    assert is_whole(database)


def test_triggers_of_partitions_rest(database: Database, tmp_path: Path) -> None:
    database.execute("""
        CREATE TABLE p (id bigint PRIMARY KEY, v varchar(3)) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE p11 PARTITION OF p1 FOR VALUES FROM (0) TO (50);
        CREATE TABLE p12 PARTITION OF p1 DEFAULT;
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$;
        CREATE TRIGGER on_leaf BEFORE INSERT ON p11 FOR EACH ROW EXECUTE FUNCTION shout();
        CREATE TRIGGER on_other BEFORE INSERT ON p12 FOR EACH ROW EXECUTE FUNCTION shout();
        CREATE TRIGGER always AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION shout();
        ALTER TABLE p12 ENABLE ALWAYS TRIGGER on_other""")
    before = database.query("SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2")
    snapshot = tmp_path / "s.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.executescript("CREATE TABLE p (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO p VALUES (1, 'a'), (2, 'too long'), (70, 'too long')")
    dump = programs.dump(snapshot, tmp_path / "s.valise")
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", dump)
    assert ids(database, "p") == [1]
    database.execute("UPDATE valise.rejects SET repair = '{\"v\": \"ok\"}'")
    programs.succeed(*retry(database))
    assert database.query("SELECT id, v FROM p ORDER BY 1") == [(1, "a"), (2, "ok"), (70, "ok")]
    assert database.query("SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2") == before
