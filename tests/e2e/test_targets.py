"""Targets beyond one ordinary database: partitioned and distributed tables, a hot standby, publications and subscriptions."""
from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import compare
import programs
from conftest import Database, Server, serving

ROWS = 3000
SOURCE = f"""
    CREATE TABLE area (name TEXT PRIMARY KEY);
    INSERT INTO area VALUES ('a'), ('b'), ('c');
    CREATE TABLE event (id INTEGER PRIMARY KEY, area TEXT, note TEXT);
    INSERT INTO event WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
        SELECT i, substr('abc', 1 + i % 3, 1), CASE WHEN i % 7 THEN 'note ' || i END FROM n;
    CREATE TABLE log (day INTEGER, line TEXT);
    INSERT INTO log SELECT id % 40, 'line ' || id % 11 FROM event;
    CREATE TABLE hit (event INTEGER, who TEXT);
    INSERT INTO hit SELECT id, 'w' || id % 5 FROM event WHERE id % 2;
"""
PARTITIONED = """
    CREATE TABLE area (name text PRIMARY KEY);
    CREATE TABLE event (id bigint, area text NOT NULL REFERENCES area, note text, PRIMARY KEY (id, area)) PARTITION BY LIST (area);
    CREATE TABLE event_a PARTITION OF event FOR VALUES IN ('a') PARTITION BY HASH (id);
    CREATE TABLE event_a0 PARTITION OF event_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE event_a1 PARTITION OF event_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE event_b (note text, area text NOT NULL, id bigint NOT NULL);
    ALTER TABLE event ATTACH PARTITION event_b FOR VALUES IN ('b');
    CREATE TABLE event_rest PARTITION OF event DEFAULT;
    CREATE INDEX event_note ON event (note);
    CREATE TABLE log (day bigint, line text) PARTITION BY RANGE (day);
    CREATE TABLE log_0 PARTITION OF log FOR VALUES FROM (MINVALUE) TO (10);
    CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (10) TO (MAXVALUE);
    CREATE INDEX log_day ON log (day);
    CREATE TABLE hit (event bigint, who text) PARTITION BY HASH (event);
    CREATE TABLE hit_0 PARTITION OF hit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE hit_1 PARTITION OF hit FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""


def edit(path: Path, script: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    return path


def equal(snapshot: Path, database: Database) -> None:
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    database.settle()


def delta_of(folder: Path, name: str, *bases: Path) -> Path:
    target = folder / name
    words = [word for base in bases for word in ("--base", str(base))]
    programs.succeed(programs.DUMP, *words, "-o", target, folder / "s.db")
    return target


# ------------------------------------------------------------------------------------------------ partitions


def test_partitioned_tables(database: Database, tmp_path: Path) -> None:
    """Rows go through the parent to their partitions, deltas move them between partitions, and undo brings them back."""
    snapshot = edit(tmp_path / "s.db", SOURCE)
    before = tmp_path / "before.db"
    before.write_bytes(snapshot.read_bytes())
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute(PARTITIONED)
    programs.replay(database.dsn, full, "--jobs=3")
    database.settle()
    equal(snapshot, database)
    assert database.query("SELECT count(*) > 0 FROM event_a0") == [(True,)]
    edit(snapshot, """
        UPDATE event SET area = CASE area WHEN 'a' THEN 'b' WHEN 'b' THEN 'c' ELSE 'a' END WHERE id % 50 = 3;
        DELETE FROM event WHERE id % 70 = 9; INSERT INTO event VALUES (-1, 'c', NULL), (100000, 'a', 'new');
        UPDATE log SET day = day + 25 WHERE rowid % 90 = 1; DELETE FROM log WHERE rowid % 100 = 3;
        INSERT INTO log VALUES (1, 'line 1'), (1, 'line 1'), (39, 'x'); UPDATE hit SET who = 'other' WHERE event % 91 = 0""")
    delta = delta_of(tmp_path, "delta.valise", full)
    programs.replay(database.dsn, delta)
    database.settle()
    equal(snapshot, database)
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--undo", delta)
    database.settle()
    equal(before, database)


def test_references_to_a_partitioned_table(database: Database, tmp_path: Path) -> None:
    """A row refers to the whole table, not to each of its partitions; what refers to nothing is still found."""
    snapshot = edit(tmp_path / "s.db", """
        CREATE TABLE room (id INTEGER, area TEXT, PRIMARY KEY (id, area)); CREATE TABLE member (room INTEGER, area TEXT);
        INSERT INTO room VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO member VALUES (1, 'a'), (3, 'c'), (2, 'b'), (NULL, 'b')""")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("""
        CREATE TABLE room (id bigint, area text, PRIMARY KEY (id, area)) PARTITION BY LIST (area);
        CREATE TABLE room_a PARTITION OF room FOR VALUES IN ('a'); CREATE TABLE room_rest PARTITION OF room DEFAULT;
        CREATE TABLE member (room bigint, area text, FOREIGN KEY (room, area) REFERENCES room ON DELETE CASCADE)""")
    edit(tmp_path / "bad.db", """
        CREATE TABLE room (id INTEGER, area TEXT, PRIMARY KEY (id, area)); CREATE TABLE member (room INTEGER, area TEXT);
        INSERT INTO room VALUES (1, 'a'), (2, 'b'); INSERT INTO member VALUES (1, 'a'), (2, 'a')""")
    bad = programs.dump(tmp_path / "bad.db", tmp_path / "bad.valise")
    programs.fail(programs.REFUSED, ['no row of "room"', "(rows like this: 1)"], programs.REPLAY, "--dsn", database.dsn, bad)
    database.settle()
    programs.replay(database.dsn, full)
    database.settle()
    equal(snapshot, database)
    edit(snapshot, "UPDATE room SET area = 'a' WHERE id = 3; UPDATE member SET area = 'a' WHERE room = 3; DELETE FROM room WHERE id = 2;"
                   "DELETE FROM member WHERE room = 2")
    programs.replay(database.dsn, delta_of(tmp_path, "delta.valise", full))
    database.settle()
    equal(snapshot, database)
    with pytest.raises(Exception, match="violates foreign key"):
        database.execute("INSERT INTO member VALUES (2, 'b')")


def test_triggers_of_partitioned_tables_do_not_fire(database: Database, tmp_path: Path) -> None:
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    database.execute(PARTITIONED + """
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not allowed'; END $$;
        CREATE TRIGGER t BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION never();
        CREATE TRIGGER t AFTER INSERT ON event_b FOR EACH ROW EXECUTE FUNCTION never()""")
    programs.replay(database.dsn, full)
    database.settle()
    equal(tmp_path / "s.db", database)
    with pytest.raises(Exception, match="not allowed"):
        database.execute("INSERT INTO log VALUES (3, 'x')")
    with pytest.raises(Exception, match="not allowed"):
        database.execute("INSERT INTO event VALUES (-3, 'b', 'x')")


@pytest.mark.parametrize("change", [
    "ALTER TABLE event_b DISABLE TRIGGER t",
    "ALTER TABLE event_a0 ENABLE ALWAYS TRIGGER t; ALTER TABLE event_a1 ENABLE REPLICA TRIGGER t",
    "ALTER TABLE event DISABLE TRIGGER t; ALTER TABLE event_a0 ENABLE TRIGGER t; ALTER TABLE event_rest ENABLE ALWAYS TRIGGER t",
])
def test_triggers_that_differ_in_partitions(database: Database, tmp_path: Path, change: str) -> None:
    """None fires, and each is enabled afterwards as it was, not as that of the partitioned table."""
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    database.execute(PARTITIONED + f"""
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not allowed'; END $$;
        CREATE TRIGGER t BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION never(); {change}""")
    enabled = "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE tgname = 't' ORDER BY 1"
    before = database.query(enabled)
    assert len({state for *_, state in before}) > 1
    programs.replay(database.dsn, full)
    database.settle()
    equal(tmp_path / "s.db", database)
    assert database.query(enabled) == before


def test_a_row_without_a_partition(database: Database, tmp_path: Path) -> None:
    """The replay names the table; undone, the target is what it was; with a partition it goes on."""
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    database.execute(PARTITIONED + "DROP TABLE log_1")
    programs.fail(programs.DATABASE, ['table "log"', "no partition"], programs.REPLAY, "--dsn", database.dsn, full)
    database.settle()
    database.execute("CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (10) TO (MAXVALUE)")
    programs.replay(database.dsn, full)
    database.settle()
    equal(tmp_path / "s.db", database)


def test_a_killed_replay_of_partitioned_tables(database: Database, tmp_path: Path) -> None:
    """It goes on without loading a row twice, or is undone to what was there."""
    snapshot = edit(tmp_path / "s.db", SOURCE + "INSERT INTO log SELECT l.day, hex(randomblob(90)) FROM log l, area")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute(PARTITIONED)
    before = database.contents()
    for last in ([full], ["--abort"]):
        for delay in (0.05, 0.1, 0.15, 0.2):
            process = subprocess.Popen([programs.REPLAY, "--dsn", database.dsn, "--jobs=2", full], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.kill()
            process.wait(timeout=60)
            database.settle()
        programs.succeed(programs.REPLAY, "--dsn", database.dsn, *last)
        database.settle()
        if last == [full]:
            equal(snapshot, database)
            database.execute("DROP SCHEMA valise CASCADE; TRUNCATE area, event, log, hit")
    if database.query("SELECT count(*) FROM log") == [(0,)]:
        assert database.contents() == before
    else:   # the last kill came too late
        equal(snapshot, database)


# ------------------------------------------------------------------------------------------------ hot standby


@pytest.fixture
def standby(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A hot standby of the throwaway server."""
    bindir = os.environ.get("VALISE_PG_BINDIR") or subprocess.run(
        ["pg_config", "--bindir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    folder = Path("/tmp") / f"valise-standby.{os.getpid()}"
    folder.mkdir(mode=0o700)
    options: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, "check": True}
    if os.geteuid() == 0:   # PostgreSQL refuses root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data, port = folder / "data", postgres.port + 1
    try:
        subprocess.run([f"{bindir}/pg_basebackup", "-D", data, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync",
                        "-d", postgres.dsn("postgres")], **options)
        words = f"-p {port} -c unix_socket_directories={folder} -c listen_addresses="
        subprocess.run([f"{bindir}/pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", words, "start"],
                       stdout=subprocess.DEVNULL, **options)
        yield Server(str(folder), str(port), postgres.user, "")
    finally:
        subprocess.run([f"{bindir}/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], stdout=subprocess.DEVNULL,
                       **(options | {"check": False}))
        shutil.rmtree(folder)


def test_a_hot_standby_is_refused(database: Database, tmp_path: Path, standby: Server) -> None:
    """Whatever is asked of it, nothing is written, and the message says where to go."""
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    for options in ([], ["--dry-run"]):
        programs.fail(programs.REFUSED, ["standby", "primary"], programs.REPLAY, "--dsn", standby.dsn("postgres"), *options, full)
    assert "nothing was replayed" in programs.run(programs.REPLAY, "--dsn", standby.dsn("postgres"), "--status").out.lower()


# ------------------------------------------------------------------------------------------------ logical replication


def test_published_tables(database: Database, tmp_path: Path) -> None:
    """They are loaded, and the reader is told; what PostgreSQL does not let a delta do is said and leaves nothing half done."""
    snapshot = edit(tmp_path / "s.db", SOURCE)
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("""
        CREATE TABLE area (name text PRIMARY KEY);
        CREATE TABLE event (id bigint PRIMARY KEY, area text, note text); CREATE TABLE log (day bigint, line text);
        CREATE TABLE hit (event bigint, who text); CREATE PUBLICATION outgoing FOR ALL TABLES""")
    done = programs.replay(database.dsn, full)
    database.settle()
    assert 'publication "outgoing"' in done.out
    equal(snapshot, database)
    edit(snapshot, "UPDATE event SET note = 'x' WHERE id = 5; DELETE FROM log WHERE rowid = 3")
    delta = delta_of(tmp_path, "delta.valise", full)
    contents = database.contents()
    programs.fail(programs.DATABASE, ["log", "replica identity"], programs.REPLAY, "--dsn", database.dsn, delta)
    database.settle()
    assert database.contents() == contents
    database.execute("ALTER TABLE log REPLICA IDENTITY FULL")
    programs.replay(database.dsn, delta)
    database.settle()
    equal(snapshot, database)


def test_a_subscriber_is_refused(database: Database, tmp_path: Path) -> None:
    """An enabled subscription writes whenever it likes."""
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    database.execute(PARTITIONED)
    database.execute("CREATE SUBSCRIPTION incoming CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)")
    try:
        programs.replay(database.dsn, full, "--dry-run")
        database.settle()
        database.execute("ALTER SUBSCRIPTION incoming ENABLE")
        programs.fail(programs.REFUSED, ['subscription "incoming"', "DISABLE"], programs.REPLAY, "--dsn", database.dsn, full)
    finally:
        database.execute("ALTER SUBSCRIPTION incoming DISABLE")
        database.execute("ALTER SUBSCRIPTION incoming SET (slot_name = NONE)")
        database.execute("DROP SUBSCRIPTION incoming")


# ------------------------------------------------------------------------------------------------ inheritance


def test_tables_that_inherit(database: Database, tmp_path: Path) -> None:
    """Each has its own rows: a parent is not asked for those of its children."""
    snapshot = edit(tmp_path / "s.db", """
        CREATE TABLE base (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO base VALUES (1, 'a'), (2, 'b');
        CREATE TABLE heir (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO heir VALUES (3, 'c'), (1, 'd'), (5, NULL)""")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE base (id bigint PRIMARY KEY, v text); CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (base)")
    programs.replay(database.dsn, full)
    database.settle()
    assert database.query("SELECT * FROM ONLY base ORDER BY 1") == [(1, "a"), (2, "b")]
    assert database.query("SELECT * FROM heir ORDER BY 1") == [(1, "d"), (3, "c"), (5, None)]
    edit(snapshot, "UPDATE base SET v = 'x' WHERE id = 1; DELETE FROM heir WHERE id = 3")
    programs.replay(database.dsn, delta_of(tmp_path, "delta.valise", full))
    database.settle()
    assert database.query("SELECT * FROM ONLY base ORDER BY 1") == [(1, "x"), (2, "b")]
    assert database.query("SELECT * FROM heir ORDER BY 1") == [(1, "d"), (5, None)]


# ------------------------------------------------------------------------------------------------ Citus

DISTRIBUTED = """
    CREATE TABLE area (name text PRIMARY KEY);
    CREATE TABLE event (id bigint, area text NOT NULL REFERENCES area, note text, PRIMARY KEY (id));
    CREATE INDEX event_note ON event (note);
    CREATE TABLE log (day bigint, line text);
    CREATE TABLE hit (event bigint, who text);
    SELECT create_reference_table('area');
    SELECT create_distributed_table('event', 'id');
    SELECT create_distributed_table('log', 'day');
"""


@pytest.fixture(scope="module")
def citus() -> Iterator[Server]:
    """A server that is coordinator and only worker at once."""
    control = Path(subprocess.run(["pg_config", "--sharedir"], check=True, capture_output=True, text=True).stdout.strip(),
                   "extension/citus.control") if shutil.which("pg_config") else None
    if control is None or not control.exists():
        pytest.skip("the extension citus is not installed for this PostgreSQL")
    settings = "shared_preload_libraries = 'citus'\nwal_level = logical\ncitus.node_conninfo = 'sslmode=disable'\n"
    with serving(VALISE_PG_SETTINGS=settings) as server:
        yield server


def await_clients(citus: Server, name: str) -> None:
    """Wait until sessions that were closed are gone; Citus keeps some of its own."""
    until = time.monotonic() + 10
    with contextlib.closing(citus.connect("postgres")) as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
                           " AND application_name NOT LIKE 'citus%%'", (name,))
            if cursor.fetchone() == (0,):
                return
            assert time.monotonic() < until, f"somebody is still connected to {name}"
            time.sleep(0.05)


@pytest.fixture
def distributed(citus: Server) -> Iterator[Database]:
    name = citus.create()
    try:
        citus.execute(name, "CREATE EXTENSION citus")
        citus.execute(name, f"SELECT citus_set_coordinator_host('{citus.folder}', {citus.port})")
        citus.execute(name, "SELECT citus_set_node_property(nodename, nodeport, 'shouldhaveshards', true) FROM pg_dist_node")
        for statement in DISTRIBUTED.split(";")[:-1]:
            citus.execute(name, statement)
        await_clients(citus, name)
        yield Database(citus, name)
    finally:
        citus.execute(name, "DROP EXTENSION IF EXISTS citus CASCADE")   # it keeps sessions in the database
        citus.drop(name)


def count(distributed: Database, what: str) -> int:
    with contextlib.closing(distributed.server.connect(distributed.name)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {what}")
        return int(cursor.fetchone()[0])


def test_distributed_tables(distributed: Database, tmp_path: Path) -> None:
    """Full and newer full dumps are loaded and read back; a delta is refused before anything is touched."""
    snapshot = edit(tmp_path / "s.db", SOURCE)
    full = programs.dump(snapshot, tmp_path / "full.valise")
    programs.replay(distributed.dsn, full)
    assert compare.differences(compare.compare(snapshot, distributed.dsn)) == []
    await_clients(distributed.server, distributed.name)
    edit(snapshot, "UPDATE event SET note = 'other' WHERE id % 100 = 0; DELETE FROM hit WHERE event % 3 = 0")
    programs.fail(programs.REFUSED, ['table "event" is distributed by Citus', "1 problem; the target was not touched"],
                  programs.REPLAY, "--dsn", distributed.dsn, delta_of(tmp_path, "delta.valise", full))
    programs.replay(distributed.dsn, programs.dump(snapshot, tmp_path / "newer.valise"))
    assert compare.differences(compare.compare(snapshot, distributed.dsn)) == []
    await_clients(distributed.server, distributed.name)


def test_a_killed_replay_of_distributed_tables_is_undone(distributed: Database, tmp_path: Path) -> None:
    full = programs.dump(edit(tmp_path / "s.db", SOURCE), tmp_path / "full.valise")
    command = [programs.REPLAY, "--allow-sessions", "--dsn", distributed.dsn, full]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.closing(distributed.server.connect(distributed.name)) as connection, connection.cursor() as cursor:
        has_begun = False
        while not has_begun and process.poll() is None:
            cursor.execute("SELECT count(*) > 0 FROM pg_namespace WHERE nspname = 'valise'")
            has_begun = cursor.fetchone()[0]
    process.kill()
    assert process.wait() == -signal.SIGKILL
    programs.succeed(programs.REPLAY, "--dsn", distributed.dsn, "--abort")
    assert [count(distributed, table) for table in ("event", "log", "hit", "area")] == [0, 0, 0, 0]
    await_clients(distributed.server, distributed.name)
    programs.replay(distributed.dsn, full)
    assert compare.differences(compare.compare(tmp_path / "s.db", distributed.dsn)) == []
