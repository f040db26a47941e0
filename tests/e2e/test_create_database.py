"""valise-replay --create-database: the right database, once, and never another one's loss."""
from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

import programs
from conftest import Server

HOSTILE = ["we\"ird 'n' äme", "select", "UPPER", "-- drop", "a%s{}$1", "back\\slash", "x" * 63]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def dsn(server: Server, database: str, **more: str) -> str:
    """A DSN of any names."""
    return psycopg2.extensions.make_dsn(host=server.folder, port=server.port, **({"user": server.user} | more), dbname=database)


@pytest.fixture
def place(postgres: Server) -> Iterator[Server]:
    """The server; what was made on it goes away again."""
    def rows(statement: str) -> set[str]:
        with contextlib.closing(postgres.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return {row[0] for row in cursor.fetchall()}

    databases, roles = "SELECT datname FROM pg_database", "SELECT rolname FROM pg_roles"
    before = rows(databases), rows(roles)
    yield postgres
    for name in rows(databases) - before[0]:
        postgres.execute("postgres", f"DROP DATABASE {quoted(name)}")
    for name in rows(roles) - before[1]:
        postgres.execute("postgres", f"DROP ROLE {quoted(name)}")


def properties(server: Server, database: str) -> tuple[object, ...]:
    with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba)"
                       " FROM pg_database WHERE datname = %s", (database,))
        return cursor.fetchone()


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_made_as_synapse_wants_it(place: Server, name: str) -> None:
    place.execute("postgres", f"CREATE ROLE {quoted(name)} LOGIN")
    command = programs.REPLAY, "--create-database", "--owner", name, "--dsn", dsn(place, name)
    assert "is made" in programs.succeed(*command).out
    assert properties(place, name) == ("UTF8", "C", "C", name)
    assert "exists already and is right" in programs.succeed(*command).out
    with contextlib.closing(psycopg2.connect(dsn(place, name))) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (a integer)")
    programs.succeed(*command)
    with contextlib.closing(psycopg2.connect(dsn(place, name))) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kept")
        assert cursor.fetchone() == (0,)


def test_names_from_a_configuration(place: Server, tmp_path: Path) -> None:
    config = tmp_path / "homeserver.yaml"
    config.write_text("database: " + json.dumps({"name": "psycopg2", "args": {
        "user": place.user, "password": place.password, "host": "127.0.0.1", "port": place.port, "database": "from yaml"}}))
    programs.succeed(programs.REPLAY, "--create-database", "--postgres-config", config)
    assert properties(place, "from yaml") == ("UTF8", "C", "C", place.user)


@pytest.mark.parametrize("options, words", [
    ("ENCODING 'LATIN1' LOCALE 'C'", ["encoding", "LATIN1", "UTF8"]),
    ("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C'", ["collation", "C.UTF-8"]),
    ("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", ["ctype", "C.UTF-8"]),
], ids=["encoding", "collation", "ctype"])
def test_another_kind_is_refused_and_kept(place: Server, options: str, words: list[str]) -> None:
    name = place.create(f"{options} TEMPLATE template0")
    place.execute(name, "CREATE TABLE kept (a integer)")
    before = properties(place, name)
    programs.fail(programs.REFUSED, [name, "exists", *words], programs.REPLAY, "--create-database", "--dsn", place.dsn(name))
    assert properties(place, name) == before
    place.execute(name, "DROP TABLE kept")


def test_what_is_missing_is_said(place: Server) -> None:
    place.execute("postgres", "CREATE ROLE poor LOGIN; CREATE ROLE maker LOGIN CREATEDB")
    create = programs.REPLAY, "--create-database"
    programs.fail(programs.REFUSED, ["no role", "createuser", "nobody at all"], *create, "--owner", "nobody at all",
                  "--dsn", dsn(place, "new"))
    programs.fail(programs.REFUSED, ["CREATEDB", "poor"], *create, "--dsn", dsn(place, "new", user="poor"))
    programs.fail(programs.REFUSED, ["no member", 'GRANT "poor" TO "maker"'], *create, "--owner", "poor",
                  "--dsn", dsn(place, "new", user="maker"))
    programs.fail(programs.USAGE, ["which database"], *create, "--dsn", f"host={place.folder} port={place.port}")
    programs.fail(programs.USAGE, ["63"], *create, "--dsn", dsn(place, "x" * 64))
    programs.fail(programs.USAGE, ["--create-database"], programs.REPLAY, "--owner", "poor", "x.valise")
    programs.fail(programs.USAGE, ["no dump"], *create, "--dsn", dsn(place, "new"), "x.valise")
    assert properties(place, "new") is None
    # followed to the letter, it works
    place.execute("postgres", 'GRANT "poor" TO "maker"')
    programs.succeed(*create, "--owner", "poor", "--dsn", dsn(place, "new", user="maker"))
    assert properties(place, "new") == ("UTF8", "C", "C", "poor")


def test_several_at_once(place: Server) -> None:
    command = [str(programs.REPLAY), "--create-database", "--dsn", dsn(place, "race")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], said
    assert sum("is made" in words for words in said) == 1, said
