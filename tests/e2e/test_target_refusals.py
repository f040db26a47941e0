"""Targets that cannot take a replay, and what is said about each: nothing is touched."""
from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

import programs
import standby
from conftest import Database
from pooler import Pooler

TARGET = "CREATE TABLE t (id bigint PRIMARY KEY, v text)"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    return programs.dump(tmp_path / "s.db", tmp_path / "s.valise")


@pytest.fixture
def target(database: Database) -> Database:
    database.execute(TARGET)
    return database


def refused(words: list[str], target: Database, *arguments: str | Path) -> None:
    before = target.contents()
    programs.fail(programs.REFUSED, words, programs.REPLAY, *arguments)
    assert target.contents() == before


# ---------------------------------------------------------------------------------- servers that take no writes


def wait_for_table(dsn: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(psycopg2.Error), contextlib.closing(psycopg2.connect(dsn)) as connection, \
                connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('t') IS NOT NULL")
            if cursor.fetchone() == (True,):
                return
        assert time.monotonic() < deadline, "the standby does not follow"
        time.sleep(0.05)


def test_a_standby(target: Database, dump: Path) -> None:
    with standby.running(target.server) as where:
        dsn = f"{where} dbname={target.name}"
        wait_for_table(dsn)
        for option in ("--quiet", "--dry-run"):
            programs.fail(programs.REFUSED, ["standby", "primary"], programs.REPLAY, "--dsn", dsn, option, dump)


def test_transactions_that_are_read_only(target: Database, dump: Path) -> None:
    target.execute(f"ALTER DATABASE {target.name} SET default_transaction_read_only = on")
    refused(["default_transaction_read_only"], target, "--dsn", target.dsn, dump)


@pytest.mark.parametrize("where", ["DATABASE", "ROLE"])
def test_sessions_as_a_replicas(target: Database, tmp_path: Path, where: str) -> None:
    """PostgreSQL would check no foreign keys: neither those that stay during a load, nor what a delta changes."""
    target.execute(f"CREATE ROLE replicating LOGIN; CREATE SCHEMA away; GRANT USAGE ON SCHEMA away TO replicating; GRANT CREATE ON DATABASE {target.name} "
                   "TO replicating; GRANT CREATE ON SCHEMA public TO replicating; CREATE TABLE away.p (id bigint PRIMARY KEY); "
                   "INSERT INTO away.p VALUES (1), (2); ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES away.p; ALTER TABLE t OWNER TO replicating")
    owner = target.dsn.replace("user=postgres", "user=replicating")
    source, full, delta = tmp_path / "s.db", tmp_path / "full.valise", tmp_path / "delta.valise"
    with contextlib.closing(sqlite3.connect(source)) as db, db:
        db.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
        programs.dump(source, full)
        db.execute("INSERT INTO t VALUES (3, 'c')")
        db.commit()
        programs.dump(source, delta, "--base", str(full))
    name = {"DATABASE": target.name, "ROLE": "replicating"}[where]
    as_replica = f"ALTER {where} {name} SET session_replication_role = replica; ALTER ROLE postgres SET session_replication_role = replica"
    words = ["session_replication_role is replica", "checks no foreign keys", "RESET session_replication_role"]
    try:
        target.execute(as_replica)
        refused(words, target, "--dsn", owner, full)
        target.execute(f"ALTER {where} {name} RESET session_replication_role")
        programs.replay(owner, full)
        target.execute(as_replica)
        target.settle()
        for command in ([delta], ["--retry-rejects"]):
            refused(words, target, "--dsn", owner, *command)
        programs.fail(programs.DATABASE, ["foreign key", '"p"'], programs.REPLAY, "--dsn", target.dsn, delta)   # a superuser replays as origin
        assert target.query("SELECT count(*) FROM t") == [(2,)]
        target.execute("INSERT INTO away.p VALUES (3)")
        assert words[0] in programs.replay(target.dsn, delta).out
        assert target.query("SELECT count(*) FROM t") == [(3,)]
    finally:
        target.execute("ALTER ROLE postgres RESET session_replication_role; DROP OWNED BY replicating CASCADE; DROP ROLE replicating")


# ------------------------------------------------------------------------------------------------- rights


def test_a_role_that_may_not_create(target: Database, dump: Path) -> None:
    """What is said to be granted is enough, word by word."""
    role = 'odd "role"'
    quoted = '"odd ""role"""'
    target.execute(f"CREATE ROLE {quoted} LOGIN; ALTER TABLE t OWNER TO {quoted}; "
                   f"REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {quoted}")
    dsn = target.dsn.replace("user=postgres", f"user='{role}'")
    assert role in dsn
    try:
        done = programs.fail(programs.REFUSED, ["may not create the ledger"], programs.REPLAY, "--dsn", dsn, dump)
        grants = re.findall(r"GRANT CREATE ON (?:DATABASE|SCHEMA) [^;\n]*?TO \"odd \"\"role\"\"\"", done.error)
        assert len(grants) == 2, done
        target.execute("; ".join(grants))
        programs.replay(dsn, dump)
        assert target.query("SELECT count(*) FROM t") == [(2,)]
    finally:
        target.execute(f"REASSIGN OWNED BY {quoted} TO CURRENT_USER; DROP OWNED BY {quoted}; DROP ROLE {quoted}")


@pytest.mark.parametrize("secret", ["REVOKE ALL ON hidden FROM hidden_from",
                                    "GRANT SELECT ON hidden TO hidden_from; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY"])
def test_a_table_that_cannot_be_seen(target: Database, dump: Path, secret: str) -> None:
    """It is empty, but who may say so?"""
    target.execute(f"CREATE ROLE hidden_from LOGIN; ALTER TABLE t OWNER TO hidden_from; GRANT ALL ON SCHEMA public TO hidden_from;"
                   f"GRANT ALL ON DATABASE {target.name} TO hidden_from; CREATE TABLE hidden (a integer); {secret}")
    dsn = target.dsn.replace("user=postgres", "user=hidden_from")
    try:
        refused(['table "hidden"', '"hidden_from" may not see whether it has rows'], target, "--dsn", dsn, dump)
    finally:
        target.execute("DROP OWNED BY hidden_from; DROP ROLE hidden_from")


# ------------------------------------------------------------------------------------------------ what stands in the way

IN_PLACE = {
    "a view": "CREATE VIEW t AS SELECT 1 AS id, ''::text AS v",
    "a materialized view": "CREATE MATERIALIZED VIEW t AS SELECT 1 AS id, ''::text AS v",
    "a foreign table": "CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;"
                       "CREATE FOREIGN TABLE t (id bigint, v text) SERVER s",
    "a sequence": "CREATE SEQUENCE t",
    "an index": "CREATE TABLE other (a integer); CREATE INDEX t ON other (a)",
}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_no_table(target: Database, dump: Path, kind: str) -> None:
    target.execute(f"ALTER TABLE t RENAME TO another; {IN_PLACE[kind]}")
    refused([f"has its name in the target is {kind}", "drop or rename it"], target, "--dsn", target.dsn, dump)


@pytest.mark.parametrize("statement", ["DROP TABLE t", "ALTER TABLE t RENAME TO another"])
def test_a_table_of_another_schema(target: Database, dump: Path, statement: str) -> None:
    target.execute(f"{statement}; CREATE SCHEMA mine; CREATE TABLE mine.t (id bigint, v text)")
    refused(['its schema "mine"', "search_path"], target, "--dsn", target.dsn, dump)


@pytest.mark.parametrize("tag", ["CREATE SCHEMA", "CREATE INDEX", "DROP TRIGGER", "ALTER TABLE", "COMMENT"])
@pytest.mark.parametrize("event", ["ddl_command_start", "ddl_command_end"])
def test_event_triggers_that_forbid(target: Database, dump: Path, event: str, tag: str) -> None:
    target.execute("CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS "
                   "$$BEGIN IF current_setting('is.admin', true) IS NULL THEN RAISE 'call the admin'; END IF; END$$;"
                   f"CREATE EVENT TRIGGER \"the rule\" ON {event} WHEN TAG IN ('{tag}') EXECUTE PROCEDURE no()")
    for option in ("--quiet", "--dry-run"):
        refused(["call the admin", '"the rule"', "DISABLE"], target, "--dsn", target.dsn, option, dump)
    target.execute('ALTER EVENT TRIGGER "the rule" DISABLE')
    programs.replay(target.dsn, dump)


def test_an_event_trigger_for_the_tables_alone(target: Database, dump: Path) -> None:
    target.execute("""CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
            IF EXISTS (SELECT 1 FROM pg_event_trigger_dropped_objects() WHERE schema_name = 'public') THEN RAISE 'call the admin'; END IF; END$$;
        CREATE EVENT TRIGGER "the rule" ON sql_drop EXECUTE PROCEDURE no()""")
    for option in ("--quiet", "--dry-run"):
        refused(["call the admin", '"the rule"', "DISABLE"], target, "--dsn", target.dsn, option, dump)


def test_worth_knowing(target: Database, dump: Path) -> None:
    target.execute("ALTER TABLE t SET UNLOGGED;"
                   "CREATE FUNCTION yes() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
                   "CREATE EVENT TRIGGER look ON ddl_command_end EXECUTE PROCEDURE yes()")
    said = programs.replay(target.dsn, dump).out
    assert all(words in said for words in ('"t" is unlogged', "may see our DDL: look")), said
    assert target.query("SELECT count(*) FROM t") == [(2,)]


# ------------------------------------------------------------------------------------------------ the ledger


def test_a_ledger_of_a_newer_version(target: Database, dump: Path) -> None:
    programs.replay(target.dsn, dump)
    target.settle()
    target.execute("UPDATE valise.ledger SET version = version + 1")
    before = target.contents()
    for command in ([dump], ["--dry-run", dump], ["--abort"], ["--status"]):
        programs.fail(programs.UNSUPPORTED, ["ledger", "newer version"], programs.REPLAY, "--dsn", target.dsn, *command)
        target.settle()
    assert target.contents() == before


def test_a_schema_of_that_name(target: Database, dump: Path) -> None:
    target.execute("CREATE SCHEMA valise; CREATE TABLE valise.mine (a integer)")
    refused(["schema \"valise\"", "no ledger"], target, "--dsn", target.dsn, dump)


def test_two_at_once(target: Database, dump: Path) -> None:
    """The second one says who is at work: process, program, address, since when."""
    with contextlib.closing(psycopg2.connect(target.dsn + " application_name=valise-replay")) as holder:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(130160802755429), pg_backend_pid()")
            [(_, pid)] = cursor.fetchall()
        holder.commit()
        programs.fail(programs.REFUSED, [f"process {pid}", "valise-replay", "of user postgres", "on this host", "since 20"],
                      programs.REPLAY, "--dsn", target.dsn, dump)
    target.settle()
    programs.replay(target.dsn, dump)


# ----------------------------------------------------------------------------------------------- sessions


def test_sessions_are_allowed_one_by_one(target: Database, dump: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with contextlib.closing(psycopg2.connect(target.dsn + " application_name=reader")):
        programs.fail(programs.REFUSED, ["reader", "--allow-sessions"], programs.REPLAY, "--dsn", target.dsn, dump)
        done = programs.replay(target.dsn, dump, "--allow-sessions", "--report", str(report))
    assert "(reader of postgres)" in done.out
    assert "reader" in json.dumps(json.loads(report.read_text())["notes"])
    assert target.query("SELECT count(*) FROM t") == [(2,)]


Pooled = Callable[..., Pooler]


@pytest.mark.parametrize("mode, settings", [
    ("transaction", {}), ("transaction", {"default_pool_size": 1}), ("transaction", {"server_round_robin": 1}), ("statement", {}),
], ids=["transaction", "pool of one", "round robin", "statement"])
def test_a_pooler_that_mixes_sessions(target: Database, pooled: Pooled, dump: Path, mode: str, settings: dict[str, int]) -> None:
    front = pooled(mode, **settings)
    before = target.contents()
    for command in ([dump], ["--dry-run", dump], ["--abort"], ["--undo", dump], ["--retry-rejects"]):
        programs.fail(programs.REFUSED, ["pooler", "session"], programs.REPLAY, "--dsn", front.dsn(target.name), *command)
    with contextlib.closing(psycopg2.connect(target.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)   # nothing is left with the pooler's sessions
    programs.succeed("pg_dump", "--dbname", target.dsn, "--no-sync")
    assert "CREATE SCHEMA valise" not in before


def test_a_busy_pooler_that_mixes_sessions(target: Database, pooled: Pooled, dump: Path) -> None:
    """Other clients take and give sessions meanwhile."""
    front = pooled("transaction", default_pool_size=4)
    is_over = threading.Event()

    def disturb() -> None:
        while not is_over.is_set():
            with contextlib.closing(psycopg2.connect(front.dsn("postgres"))) as connection, connection.cursor() as cursor:
                for _ in range(20):
                    cursor.execute("SELECT pg_sleep(0.001)")
                    connection.commit()

    threads = [threading.Thread(target=disturb) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            programs.fail(programs.REFUSED, ["pooler", "session"], programs.REPLAY, "--dsn", front.dsn(target.name), dump)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
