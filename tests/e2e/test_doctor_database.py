"""valise doctor's findings about a database: each made for real, and mended by following what it prints."""
from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

import programs
from conftest import Database, Server
from doctor import Findings, commands, follow_sql, look
from test_doctor_sequences import SEQUENCES, behind


def test_a_database_that_is_well(database: Database) -> None:
    database.execute("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text UNIQUE);"
                     "INSERT INTO t (v) SELECT g::text FROM generate_series(1, 100) AS g; ANALYZE")
    found = look(database, "--deep")
    for name in ("server-version", "writable", "encoding", "collation", "ctype", "collation-version", "column-collation",
                 "duplicate-rows", "sequences", "index-invalid", "constraint-not-valid", "table-unlogged", "trigger-disabled",
                 "replay-unfinished", "prepared-transaction", "replication-slot", "wraparound", "statistics-missing",
                 "dead-rows", "sessions", "connections"):
        found.well(name)
    assert [each["name"] for each in found.all if each["severity"] == "error"] == ["setting-fsync"]   # of the throwaway server


def test_an_empty_database(database: Database) -> None:
    look(database, "--deep").well("sequences")


def test_an_invalid_index(database: Database) -> None:
    database.execute("CREATE TABLE t (a integer, b integer); INSERT INTO t VALUES (1, 1), (1, 2)")
    for statement in ("CREATE UNIQUE INDEX CONCURRENTLY bad ON t (a)",):
        with pytest.raises(psycopg2.errors.UniqueViolation):
            database.execute(statement)
    finding = look(database).one("index-invalid", "error", '"public"."bad"')
    database.execute("DELETE FROM t WHERE b = 2")
    follow_sql(database.dsn, finding)
    look(database).well("index-invalid")


def test_what_a_concurrent_reindex_leaves(database: Database) -> None:
    database.execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('x'); CREATE INDEX i ON t (a)")
    with contextlib.closing(psycopg2.connect(database.dsn)) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t")   # an open transaction that it must wait for
        with contextlib.closing(database.server.connect(database.name)) as worker, worker.cursor() as reindex:
            reindex.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                reindex.execute("REINDEX INDEX CONCURRENTLY i")
    finding = look(database).one("index-invalid", "warning", "_cc")
    follow_sql(database.dsn, finding)
    look(database).well("index-invalid")


def test_a_constraint_that_is_not_valid(database: Database) -> None:
    database.execute("""CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE "c ä" (p integer);
        ALTER TABLE "c ä" ADD CONSTRAINT "f k" FOREIGN KEY (p) REFERENCES p NOT VALID""")
    follow_sql(database.dsn, look(database).one("constraint-not-valid", "notice", "f k", "c ä"))
    look(database).well("constraint-not-valid")


def test_an_unlogged_table(database: Database) -> None:
    database.execute("CREATE UNLOGGED TABLE u (a integer)")
    follow_sql(database.dsn, look(database).one("table-unlogged", "warning", '"u"'))
    look(database).well("table-unlogged")


def test_disabled_triggers(database: Database) -> None:
    database.execute("""CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (p integer REFERENCES p);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER "my trigger" BEFORE INSERT ON p FOR EACH ROW EXECUTE PROCEDURE f();
        ALTER TABLE p DISABLE TRIGGER USER; ALTER TABLE c DISABLE TRIGGER ALL""")
    found = {each["severity"]: each for each in look(database).of("trigger-disabled")}
    assert "my trigger" in found["warning"]["what"] and "c_p_fkey" in found["error"]["what"]
    for each in found.values():
        follow_sql(database.dsn, each)
    look(database).well("trigger-disabled")


def test_tables_never_analysed(database: Database) -> None:
    database.execute("CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 10000) AS a; CREATE TABLE empty (a integer);"
                     "CREATE TABLE small AS SELECT 1 AS a")
    finding = look(database).one("statistics-missing", "warning", "1 tables", "public.t")
    assert finding["fix"] == "analyze"
    fixed = look(database, "--fix", "analyze")
    assert fixed.report["fixed"] == ["ANALYZE;"]
    fixed.well("statistics-missing")


def test_dead_rows(database: Database) -> None:
    database.execute("CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 20000) AS a")
    database.execute("DELETE FROM t WHERE a > 5")
    deadline = time.monotonic() + 30
    while not any(each["severity"] == "notice" for each in look(database).of("dead-rows")):   # counted a moment later
        assert time.monotonic() < deadline
        time.sleep(0.2)
    follow_sql(database.dsn, look(database).one("dead-rows", "notice", '"public"."t"'))
    deadline = time.monotonic() + 30
    while any(each["severity"] == "notice" for each in look(database).of("dead-rows")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_many_tables(database: Database) -> None:
    """A list that is cut says how much is missing."""
    database.execute("DO $$ BEGIN FOR i IN 1..13 LOOP EXECUTE 'CREATE TABLE t' || i || ' WITH (autovacuum_enabled = off)"
                     " AS SELECT generate_series(1, 11000) AS a'; END LOOP; END $$")
    look(database).one("statistics-missing", "warning", "13 tables", " and 3 more")
    database.execute("DO $$ BEGIN FOR i IN 1..13 LOOP EXECUTE 'DELETE FROM t' || i; END LOOP; END $$")
    deadline = time.monotonic() + 30
    while len(found := look(database).of("dead-rows")) != 11:   # counted a moment later
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert found[-1]["what"].startswith("3 more tables")


def test_a_replay_that_is_not_finished(database: Database) -> None:
    """The ledger as a killed replay leaves it; test_interruptions.py makes such ones for real."""
    database.execute("""CREATE SCHEMA valise; CREATE TABLE valise.ledger (version integer); INSERT INTO valise.ledger VALUES (1);
        CREATE TABLE valise.replay (id bigserial, phase text, dump text);
        CREATE TABLE valise.rejects (replay bigint, table_name text, reason text, row_bytes bytea);
        INSERT INTO valise.replay (phase, dump) VALUES ('done', 'a.valise'), ('load', 'b.valise');
        INSERT INTO valise.rejects VALUES (1, 'events', 'x', '')""")
    found = look(database)
    finding = found.one("replay-unfinished", "error", "b.valise", "load")
    for part in (f"dbname='{database.name}'", f"host='{database.server.folder}'", f"port='{database.server.port}'", "user='postgres'"):
        assert part in shlex.split(commands(finding, "shell")[0])[2], "the same server, not a default"
    found.one("rejected-rows", "warning", "1 rows", "events")
    database.execute("CREATE ROLE looker LOGIN")
    with_less = Findings("--dsn", database.dsn.replace("user=postgres", "user=looker"))
    with_less.one("ledger-unknown", "notice")
    database.execute("UPDATE valise.replay SET phase = 'done'; DELETE FROM valise.rejects; DROP ROLE looker")
    look(database).well("replay-unfinished")
    database.execute("DROP TABLE valise.replay")
    look(database).one("ledger-foreign", "warning")


def profile_file(folder: Path, text: str) -> str:
    path = folder / "profile.yaml"
    path.write_text("profile: x\ntitle: X\nformat: 1\nrecognise: [t]\n" + text)
    return str(path)


def test_no_application(database: Database) -> None:
    database.execute("CREATE TABLE t (a integer)")
    finding = look(database).one("profile", "notice", "no application")
    assert finding["mend"] == []


def test_a_requirement_of_a_profile(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (a integer); INSERT INTO t SELECT generate_series(1, 8)")
    path = profile_file(tmp_path, "requirements:\n  - {name: rows in t, sql: 'SELECT a::text FROM t ORDER BY a', hint: delete them}\n")
    finding = look(database, "--profile", path).one("requirement", "error", "rows in t: 1, 2, 3, 4, 5 and 3 more")
    assert commands(finding, "words") == ["delete them"]
    database.execute("DELETE FROM t")
    look(database, "--profile", path).well("requirement")


def test_a_profile_that_fails(database: Database, tmp_path: Path) -> None:
    """What it asks for is not there; the rest is looked at."""
    database.execute("CREATE TABLE t (id serial); INSERT INTO t VALUES (7)")
    path = profile_file(tmp_path, "checks:\n  - {name: all is well, sql: 'SELECT 1 FROM gone'}\n")
    found = look(database, "--profile", path)
    found.one("not-examined", "warning", "the application", "gone")
    assert behind(found) == {'"public"."t_id_seq"'} and found.of("dead-rows")


def test_a_catalog_that_may_not_be_read(database: Database) -> None:
    """As administrators of shared servers do; the other families are looked at."""
    database.execute("CREATE ROLE looker LOGIN; REVOKE SELECT ON pg_index FROM PUBLIC; CREATE UNLOGGED TABLE u (a integer)")
    try:
        found = Findings("--dsn", database.dsn.replace("user=postgres", "user=looker"))
        unseen = found.of("not-examined")
        assert len(unseen) > 1 and all(each["severity"] == "warning" and "pg_index" in each["what"] for each in unseen), unseen
        found.well("encoding")
        found.well("dead-rows")
    finally:
        database.settle()
        database.execute("DROP ROLE looker")


def test_a_role_with_few_rights(database: Database) -> None:
    database.execute(SEQUENCES + """CREATE ROLE "a %s ""role" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC""")
    dsn = psycopg2.extensions.make_dsn(database.dsn, user='a %s "role')
    database.settle()
    try:
        found = Findings("--dsn", dsn, "--deep")
        assert found.of("sequence-unknown") and not found.of("not-examined"), str(found.done)
        found.one("disk-unknown", "notice")
        done = programs.run(programs.VALISE, "doctor", "--dsn", dsn, "--fix", "sequences")
        assert done.status == programs.REFUSED   # of the server's fsync; there was nothing that it might set
    finally:
        database.settle()
        database.execute("""DROP ROLE "a %s ""role" """)


def test_hostile_names(postgres: Server) -> None:
    name = "we\"ird 'n'\näme\\"
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.execute("postgres", f"CREATE DATABASE {quoted} TEMPLATE template0")
    try:
        dsn = psycopg2.extensions.make_dsn(postgres.dsn("x"), dbname=name)
        with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} serial, v text UNIQUE);"
                           f"INSERT INTO {quoted}.{quoted} VALUES (5, 'x'); CREATE UNLOGGED TABLE {quoted} (a integer)")
        found = Findings("--dsn", dsn, "--deep")
        for each in [*found.of("sequence-behind"), *found.of("table-unlogged")]:
            follow_sql(dsn, each)
        after = Findings("--dsn", dsn, "--deep")
        for well in ("sequences", "table-unlogged", "duplicate-rows"):
            after.well(well)
        text = programs.run(programs.VALISE, "doctor", "--dsn", dsn)
        assert all(line.isprintable() for line in text.out.splitlines()), text
    finally:
        postgres.execute("postgres", f"DROP DATABASE {quoted} WITH (FORCE)")


def test_only_what_is_safe_is_fixed(database: Database) -> None:
    database.execute("CREATE UNLOGGED TABLE u (a integer)")
    database.execute(SEQUENCES)
    before = database.contents()
    doctor = programs.VALISE, "doctor", "--dsn", database.dsn
    programs.fail(programs.REFUSED, ["by hand", "nothing was changed", "SET LOGGED"], *doctor, "--fix", "sequences", "--fix", "table-unlogged")
    programs.fail(programs.USAGE, ["sequences"], *doctor, "--fix", "sequence-behind")
    programs.fail(programs.USAGE, ["nothing of that name", "analyze, sequences"], *doctor, "--fix", "nonsense")
    database.settle()
    assert database.contents() == before


def test_looking_writes_nothing(database: Database) -> None:
    database.execute(SEQUENCES)
    before = database.contents()
    look(database, "--deep")
    assert database.contents() == before


def test_create(postgres: Server) -> None:
    dsn = postgres.dsn("by_doctor")
    try:
        assert "is made" in programs.succeed(programs.VALISE, "doctor", "--create", "--dsn", dsn).out
        assert "exists already" in programs.succeed(programs.VALISE, "doctor", "--create", "--dsn", dsn).out
        Findings("--dsn", dsn).well("collation")
    finally:
        postgres.drop("by_doctor")


def test_ctrl_c(other_database: Callable[[str], Database]) -> None:
    """Between two queries or in one, it ends at once, as stopped."""
    database = other_database("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
    database.execute("CREATE TABLE t (v text UNIQUE); INSERT INTO t VALUES ('x')")
    database.settle()
    with contextlib.closing(psycopg2.connect(database.dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([str(programs.VALISE), "doctor", "--dsn", database.dsn], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                break
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.terminate()
        out, error = process.communicate(timeout=60)
    assert process.returncode == programs.STOPPED, (out, error)
    assert out == "" and "stopped" in error
