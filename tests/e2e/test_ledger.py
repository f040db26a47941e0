"""The ledger where it is hard on it: killed while it takes back, two at once, and a database that was copied, restored or renamed."""
from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

import compare
import programs
from conftest import Database

ROWS = 20000
SOURCE = f"""
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER, data TEXT);
CREATE TABLE line (a TEXT);
INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i, 'name ' || i FROM n;
INSERT INTO child SELECT id, 1 + (id * 7919) % {ROWS}, hex(randomblob(60)) FROM parent;
INSERT INTO line SELECT 'x' || (id % 50) FROM parent;
"""
CHANGE = """
UPDATE parent SET name = name || '!' WHERE id % 3 = 0; DELETE FROM child WHERE id % 4 = 0; DELETE FROM line WHERE rowid % 5 = 0;
INSERT INTO child VALUES (100001, 1, 'new');
"""
TARGET = """
CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent ON DELETE CASCADE, data text);
CREATE INDEX child_parent ON child (parent); CREATE TABLE line (a text); CREATE INDEX line_a ON line (a);
"""
SEEDS = range(3)


class Chain:
    """A full dump and a delta, with the snapshots that they are of."""

    def __init__(self, folder: Path) -> None:
        self.snapshots = [folder / "0.db", folder / "1.db"]
        for path, script in zip(self.snapshots, (SOURCE, CHANGE)):
            if path == self.snapshots[1]:
                path.write_bytes(self.snapshots[0].read_bytes())
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.executescript(script)
        self.full = programs.dump(self.snapshots[0], folder / "full.valise")
        self.delta = programs.dump(self.snapshots[1], folder / "delta.valise", "--base", str(self.full))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def target(database: Database) -> Database:
    database.execute(TARGET)
    return database


def start(database: Database, *words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([str(word) for word in (programs.REPLAY, "--dsn", database.dsn, *words)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_when(database: Database, process: subprocess.Popen[bytes], query: str) -> None:
    """Kills it once one of its sessions executes such a query."""
    deadline = time.monotonic() + 60
    with contextlib.closing(database.server.connect("postgres")) as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'active' AND query LIKE %s",
                           [database.name, query])
            if cursor.fetchone()[0] > 0:
                break
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
    process.kill()
    process.communicate(timeout=60)


def kill_after(process: subprocess.Popen[bytes], delay: float) -> None:
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def replay(database: Database, *words: str | Path) -> str:
    database.settle()
    return programs.succeed(programs.REPLAY, "--dsn", database.dsn, *words).out


def contents(database: Database) -> list[str]:
    """All but the ledger."""
    database.settle()
    text = programs.succeed("pg_dump", "--exclude-schema=valise", "--dbname", database.dsn, "--no-sync").out
    database.settle()
    return sorted(line for line in text.splitlines() if "restrict " not in line)


def equals(database: Database, snapshot: Path) -> None:
    database.settle()
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    database.settle()


@contextlib.contextmanager
def holding(database: Database, statement: str) -> Iterator[None]:
    with contextlib.closing(psycopg2.connect(database.dsn)) as blocker, blocker.cursor() as cursor:
        cursor.execute(statement)
        yield


# --------------------------------------------------------------------------------- killed while it takes back


def unfinished(database: Database, dump: Path) -> None:
    """A replay that was killed while it copied rows."""
    database.settle()
    kill_when(database, start(database, dump), "COPY %FROM STDIN%")
    database.settle()


def test_killed_in_an_abort(target: Database, chain: Chain) -> None:
    before = contents(target)
    unfinished(target, chain.full)
    with holding(target, "LOCK TABLE line IN ACCESS SHARE MODE"):
        kill_when(target, start(target, "--abort"), "TRUNCATE %")
    target.settle()
    assert "  child" in replay(target, "--status").split("phase")[1]
    replay(target, "--abort")
    assert contents(target) == before
    assert target.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'valise'") == [(0,)]
    replay(target, chain.full)
    equals(target, chain.snapshots[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_in_an_abort_at_any_moment(target: Database, chain: Chain, seed: int) -> None:
    """Whether the abort was done or not, the replay then ends where it would have."""
    before = contents(target)
    unfinished(target, chain.full)
    kill_after(start(target, "--abort"), random.Random(seed).uniform(0.02, 0.4))
    target.settle()
    if seed == 0:
        replay(target, "--abort")
        assert contents(target) == before
    replay(target, chain.full)
    equals(target, chain.snapshots[0])


def test_killed_in_an_undo(target: Database, chain: Chain) -> None:
    replay(target, chain.full, chain.delta)
    after = contents(target)
    with holding(target, "LOCK TABLE child IN ROW EXCLUSIVE MODE"):
        kill_when(target, start(target, "--undo", "--allow-sessions", chain.delta), "%LOCK TABLE %")
    assert contents(target) == after
    for seed in SEEDS:
        kill_after(start(target, "--undo", chain.delta), random.Random(seed).uniform(0.1, 1.0))
        target.settle()
        replay(target, chain.full, chain.delta)   # wherever it was killed
        assert contents(target) == after
    replay(target, "--undo", chain.delta)
    equals(target, chain.snapshots[0])


# -------------------------------------------------------------------------------------------- a row of it is gone


@pytest.mark.parametrize("table, status", [("line", programs.MISMATCH), ("child", programs.DATABASE)])
def test_a_part_is_forgotten(target: Database, chain: Chain, table: str, status: int) -> None:
    """Its rows come a second time: where no key refuses them, reading back finds it. --abort makes all good."""
    before = contents(target)
    replay(target, chain.full)
    target.execute(f"UPDATE valise.replay SET phase = 'load', finished = NULL; DELETE FROM valise.table_state;"
                   f"DELETE FROM valise.part WHERE table_name = '{table}' AND number = 0")
    programs.fail(status, [f'"{table}'], programs.REPLAY, "--dsn", target.dsn, chain.full)
    target.settle()
    if status == programs.MISMATCH:
        replay(target, "--abort")
    assert contents(target) == before
    replay(target, chain.full)
    equals(target, chain.snapshots[0])


# ---------------------------------------------------------------------------------------------- two at once


@pytest.mark.parametrize("words", [["full", "delta"], ["delta"], ["--undo", "delta"]], ids=" ".join)
def test_two_at_once(target: Database, chain: Chain, words: list[str]) -> None:
    """One does it; the other has nothing to do then, or is told who is at work."""
    replay(target, chain.full)
    if words[0] == "--undo":
        replay(target, chain.delta)
    given = [{"full": chain.full, "delta": chain.delta}.get(word, word) for word in words]
    target.settle()
    both = [start(target, *given) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1].decode() for process in both]
    statuses = sorted(process.returncode for process in both)
    assert statuses in ([0, 0], [0, programs.REFUSED]), (statuses, errors)
    equals(target, chain.snapshots[words[0] != "--undo"])
    assert target.query("SELECT count(*) FROM valise.replay") == [(1 if words[0] == "--undo" else 2,)]


# ------------------------------------------------------------------------- the database is another one by now


def by_template(source: Database, name: str) -> None:
    source.server.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {source.name}")


def by_restoring(source: Database, name: str) -> None:
    source.server.execute("postgres", f"CREATE DATABASE {name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
    text = programs.succeed("pg_dump", "--dbname", source.dsn, "--no-sync").out
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", source.server.dsn(name)], input=text.encode(), check=True,
                   stdout=subprocess.DEVNULL)


def by_renaming(source: Database, name: str) -> None:
    source.server.execute("postgres", f"ALTER DATABASE {source.name} RENAME TO {name}")


@pytest.fixture
def copied(target: Database) -> Iterator[Callable[[Callable[[Database, str], None]], Database]]:
    name = f"{target.name}_copy"

    def copy(how: Callable[[Database, str], None]) -> Database:
        target.settle()
        how(target, name)
        return Database(target.server, name)
    yield copy
    target.server.drop(name)


HOW = [by_template, by_restoring, by_renaming]
Copied = Callable[[Callable[[Database, str], None]], Database]


@pytest.mark.parametrize("how", HOW, ids=lambda how: how.__name__)
def test_a_finished_replay_moves_along(target: Database, chain: Chain, copied: Copied, how: Callable[[Database, str], None]) -> None:
    replay(target, chain.full)
    copy = copied(how)
    assert "nothing to do" in replay(copy, chain.full)
    replay(copy, chain.delta)
    equals(copy, chain.snapshots[1])
    replay(copy, "--undo", chain.delta)
    equals(copy, chain.snapshots[0])


@pytest.mark.parametrize("how", HOW, ids=lambda how: how.__name__)
@pytest.mark.parametrize("ending", ["go on", "--abort"])
def test_an_unfinished_replay_moves_along(target: Database, chain: Chain, copied: Copied, how: Callable[[Database, str], None],
                                          ending: str) -> None:
    """Here with rows that the replay replaces, so that it keeps copies of them under numbers of tables."""
    target.execute("INSERT INTO parent (name) VALUES ('was here'); INSERT INTO line VALUES ('was here')")
    before = contents(target)
    kill_when(target, start(target, "--on-existing=replace", chain.full), "COPY %FROM STDIN%")
    target.settle()
    copy = copied(how)
    if ending == "--abort":
        replay(copy, "--abort")
        assert contents(copy) == before
    replay(copy, "--on-existing=replace", chain.full)
    equals(copy, chain.snapshots[0])


# --------------------------------------------------------------------------------------- sessions that do not come


def test_no_more_sessions(target: Database, chain: Chain) -> None:
    """The first one leads; the others are refused before anything is touched."""
    target.execute("CREATE ROLE lonely LOGIN CONNECTION LIMIT 1; ALTER TABLE parent OWNER TO lonely; ALTER TABLE child OWNER TO lonely;"
                   f"ALTER TABLE line OWNER TO lonely; GRANT ALL ON SCHEMA public TO lonely; GRANT ALL ON DATABASE {target.name} TO lonely")
    lonely = target.dsn.replace("user=postgres", "user=lonely")
    try:
        for option in ("--dry-run", "--quiet"):
            target.settle()   # the session of the one before counts until it is gone
            programs.fail(programs.DATABASE, ["connection 1 of", "CONNECTION LIMIT", "needs two at least"], programs.REPLAY, "--dsn", lonely,
                          option, chain.full)
        assert target.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'valise'") == [(0,)]
        target.execute("ALTER ROLE lonely CONNECTION LIMIT -1")
        programs.succeed(programs.REPLAY, "--dsn", lonely, chain.full, chain.delta)
        equals(target, chain.snapshots[1])
    finally:
        target.execute("REASSIGN OWNED BY lonely TO CURRENT_USER; DROP OWNED BY lonely; DROP ROLE lonely")
