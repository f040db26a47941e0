"""Databases that are right but unusual: dumped, unpacked, and compared by the independent reader."""
from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

NAMES = ["order", "select", 'say "hello"', "it's", "two  words", "Ünïcødé 名前", "semi;colon", "a.b", "%s $1 \\", "CamelCase",
         "new\nline", "*", "--", "/* */"]


def quoted(name: str) -> str:
    return compare.quoted(name)


def make(path: Path, script: str, rows: dict[str, list[tuple[object, ...]]] | None = None) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        for table, values in (rows or {}).items():
            marks = ", ".join("?" * len(values[0]))
            db.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", values)
        db.commit()
    return path


def moves(database: Database, snapshot: Path, folder: Path, *options: str) -> list[compare.TableResult]:
    """Dump, replay and compare; all must be equal."""
    dump = programs.dump(snapshot, folder / "dump.valise", *options)
    database.settle()
    programs.replay(database.dsn, dump)
    results = compare.compare(snapshot, database.dsn)
    assert compare.differences(results) == []
    return results


def test_names_that_need_quotes(database: Database, tmp_path: Path) -> None:
    sqlite_columns = ", ".join(quoted(name) for name in NAMES)
    postgres_columns = ", ".join(quoted(name) + " text" for name in NAMES)
    snapshot = make(tmp_path / "s.db", "".join(f"CREATE TABLE {quoted(n)} ({sqlite_columns});" for n in NAMES),
                    {name: [tuple(f"{name} {n} {column}" for column in NAMES) for n in range(3)] for name in NAMES})
    database.execute("".join(f"CREATE TABLE {quoted(n)} ({postgres_columns});" for n in NAMES))
    results = moves(database, snapshot, tmp_path)
    assert sum(result.values for result in results) == 3 * len(NAMES) ** 2


def test_two_hundred_columns(database: Database, tmp_path: Path) -> None:
    columns = [f"column {n}" for n in range(200)]
    snapshot = make(tmp_path / "s.db", f"CREATE TABLE wide ({', '.join(map(quoted, columns))})",
                    {"wide": [tuple((row * 200 + n if n % 3 else None) for n in range(200)) for row in range(50)]})
    database.execute(f"CREATE TABLE wide ({', '.join(quoted(name) + ' bigint' for name in columns)})")
    assert moves(database, snapshot, tmp_path)[0].values == 50 * 200


def row_count(dump: Path) -> int:
    found = re.search(r"^rows +([0-9,]+)$", programs.succeed(programs.VALISE, "info", dump).out, re.MULTILINE)
    assert found
    return int(found[1].replace(",", ""))


def test_empty_names(tmp_path: Path) -> None:
    """PostgreSQL has no such thing: they must be dumped, and a replay must say why not."""
    snapshot = make(tmp_path / "s.db", 'CREATE TABLE "" ("", b); INSERT INTO "" VALUES (1, 2)')
    dump = programs.dump(snapshot, tmp_path / "dump.valise")
    assert row_count(dump) == 1


@pytest.mark.parametrize("script", ["", "CREATE TABLE t (a)", "CREATE TABLE t (a); CREATE VIEW v AS SELECT * FROM no_such_table"],
                         ids=["no table", "no row", "broken view"])
def test_nearly_nothing(database: Database, tmp_path: Path, script: str) -> None:
    snapshot = make(tmp_path / "s.db", "PRAGMA user_version = 1;" + script)
    database.execute("CREATE TABLE t (a text)")
    moves(database, snapshot, tmp_path)


def test_kinds_of_tables(database: Database, tmp_path: Path) -> None:
    """WITHOUT ROWID, STRICT, generated columns of both kinds, a rowid under another name."""
    snapshot = make(tmp_path / "s.db", """
        CREATE TABLE no_rowid (a TEXT, b INTEGER, c BLOB, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
        CREATE TABLE strict (i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
        CREATE TABLE computed (a INTEGER PRIMARY KEY, s TEXT AS ('s' || a) STORED, v INTEGER AS (a * 2) VIRTUAL, rowid TEXT);
        """, {"no_rowid": [(f"a{n}", n % 7, bytes([n])) for n in range(200)],
              "strict": [(1, 1.5, "t", b"b", "x"), (None, None, None, None, None), (2**62, 1e308, "", b"", "")]})
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.executemany("INSERT INTO computed (a, rowid) VALUES (?, ?)", [(n * 3, f"r{n}") for n in range(100)])
    database.execute("""
        CREATE TABLE no_rowid (a text, b integer, c bytea, PRIMARY KEY (b, a));
        CREATE TABLE strict (i bigint, r double precision, t text, b bytea, a text);
        CREATE TABLE computed (a bigint PRIMARY KEY, s text, v bigint, rowid text)""")
    assert len(moves(database, snapshot, tmp_path)) == 3


def test_full_text_and_rtree_tables(database: Database, tmp_path: Path) -> None:
    """The target has none of it: virtual tables and their shadows are no rows that get lost, but must be said."""
    with contextlib.closing(sqlite3.connect(":memory:")) as probe:
        options = {option for option, in probe.execute("PRAGMA compile_options")}
    script = "CREATE TABLE plain (a); INSERT INTO plain VALUES (1);"
    for option, statement in (
            ("ENABLE_FTS3", "CREATE VIRTUAL TABLE f3 USING fts3(body); INSERT INTO f3 VALUES ('hello world');"),
            ("ENABLE_FTS4", "CREATE VIRTUAL TABLE f4 USING fts4(body); INSERT INTO f4 VALUES ('hello world');"),
            ("ENABLE_FTS5", "CREATE VIRTUAL TABLE f5 USING fts5(body); INSERT INTO f5 VALUES ('hello world');"),
            ("ENABLE_RTREE", "CREATE VIRTUAL TABLE r USING rtree(id, a, b); INSERT INTO r VALUES (1, 2, 3);")):
        if option in options or (option == "ENABLE_FTS4" and "ENABLE_FTS3" in options):
            script += statement
    assert "VIRTUAL" in script, "this Python's sqlite3 has no virtual table module"
    snapshot = make(tmp_path / "s.db", script)
    database.execute("CREATE TABLE plain (a integer)")
    moves(database, snapshot, tmp_path)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_encodings(database: Database, tmp_path: Path, encoding: str) -> None:
    texts = ["", "ascii", "é", "名前", "🎉", "e\u0301", "\ufeffbom", "\uffff", "a" * 100000, "\U0010ffff", "tab\tnew\nline\r\\N\\."]
    snapshot = make(tmp_path / "s.db", f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (n INTEGER, \"té\" TEXT)",
                    {"t": list(enumerate(texts))})
    database.execute('CREATE TABLE t (n bigint, "té" text)')
    assert moves(database, snapshot, tmp_path)[0].source_rows == len(texts)


def test_a_row_of_a_hundred_megabytes(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB, c TEXT)",
                    {"t": [(1, os.urandom(1 << 20) * 90, "x" * (10 << 20)), (2, b"", "")]})
    database.execute("CREATE TABLE t (n bigint PRIMARY KEY, b bytea, c text)")
    moves(database, snapshot, tmp_path, "--level", "1")


def test_a_live_database(database: Database, tmp_path: Path) -> None:
    """A writer goes on while the dump is made: it must hold one instant, at which both columns had the same sum."""
    snapshot = make(tmp_path / "live.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, a INTEGER, b INTEGER)",
                    {"t": [(n, 100, 100) for n in range(20000)]})
    writer = subprocess.Popen([sys.executable, "-c", """
import itertools, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for n in itertools.count():
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE t SET a = a + 1 WHERE n = ?", (n * 7919 % 20000,))
    db.execute("INSERT INTO t VALUES (?, 0, 1)", (20000 + n,))
    db.execute("COMMIT")
    if n == 20: print("writing", flush=True)
""", str(snapshot)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout and writer.stdout.readline() == b"writing\n"
        dump = programs.dump(snapshot, tmp_path / "dump.valise")
        assert writer.poll() is None, "the writer has died"
    finally:
        writer.kill()
        writer.wait()
    database.execute("CREATE TABLE t (n bigint PRIMARY KEY, a bigint, b bigint)")
    programs.replay(database.dsn, dump)
    rows, a, b = database.query("SELECT count(*), sum(a), sum(b) FROM t")[0]
    assert rows > 20000 and a == b


def test_a_wal_without_its_writer(database: Database, tmp_path: Path) -> None:
    """Rows that are only in the -wal file count; and neither file is touched."""
    live = tmp_path / "live.db"
    with contextlib.closing(sqlite3.connect(live)) as db:
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        (tmp_path / "copy").mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{live}{suffix}", tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    database.execute("CREATE TABLE t (a integer)")
    dump = programs.dump(tmp_path / "copy/live.db", tmp_path / "dump.valise")
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == before
    programs.replay(database.dsn, dump)
    assert database.query("SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_folder_that_is_read_only(tmp_path: Path, journal: str) -> None:
    """As nobody, in a folder and on files of somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="valise-test."))
    try:
        (folder / "closed").mkdir()
        snapshot = folder / "closed/s.db"
        with contextlib.closing(sqlite3.connect(snapshot)) as db:
            db.executescript(f"PRAGMA journal_mode = {journal}; CREATE TABLE t (a); INSERT INTO t VALUES (42)")
            if journal == "wal":      # as after a crash: the last rows are in the -wal file
                shutil.copy(f"{snapshot}-wal", folder / "kept")
                shutil.copy(snapshot, folder / "kept.db")
        if journal == "wal":
            shutil.copy(folder / "kept", f"{snapshot}-wal")
            shutil.copy(folder / "kept.db", snapshot)
        before = {path.name: path.read_bytes() for path in (folder / "closed").iterdir()}
        for path in (folder / "closed").iterdir():
            path.chmod(0o444)
        (folder / "closed").chmod(0o555)
        folder.chmod(0o777)
        shutil.copy(programs.DUMP, folder / "valise-dump")
        programs.succeed(folder / "valise-dump", "-o", folder / "out.valise", snapshot, unprivileged=True)
        assert {path.name: path.read_bytes() for path in (folder / "closed").iterdir()} == before
        assert row_count(folder / "out.valise") == 1
    finally:
        (folder / "closed").chmod(0o755)
        shutil.rmtree(folder)


def test_the_same_bytes_again(tmp_path: Path) -> None:
    """No clock, no host, no number of threads is in a dump."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (n INTEGER PRIMARY KEY, x TEXT)",
                    {"t": [(n, f"text {n * 7919}") for n in range(60000)]})
    first = programs.dump(snapshot, tmp_path / "1.valise", "--threads", "1").read_bytes()
    time.sleep(1.1)
    os.utime(snapshot)
    assert programs.dump(snapshot, tmp_path / "2.valise", "--threads", "4").read_bytes() == first
    assert programs.succeed(programs.DUMP, "--sqlite-database", snapshot, "-o", tmp_path / "3.valise").status == 0
    assert (tmp_path / "3.valise").read_bytes() == first
    piped = subprocess.run([programs.DUMP, "-o", "-", snapshot], check=True, stdout=subprocess.PIPE).stdout
    assert piped == first
    assert (tmp_path / "1.valise").stat().st_mode & 0o777 == 0o600
