"""What the Synapse profile must refuse: each would start, and go wrong later."""
from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

import homeserver
import programs
from conftest import Database, Server
from prepared import target, template  # noqa: F401 (fixtures)
from synapse_kit.configuration import Installation

UPDATE = "update_synapse_database"


@pytest.fixture(scope="module")
def prepared_snapshot(synapse: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a homeserver that has one user and was never started."""
    server = homeserver.on_sqlite(synapse, tmp_path_factory.mktemp("prepared"))
    server.prepare()
    snapshot = server.folder / "homeserver.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.execute(f"INSERT INTO users (name, creation_ts) VALUES ('@alice:{homeserver.SERVER_NAME}', 1)")
        db.execute("UPDATE user_directory_stream_pos SET stream_id = 1")
    return snapshot


def refused(words: list[str], snapshot: Path, target: Database, synapse: Installation, folder: Path,
            source_change: str = "", target_change: str = "") -> None:
    copy = folder / "copy.db"
    shutil.copy(snapshot, copy)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        db.executescript(source_change)
    if target_change:
        target.execute(target_change)
    server = homeserver.on_postgres(synapse, folder / "target", target)
    dump = programs.dump(copy, folder / "copy.valise")
    before = target.contents()
    programs.fail(programs.REFUSED, words, programs.REPLAY, "--postgres-config", server.config, dump)
    assert target.contents() == before


@pytest.mark.parametrize("source_change, target_change, words", [
    ("INSERT INTO background_updates (ordering, update_name, progress_json) VALUES (1, 'slow_work', '{}')", "",
     ["slow_work", "snapshot", UPDATE]),
    ("", "INSERT INTO background_updates (ordering, update_name, progress_json) VALUES (1, 'slow_work', '{}')",
     ["slow_work", "target", UPDATE]),
    ("DELETE FROM applied_schema_deltas WHERE file = (SELECT max(file) FROM applied_schema_deltas)", "", ["deltas", UPDATE]),
    ("INSERT INTO applied_schema_deltas VALUES (99, '99/01_future.sql')", "", ["99/01_future.sql"]),
    ("UPDATE schema_version SET version = 93", "", ["93", "94"]),
    ("UPDATE users SET name = '@alice:elsewhere.example'", "", ["elsewhere.example", homeserver.SERVER_NAME]),
    ("INSERT INTO users (name, creation_ts) VALUES ('@bob:elsewhere.example', 1)", "", ["elsewhere.example"]),
    ("", "INSERT INTO users (name, creation_ts) VALUES ('@carol:localhost:8800', 1)", ["users", "1 row"]),
    ("", "CREATE TABLE port_from_sqlite3 (table_name text)", ["port_from_sqlite3"]),
    ("UPDATE users SET approved = 2", "", ["users", "approved", "boolean"]),
    ("CREATE TABLE module_table (a); INSERT INTO module_table VALUES (1)", "", ["module_table"]),
], ids=["updates pending in the snapshot", "updates pending in the target", "older snapshot", "newer snapshot", "other version",
        "other server", "two servers", "a used target", "after synapse_port_db", "not a boolean", "a module's table"])
def test_refused(synapse: Installation, prepared_snapshot: Path, target: Database, tmp_path: Path, source_change: str,
                 target_change: str, words: list[str]) -> None:
    refused(words, prepared_snapshot, target, synapse, tmp_path, source_change, target_change)


def test_a_wrong_collation(synapse: Installation, prepared_snapshot: Path, target: Database, postgres: Server,
                           tmp_path: Path) -> None:
    schema = target.contents()
    name = postgres.create("ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0")
    other = Database(postgres, name)
    try:
        (tmp_path / "schema.sql").write_text(schema)
        programs.succeed("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", other.dsn, "-f", tmp_path / "schema.sql")
        refused(["collation", "C.UTF-8"], prepared_snapshot, other, synapse, tmp_path)
    finally:
        postgres.drop(name)


def test_what_is_not_refused(synapse: Installation, prepared_snapshot: Path, target: Database, tmp_path: Path) -> None:
    """The same, without any of these faults: the refusals above are due to them."""
    server = homeserver.on_postgres(synapse, tmp_path / "target", target)
    dump = programs.dump(prepared_snapshot, tmp_path / "dump.valise")
    programs.succeed(programs.REPLAY, "--postgres-config", server.config, dump)
    assert target.query("SELECT name FROM users") == [(f"@alice:{homeserver.SERVER_NAME}",)]
