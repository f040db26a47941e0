"""Dump, replay, delta, undo, verification and valise doctor on every major version of PostgreSQL that can be had."""
from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

import postgres_versions
import programs
from conftest import Server, serving
from doctor import Findings, follow_sql

SOURCE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE, at REAL, raw BLOB, is_ok BOOLEAN);
CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, parent_id INTEGER REFERENCES parent (id), doc TEXT);
CREATE TABLE loose (a INTEGER, b TEXT);
INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    SELECT i, 'name é ' || i, i / 7.0, zeroblob(i % 5), i % 2 FROM n;
INSERT INTO child (parent_id, doc) SELECT id, '{"k": ' || id || '}' FROM parent;
INSERT INTO loose SELECT id % 10, NULL FROM parent;
"""
CHANGE = """
UPDATE parent SET name = 'other ' || id WHERE id % 100 = 0;
DELETE FROM child WHERE id % 50 = 0;
INSERT INTO child (parent_id, doc) VALUES (3, '{"new": true}');
DELETE FROM loose WHERE rowid % 3 = 0;
INSERT INTO loose VALUES (NULL, 'x'), (NULL, 'x');
"""
TARGET = """
CREATE TABLE parent (id bigint PRIMARY KEY, name text, at double precision, raw bytea, is_ok boolean, CONSTRAINT n UNIQUE (name));
CREATE TABLE child (id bigserial PRIMARY KEY, parent_id bigint CONSTRAINT p REFERENCES parent ON DELETE CASCADE, doc jsonb);
CREATE INDEX on_doc ON child USING gin (doc);
CREATE TABLE loose (a integer CHECK (a < 10), b text);
CREATE INDEX on_a ON loose (a) WHERE b IS NULL;
"""


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A full dump and a delta."""
    folder = tmp_path_factory.mktemp("dumps")
    with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
        db.executescript(SOURCE)
        full = programs.dump(folder / "s.db", folder / "full.valise")
        db.executescript(CHANGE)
        delta = programs.dump(folder / "s.db", folder / "delta.valise", "--base", str(full))
    return full, delta


@pytest.fixture(scope="module", params=postgres_versions.MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of that version. Its programs are where its user can read them: not below the user's own folder."""
    folder = Path(tempfile.mkdtemp(prefix="valise-versions-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        try:
            binaries = postgres_versions.programs_of(request.param, folder / "programs")
        except postgres_versions.Unavailable as error:
            pytest.skip(f"no PostgreSQL {request.param}: {error}")
        with serving(VALISE_PG_BINDIR=str(binaries)) as server:
            with contextlib.closing(server.connect("postgres")) as connection:
                assert str(connection.server_version // 10000) == request.param.split(".")[0]
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A database, made by valise-replay itself."""
    name = "moved here"
    programs.succeed(programs.REPLAY, "--create-database", "--dsn", dsn(server, name))
    yield name
    server.execute("postgres", f"DROP DATABASE \"{name}\"")


def dsn(server: Server, name: str) -> str:
    return f"host={server.folder} port={server.port} user={server.user} dbname='{name}'"


def query(server: Server, name: str, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg2.connect(dsn(server, name))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        rows = list(cursor.fetchall()) if cursor.description else []
    server.settle(name)
    return rows


def contents(server: Server, name: str) -> list[list[tuple[object, ...]]]:
    return [query(server, name, f"SELECT t::text FROM {table} AS t ORDER BY t::text") for table in ("parent", "child", "loose")]


def schema(server: Server, name: str) -> list[tuple[object, ...]]:
    return query(server, name, "SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index WHERE indrelid::regclass::text IN"
                 " ('parent', 'child', 'loose') UNION ALL SELECT conname || pg_get_constraintdef(oid), convalidated FROM pg_constraint"
                 " WHERE conrelid::regclass::text IN ('parent', 'child', 'loose') ORDER BY 1")


def replayed(server: Server, name: str, folder: Path, *arguments: str | Path) -> str:
    """The outcome, which the report says, with all verified."""
    report = folder / "report.json"
    programs.succeed(programs.REPLAY, "--dsn", dsn(server, name), "--verify", "full", "--report", report, *arguments)
    server.settle(name)
    return json.loads(report.read_text())["outcome"]


def test_moving(server: Server, name: str, dumps: tuple[Path, Path], tmp_path: Path) -> None:
    full, delta = dumps
    query(server, name, TARGET)
    before = schema(server, name)
    first = replayed(server, name, tmp_path, full)
    after_full = contents(server, name)
    assert [len(rows) for rows in after_full] == [2000, 2000, 2000]
    assert query(server, name, "SELECT count(*), max(name), sum(at)::numeric(12, 3)::text FROM parent WHERE is_ok AND length(raw) < 5") == [
        (1000, "name é 999", "142857.143")]
    assert replayed(server, name, tmp_path, delta) == first
    after_delta = contents(server, name)
    assert [len(rows) for rows in after_delta] == [2000, 1961, 1336]
    assert replayed(server, name, tmp_path, full, delta) != first   # nothing to do
    replayed(server, name, tmp_path, "--undo", delta)
    assert contents(server, name) == after_full
    replayed(server, name, tmp_path, delta)
    assert contents(server, name) == after_delta
    assert schema(server, name) == before
    assert query(server, name, "SELECT nextval('child_id_seq')") == [(2002,)]
    Findings("--dsn", dsn(server, name), "--deep").well("replay-unfinished")


def test_the_doctor(server: Server, name: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("profile: x\ntitle: X\nformat: 1\nrecognise: [t]\ntarget: {server_version_min: 140000, collate: C}\n")
    for statement in ("CREATE TABLE t (id serial, v text COLLATE \"C\"); CREATE UNIQUE INDEX u ON t (v)", "INSERT INTO t VALUES (7, 'x')",
                      "UPDATE pg_index SET indisready = false WHERE indexrelid = 'u'::regclass", "INSERT INTO t VALUES (8, 'x')",
                      "UPDATE pg_index SET indisready = true WHERE indexrelid = 'u'::regclass", "CREATE UNLOGGED TABLE l (a integer)",
                      "ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID", "CREATE INDEX i ON t (id)",
                      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass", "CREATE TABLE s AS SELECT generate_series(1, 10000) AS a"):
        query(server, name, statement)
    found = Findings("--dsn", dsn(server, name), "--deep", "--profile", profile, "--memory", "16GB")
    assert not found.of("not-examined"), found.done
    for finding, severity in (("sequence-behind", "error"), ("duplicate-rows", "error"), ("table-unlogged", "warning"),
                              ("constraint-not-valid", "notice"), ("index-invalid", "warning"), ("statistics-missing", "warning"),
                              ("tuning", "notice"), ("tuning-load", "notice")):
        found.one(finding, severity)
    if query(server, name, "SELECT current_setting('server_version_num')::int < 140000") == [(True,)]:
        found.one("server-version", "error", "X needs 14 or later")
    else:
        found.well("server-version")
    for finding in ("table-unlogged", "constraint-not-valid", "index-invalid"):
        follow_sql(dsn(server, name), found.of(finding)[0])
    query(server, name, "DELETE FROM ONLY t WHERE id = 8")
    query(server, name, "REINDEX INDEX u")
    server.settle(name)
    found = Findings("--dsn", dsn(server, name), "--deep", "--profile", profile, "--fix", "sequences", "--fix", "analyze")
    assert not found.of("not-examined"), found.done
    for finding in ("sequences", "duplicate-rows", "table-unlogged", "constraint-not-valid", "index-invalid", "statistics-missing"):
        found.well(finding)
    assert query(server, name, "SELECT last_value, is_called FROM t_id_seq") == [(7, True)]


def test_creating_again(server: Server, name: str) -> None:
    assert "exists already and is right" in programs.succeed(programs.REPLAY, "--create-database", "--dsn", dsn(server, name)).out
