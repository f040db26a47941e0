"""What is written beside the work takes the place of nothing else, by whatever name; said before the work."""
from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from conftest import Database
from programs import DUMP, IO, REFUSED, REJECTED, REPLAY, USAGE, VALISE, dump, fail, run, succeed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a'), (2, CAST(x'780079' AS TEXT));")
    connection.close()
    dump(tmp_path / "a.db", tmp_path / "a.valise")
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.db").symlink_to("a.db")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["a.db-wal", "a.db-journal", "a.db-shm", "folder/../a.db-wal", "n.valise", "folder/../n.valise", "a.db"])
def test_progress_of_a_dump(folder: Path, name: str) -> None:
    before = contents(folder)
    for database in ("a.db", "other.db"):
        fail(USAGE, ["--progress-file"], DUMP, "-o", folder / "n.valise", "--progress-file", folder / name, folder / database)
    assert contents(folder) == before


def test_progress_of_other_commands(folder: Path) -> None:
    before = contents(folder)
    for command, output in (("restore", "n.db"), ("squash", "n.valise")):
        fail(USAGE, ["--progress-file", "same file"], VALISE, command, "-o", folder / output, "--progress-file", folder / f"folder/../{output}",
             folder / "a.valise")
    assert contents(folder) == before


def test_what_exists_is_replaced_only_when_asked(folder: Path) -> None:
    (folder / "homeserver.yaml").write_text("database: {name: sqlite3}\n")
    kept = folder / "kept"
    for command in (["schema", folder / "a.valise"], ["squash", folder / "a.valise"], ["config", "--set=dbname=x", folder / "homeserver.yaml"]):
        kept.write_text("of somebody\n")
        fail(REFUSED, [f'"{kept}" exists', "--force"], VALISE, *command, "-o", kept)
        assert kept.read_text() == "of somebody\n"
        before = contents(folder)["a.db"]
        assert "is a SQLite database" in run(VALISE, *command, "--force", "-o", folder / "a.db").error
        assert contents(folder)["a.db"] == before
        succeed(VALISE, *command, "--force", "-o", kept)
        assert kept.read_bytes() != b"of somebody\n"
    (folder / "-").write_text("of somebody\n")   # which is not what "-" means
    assert "CREATE TABLE" in succeed(VALISE, "schema", folder / "a.valise", cwd=folder).out


@pytest.mark.parametrize("options, words", [
    ({"--report": "homeserver.yaml"}, ["--report and --postgres-config", "same file"]),
    ({"--rejects": "link.yaml"}, ["--rejects and --postgres-config", "same file"]),
    ({"--progress-file": "homeserver.yaml"}, ["--progress-file"]),
    ({"--report": "notes"}, ["--report", "exists and is no report"]),
    ({"--rejects": "notes"}, ["--rejects", "exists and is no list"]),
    ({"--report": "folder"}, ["--report", "folder"]),
    ({"--rejects": "folder"}, ["--rejects", "folder"]),
    ({"--report": "x", "--rejects": "folder/../x"}, ["--report and --rejects", "same file"]),
    ({"--report": "x", "--progress-file": "folder/../x"}, ["--report and --progress-file", "same file"]),
    ({"--rejects": "x", "--progress-file": "folder/../x"}, ["--rejects and --progress-file", "same file"]),
    ({"--report": "a.db"}, ["--report", "database"]),
    ({"--report": "other.db"}, ["--report", "database"]),
    ({"--rejects": "a.valise"}, ["--rejects", "dump"]),
])
def test_files_of_a_replay(folder: Path, database: Database, options: dict[str, str], words: list[str]) -> None:
    """Also a configuration, which is a homeserver's own, and of which there may be no other."""
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, x text)")
    server = database.server
    (folder / "homeserver.yaml").write_text(
        f"database: {{name: psycopg2, args: {{host: {server.folder}, port: {server.port}, user: {server.user}, database: {database.name}}}}}\n")
    (folder / "link.yaml").symlink_to("homeserver.yaml")
    (folder / "notes").write_text("of somebody\n")
    before = contents(folder)
    named = [word for option, name in options.items() for word in (option, folder / name)]
    fail(USAGE, words, REPLAY, "--postgres-config", folder / "homeserver.yaml", "--on-bad-value=reject", *named, folder / "a.valise")
    assert contents(folder) == before
    assert database.query("SELECT count(*) FROM t") == [(0,)]


def test_rejects_that_cannot_be_written(folder: Path, database: Database) -> None:
    """Noticed before hours of work, not after them."""
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, x text)")
    fail(IO, ["--rejects", "missing"], REPLAY, "--dsn", database.dsn, "--on-bad-value=reject", "--rejects", folder / "missing/r.json", folder / "a.valise")
    assert database.query("SELECT count(*) FROM t") == [(0,)]


def is_done(*command: str | Path) -> bool:
    return run(*command).status in (0, REJECTED)


def test_what_was_written_may_be_written_again(folder: Path, database: Database) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, x text)")
    words = ["--on-bad-value=replace", "--rejects", folder / "r.json", "--progress-file", folder / "p.json"]
    for name in ("a.json", "a.html"):
        for _ in range(2):
            assert is_done(REPLAY, "--dsn", database.dsn, *words, "--report", folder / name, folder / "a.valise")
    assert (folder / "r.json").read_text() == "[\n]\n"
    database.execute("DROP SCHEMA valise CASCADE; TRUNCATE t")
    words[0] = "--on-bad-value=reject"
    for _ in range(2):
        assert is_done(REPLAY, "--dsn", database.dsn, *words, folder / "a.valise")
        assert '"id"' in (folder / "r.json").read_text()
        database.execute("DROP SCHEMA valise CASCADE; TRUNCATE t")
    assert not [name for name in os.listdir(folder) if name.endswith(".partial")]
