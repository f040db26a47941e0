"""Stopped or killed at any moment: the same command again ends where an undisturbed run does."""
from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import signal
import sqlite3
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

ROWS = 60000
SEEDS = range(int(os.environ.get("VALISE_KILLS", "6")))
TARGET = """
CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE INDEX folded ON parent (lower(name)); COMMENT ON INDEX folded IS 'kept';
CREATE TABLE child (id bigint PRIMARY KEY, parent_id bigint REFERENCES parent, data text);
CREATE INDEX child_parent ON child (parent_id);
ALTER TABLE child ADD CONSTRAINT lax FOREIGN KEY (id) REFERENCES parent NOT VALID;
CREATE TABLE keyless (a bigint, b text); CREATE INDEX keyless_a ON keyless (a);
CREATE TABLE small (a bigint PRIMARY KEY);
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not allowed'; END $$;
CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION never();
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interrupted") / "s.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(f"""
            CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
            INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
                SELECT i, 'Name ' || i || hex(randomblob(20)) FROM n;
            CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER, data TEXT);
            INSERT INTO child SELECT id, 1 + (id * 7919) % {ROWS}, hex(randomblob(100)) FROM parent;
            CREATE TABLE keyless (a INTEGER, b TEXT); INSERT INTO keyless SELECT id % 50, 'same' FROM parent;
            CREATE TABLE small (a INTEGER PRIMARY KEY); INSERT INTO small VALUES (1), (2)""")
    return path


@pytest.fixture(scope="module")
def dump(snapshot: Path) -> Path:
    return programs.dump(snapshot, snapshot.parent / "dump.valise")


def catalog(database: Database) -> str:
    text = programs.succeed("pg_dump", "--schema-only", "--exclude-schema=valise", "--dbname", database.dsn).out
    database.settle()
    return "".join(line for line in text.splitlines(keepends=True) if "restrict " not in line)


def interrupt(database: Database, dump: Path, delay: float, number: int) -> int:
    """Start a replay, send it a signal after a while, and return its status."""
    database.settle()
    process = subprocess.Popen([programs.REPLAY, "--dsn", database.dsn, dump], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(delay)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def start_and_see(database: Database, dump: Path, query: str) -> subprocess.Popen[bytes]:
    """Start a replay, and wait until one of its sessions executes such a query; whoever looks is in another database."""
    database.settle()
    process = subprocess.Popen([programs.REPLAY, "--dsn", database.dsn, dump], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with contextlib.closing(database.server.connect("postgres")) as connection, connection.cursor() as cursor:
        seen, deadline = False, time.monotonic() + 60
        while not seen and process.poll() is None and time.monotonic() < deadline:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = %s AND state = 'active' AND query LIKE %s)",
                           [database.name, query])
            seen = cursor.fetchone()[0]
    if not seen:
        process.kill()
        pytest.fail(f"the replay was not seen at {query}: {process.communicate(timeout=60)[1].decode()}")
    return process


def kill_at_work(database: Database, dump: Path) -> None:
    """Start a replay, and kill it while it copies rows."""
    process = start_and_see(database, dump, "COPY %FROM STDIN%")
    process.kill()
    process.communicate(timeout=60)


def finished_like_an_undisturbed_run(database: Database, dump: Path, snapshot: Path, before: str) -> None:
    programs.replay(database.dsn, dump)
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    assert catalog(database) == before
    database.execute("INSERT INTO parent (name) VALUES ('next')")
    assert database.query("SELECT max(id) FROM parent") == [(ROWS + 1,)]


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_again_and_again(database: Database, dump: Path, snapshot: Path, seed: int) -> None:
    database.execute(TARGET)
    before = catalog(database)
    dice = random.Random(seed)
    for _ in range(3):
        interrupt(database, dump, dice.uniform(0.02, 1.5), signal.SIGKILL)
    finished_like_an_undisturbed_run(database, dump, snapshot, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_on_request(database: Database, dump: Path, snapshot: Path, number: signal.Signals) -> None:
    database.execute(TARGET)
    before = catalog(database)
    statuses = {interrupt(database, dump, delay, number) for delay in (0.15, 0.3)}
    assert statuses <= {programs.STOPPED, 0}, statuses
    finished_like_an_undisturbed_run(database, dump, snapshot, before)


def test_a_terminal_that_goes(database: Database, dump: Path, snapshot: Path) -> None:
    """The system and the shell send SIGHUP each; that is no haste, and the replay still ends by itself, though its terminal is gone."""
    database.execute(TARGET)
    before = catalog(database)
    process = start_and_see(database, dump, "COPY %FROM STDIN%")
    while process.poll() is None:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.0002)
    assert process.returncode == programs.STOPPED, process.communicate()
    finished_like_an_undisturbed_run(database, dump, snapshot, before)


def test_aborted(database: Database, dump: Path, snapshot: Path) -> None:
    """--abort makes the target what it was, rows and all; then a replay begins anew."""
    database.execute(TARGET)
    before = catalog(database)
    rows = database.query("SELECT count(*) FROM parent")
    kill_at_work(database, dump)
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--abort")
    assert catalog(database) == before
    assert database.query("SELECT count(*) FROM parent") == rows
    finished_like_an_undisturbed_run(database, dump, snapshot, before)


CHECK = """
CREATE OR REPLACE FUNCTION fits(a bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_sleep(%d) WHERE a = 2;
    RETURN true;
END $$"""


def test_killed_in_a_long_statement(database: Database, dump: Path, snapshot: Path) -> None:
    """The session that holds the lock sleeps on the server for minutes; it must not keep the next replay out."""
    if database.query("SHOW server_version_num")[0][0] < "140000":
        pytest.skip("before PostgreSQL 14 a server does not look after its client during a statement")
    database.execute(TARGET + CHECK % 600 + "; ALTER TABLE small ADD CHECK (fits(a))")
    process = start_and_see(database, dump, "COPY %pg_temp%small%")
    process.kill()
    process.communicate(timeout=60)
    database.settle()
    database.execute(CHECK % 0)
    before = catalog(database)
    finished_like_an_undisturbed_run(database, dump, snapshot, before)


def test_a_second_replay_is_told_what_to_end(database: Database, dump: Path, snapshot: Path) -> None:
    """A replay that is only halted still has its sessions: the next one names the statement that ends them, and then goes on."""
    database.execute(TARGET)
    before = catalog(database)
    process = start_and_see(database, dump, "COPY %FROM STDIN%")
    process.send_signal(signal.SIGSTOP)
    done = programs.fail(programs.REFUSED, ["another replay is at work", "(valise-replay of user", "if that program is gone"],
                          programs.REPLAY, "--dsn", database.dsn, dump)
    statement = re.search(r"SELECT pg_terminate_backend\(\d+\)", done.error)
    assert statement, done
    database.server.execute("postgres", statement.group())
    finished_like_an_undisturbed_run(database, dump, snapshot, before)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == programs.DATABASE
    assert catalog(database) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_dump_that_is_stopped(tmp_path: Path, snapshot: Path, number: signal.Signals) -> None:
    """Nothing is left, whenever the signal comes."""
    for delay in (0.0, 0.01, 0.03, 0.08):
        process = subprocess.Popen([programs.DUMP, "-o", tmp_path / "out.valise", snapshot],
                                   stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=60)
        if process.returncode == 0:
            programs.succeed(programs.VALISE, "verify", tmp_path / "out.valise")
            (tmp_path / "out.valise").unlink()
        else:
            assert process.returncode in (programs.STOPPED, -number), process.returncode
        assert list(tmp_path.iterdir()) == []


def await_full(process: subprocess.Popen[bytes], pipe: int) -> None:
    """Until the writer has filled the pipe, that is has to wait."""
    before = -1
    while True:
        assert process.poll() is None, f"ended with {process.returncode} before its pipe was full"
        (held,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
        if held == before and held >= 4096:
            return
        before = held
        time.sleep(0.3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("what", ["valise-dump", "valise cat"])
def test_a_reader_that_stalls(snapshot: Path, dump: Path, number: signal.Signals, what: str) -> None:
    """Who waits for the reader of its pipe ends at the first signal."""
    command = [programs.DUMP, "-o", "-", snapshot] if what == "valise-dump" else [programs.VALISE, "cat", "--table", "child", dump]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        await_full(process, process.stdout.fileno())
        process.send_signal(number)
        assert process.wait(timeout=60) == programs.STOPPED
        assert b"stopped on request" in process.stderr.read()


def test_a_named_pipe_without_a_reader(tmp_path: Path, snapshot: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([programs.DUMP, "-o", pipe, snapshot], stderr=subprocess.PIPE) as process:
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (programs.STOPPED, -signal.SIGTERM)
    with subprocess.Popen([programs.DUMP, "-o", pipe, snapshot], stderr=subprocess.PIPE) as process:
        (tmp_path / "out.valise").write_bytes(pipe.read_bytes())
        assert process.wait(timeout=60) == 0
    programs.succeed(programs.VALISE, "verify", tmp_path / "out.valise")


def partials(output: Path) -> list[Path]:
    return sorted(output.parent.glob(f"{output.name}.??????.partial"))


def is_held(path: Path) -> bool:
    """Does whoever writes it hold its lock already?"""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def halted(output: Path, snapshot: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A dump that stands still in the middle."""
    before = partials(output)
    with subprocess.Popen([programs.DUMP, "-o", output, snapshot], stderr=subprocess.PIPE) as process:
        try:
            while not any(map(is_held, set(partials(output)) - set(before))):
                assert process.poll() is None, f"ended with {process.returncode} before it was seen"
                time.sleep(0.001)
            process.send_signal(signal.SIGSTOP)
            assert process.poll() is None and len(partials(output)) == len(before) + 1
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_what_a_killed_dump_leaves(tmp_path: Path, snapshot: Path) -> None:
    """The next dump to the same name removes it, and nothing that looks alike."""
    output = tmp_path / "out.valise"
    others = [tmp_path / name for name in ("out.valise.backup.partial", "out.valise.abcde.partial", "out.valise.partial",
                                           "out.valise.abc.ef.partial", "out.valise2.abcdef.partial", "out.valise.abcdef.partial.gz")]
    for path in others:
        path.write_text("kept")
        path.chmod(0o644 if path.name == "out.valise.backup.partial" else 0o600)
    (tmp_path / "out.valise.linked.partial").symlink_to(others[1])
    (tmp_path / "out.valise.folder.partial").mkdir(mode=0o700)
    kept = {*tmp_path.iterdir()}
    with halted(output, snapshot) as process:
        process.kill()
        process.wait()
    left = set(partials(output)) - kept
    assert len(left) == 1
    programs.succeed(programs.DUMP, "-o", tmp_path / "another.valise", snapshot)
    assert left < set(partials(output)), "only a dump to the same name removes it"
    programs.succeed(programs.DUMP, "-o", output, snapshot)
    assert {*tmp_path.iterdir()} == kept | {output, tmp_path / "another.valise"}
    programs.succeed(programs.VALISE, "verify", output)


def test_two_dumps_to_one_name(tmp_path: Path, snapshot: Path) -> None:
    """Neither removes what the other is writing."""
    output = tmp_path / "out.valise"
    with halted(output, snapshot) as process:
        writing = partials(output)
        programs.succeed(programs.DUMP, "-o", output, snapshot)
        assert partials(output) == writing and output.exists()
        process.send_signal(signal.SIGCONT)
        process.wait(timeout=60)
        assert process.returncode in (0, programs.REFUSED)
    assert partials(output) == []
    programs.succeed(programs.VALISE, "verify", output)
