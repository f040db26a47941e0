"""What valise-replay must refuse: with the documented status, in clear words, and the target as it was before."""
from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

import programs
from conftest import Database

SOURCE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id), v);
INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    SELECT i, 'name é ' || i FROM n;
INSERT INTO child SELECT id, id, id FROM parent;
"""
TARGET = """
CREATE TABLE parent (id bigint PRIMARY KEY, name text);
CREATE INDEX parent_name ON parent (name);
CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint REFERENCES parent, v bigint);
CREATE TABLE bystander (a integer);
"""


@pytest.fixture(scope="module")
def good_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return make_dump(folder)


def make_dump(folder: Path, change: str = "") -> Path:
    with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
        db.executescript(SOURCE + change)
    return programs.dump(folder / "s.db", folder / "s.valise")


@pytest.fixture
def target(database: Database) -> Database:
    database.execute(TARGET)
    return database


def refused(status: int, words: list[str], target: Database, *arguments: str | Path, **options: object) -> None:
    """The replay fails as told, and leaves nothing different, not even a ledger."""
    before = target.contents()
    target.settle()
    programs.fail(status, words, programs.REPLAY, *arguments, **options)
    assert target.contents() == before


# ------------------------------------------------------------------------------------------------- the dump


def first_half(data: bytes) -> bytes:
    return data[:len(data) // 2]


def without_last_byte(data: bytes) -> bytes:
    return data[:-1]


def header_only(data: bytes) -> bytes:
    return data[:128]


def flipped_in_the_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]


def appended(data: bytes) -> bytes:
    return data + b"\0"


def newer(data: bytes) -> bytes:
    """Version 2, with a right checksum: SPEC.md 3.1."""
    header = bytearray(data[:128])
    header[20:24] = (2).to_bytes(4, "little")
    digest = xxhash.xxh3_128_intdigest(bytes(header[:112]))
    header[112:128] = digest.to_bytes(16, "little")
    return bytes(header) + data[128:]


def other_file(data: bytes) -> bytes:
    return b"SQLite format 3\0" + data


@pytest.mark.parametrize("mutilate, status, words", [
    (first_half, programs.CORRUPT, ["truncated"]),
    (without_last_byte, programs.CORRUPT, ["truncated"]),
    (header_only, programs.CORRUPT, ["truncated"]),
    (flipped_in_the_middle, programs.CORRUPT, []),
    (appended, programs.CORRUPT, []),
    (newer, programs.UNSUPPORTED, ["version", "2", "newer"]),
    (other_file, programs.NOT_DUMP, ["not a"]),
    (lambda data: b"", programs.NOT_DUMP, ["not a"]),
], ids=["half", "one byte short", "header only", "flipped bit", "appended byte", "newer", "other file", "empty"])
@pytest.mark.parametrize("by_pipe", [False, True], ids=["file", "pipe"])
def test_a_bad_dump(target: Database, good_dump: Path, tmp_path: Path, mutilate: Callable[[bytes], bytes], status: int,
                    words: list[str], by_pipe: bool) -> None:
    bad = tmp_path / "bad.valise"
    bad.write_bytes(mutilate(good_dump.read_bytes()))
    if by_pipe:
        with bad.open("rb") as file:
            refused(status, words, target, "--dsn", target.dsn, "-", stdin=file)
    else:
        refused(status, [*words, "bad.valise"], target, "--dsn", target.dsn, bad)


def test_damage_comes_first(database: Database, good_dump: Path, tmp_path: Path) -> None:
    """It is looked for while the server is asked; what a damaged dump lacks there is no news."""
    bad = tmp_path / "bad.valise"
    bad.write_bytes(flipped_in_the_middle(good_dump.read_bytes()))
    for dsn in (database.dsn, "host=/nonexistent dbname=x"):
        refused(programs.CORRUPT, ["bad.valise is damaged"], database, "--dsn", dsn, bad)
        done = programs.fail(programs.CORRUPT, ["bad.valise is damaged"], programs.REPLAY, "--dry-run", "--dsn", dsn, bad)
        assert "no tables" not in done.error


def test_a_missing_dump(target: Database, tmp_path: Path) -> None:
    refused(programs.IO, ["nothing.valise", "no such file"], target, "--dsn", target.dsn, tmp_path / "nothing.valise")


def test_a_folder_for_a_dump(target: Database, tmp_path: Path) -> None:
    refused(programs.IO, [str(tmp_path)], target, "--dsn", target.dsn, tmp_path)


# ---------------------------------------------------------------------------------------- the configuration


GOOD_ARGS = {"user": "postgres", "dbname": "DBNAME", "host": "HOST", "port": 1}


@pytest.mark.parametrize("text, words", [
    ("database: {name: psycopg2, args: {user: x\nother: [", ["homeserver.yaml:2:", "not YAML"]),
    ("database:\n\tname: psycopg2\n", ["homeserver.yaml:2:1", "not YAML"]),
    ("server_name: example.org\n", ["homeserver.yaml", "database"]),
    ("databases: {main: {name: psycopg2, args: {dbname: a}}, state: {name: psycopg2, args: {dbname: b}}}\n",
     ["homeserver.yaml", "databases"]),
    ("database: {name: sqlite3, args: {database: /x/homeserver.db}}\n", ["homeserver.yaml:1:", "SQLite", "psycopg2"]),
    ("database: {name: psycopg2, args: {no_such_keyword: 1}}\n", ["homeserver.yaml", "no_such_keyword"]),
    ("database: psycopg2\n", ["homeserver.yaml", "database"]),
    ("- a\n- b\n", ["homeserver.yaml"]),
    ("", ["homeserver.yaml", "empty"]),
], ids=["not YAML", "tab", "no database", "several databases", "SQLite", "unknown keyword", "no args", "a list", "empty"])
def test_a_bad_configuration(target: Database, good_dump: Path, tmp_path: Path, text: str, words: list[str]) -> None:
    config = tmp_path / "homeserver.yaml"
    config.write_text(text)
    refused(programs.USAGE, words, target, "--postgres-config", config, good_dump)


def test_a_missing_configuration(target: Database, good_dump: Path, tmp_path: Path) -> None:
    refused(programs.IO, ["nowhere.yaml"], target, "--postgres-config", tmp_path / "nowhere.yaml", good_dump)


def config_for(target: Database, folder: Path, **changes: object) -> Path:
    server = target.server
    arguments = {"user": server.user, "password": server.password, "dbname": target.name, "host": "127.0.0.1",
                 "port": server.port, "cp_min": 1, "cp_max": 3} | changes
    config = folder / "homeserver.yaml"
    config.write_text("database: " + json.dumps({"name": "psycopg2", "args": arguments}) + "\n")
    return config


SECRET = "s3cret-that-nobody-sees"


@pytest.mark.parametrize("changes, words", [
    ({"password": SECRET}, ["password authentication failed", "postgres"]),
    ({"host": "127.0.0.1", "port": 1}, ["port 1"]),
    ({"host": "no-such-host.invalid"}, ["no-such-host.invalid"]),
    ({"host": "/nowhere"}, ["/nowhere"]),
    ({"dbname": "no_such_database"}, ["no_such_database", "does not exist"]),
    ({"user": "nobody_at_all", "password": SECRET}, ["nobody_at_all"]),
], ids=["wrong password", "wrong port", "wrong host", "no socket", "no database", "no role"])
def test_no_connection(target: Database, good_dump: Path, tmp_path: Path, changes: dict[str, object], words: list[str]) -> None:
    config = config_for(target, tmp_path, **changes)
    before = target.contents()
    done = programs.fail(programs.DATABASE, words, programs.REPLAY, "--postgres-config", config, good_dump)
    assert SECRET not in done.out + done.error
    assert target.contents() == before


@pytest.mark.parametrize("name, value, words", [
    ("PGOPTIONS", "garbage", "PGOPTIONS"), ("PGTZ", "Mars/Base", "PGTZ"), ("PGREQUIREPEER", "nobody-at-all", "as another user"),
    ("PGTARGETSESSIONATTRS", "standby", "read-write"), ("PGGSSENCMODE", "require", "gssencmode=prefer"),
    ("PGCHANNELBINDING", "require", "channel_binding=prefer")])
def test_what_the_environment_demands(target: Database, good_dump: Path, name: str, value: str, words: str) -> None:
    done = programs.fail(programs.DATABASE, [words], programs.REPLAY, "--dsn", target.dsn, good_dump,
                         env={**os.environ, name: value})
    assert "such local socket" not in done.error


# ------------------------------------------------------------------------------------------------ the target


def test_a_wrong_encoding(other_database: Callable[[str], Database], good_dump: Path) -> None:
    target = other_database("ENCODING 'LATIN1' LOCALE 'C'")
    target.execute(TARGET)
    refused(programs.REFUSED, ["LATIN1", "UTF8"], target, "--dsn", target.dsn, good_dump)


@pytest.mark.parametrize("change, words", [
    ("DROP TABLE child", ["child"]),
    ("ALTER TABLE parent DROP COLUMN name", ["parent", "name"]),
    ("ALTER TABLE child ADD COLUMN needed text NOT NULL", ["child", "needed"]),
    ("INSERT INTO parent VALUES (1, 'was here')", ["parent", "1 row"]),
    ("INSERT INTO bystander VALUES (1)", ["bystander", "not empty"]),
    ("ALTER TABLE parent ALTER name TYPE varchar(9)", ["parent", "name", "values like this"]),
], ids=["missing table", "missing column", "column without a source", "rows", "rows elsewhere", "too long"])
def test_a_target_that_does_not_fit(target: Database, good_dump: Path, change: str, words: list[str]) -> None:
    target.execute(change)
    refused(programs.REFUSED, words, target, "--dsn", target.dsn, good_dump)


def test_a_name_that_is_too_long(target: Database, tmp_path: Path) -> None:
    """It can't be prepared for: PostgreSQL has no such names."""
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db, db:
        db.executescript(f"CREATE TABLE parent (id INTEGER, {'ä' * 32}); INSERT INTO parent VALUES (1, 2);"
                         f"CREATE TABLE {'l' * 64} (a); INSERT INTO {'l' * 64} VALUES (1)")
    done = programs.fail(programs.REFUSED, ["has 1 row in the dump"], programs.REPLAY, "--dsn", target.dsn,
                         programs.dump(tmp_path / "s.db", tmp_path / "s.valise"))
    assert done.error.count("no names of more than 63 bytes: rename it") == 2


def test_a_target_without_tables(database: Database, good_dump: Path) -> None:
    refused(programs.REFUSED, ["no tables", "prepare"], database, "--dsn", database.dsn, good_dump)


def test_all_problems_at_once(target: Database, good_dump: Path) -> None:
    target.execute("DROP TABLE child; ALTER TABLE parent ALTER id TYPE smallint, ALTER name TYPE varchar(9); "
                   "INSERT INTO parent VALUES (1, 'was here')")
    refused(programs.REFUSED, ["child", "varying(9)", "1 row"], target, "--dsn", target.dsn, good_dump)


def test_too_few_privileges(target: Database, good_dump: Path, tmp_path: Path) -> None:
    target.execute("DROP ROLE IF EXISTS visitor; CREATE ROLE visitor LOGIN PASSWORD 'v'; "
                   "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO visitor")
    config = config_for(target, tmp_path, user="visitor", password="v")
    try:
        refused(programs.REFUSED, ["visitor", "parent", "child"], target, "--postgres-config", config, good_dump)
    finally:
        target.execute("DROP OWNED BY visitor; DROP ROLE visitor")


def test_row_level_security(target: Database, good_dump: Path, tmp_path: Path) -> None:
    """Counting rows that a policy hides is an SQL error; it is told as a problem instead."""
    target.execute("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN PASSWORD 'k'; "
                   f'GRANT ALL ON SCHEMA public TO keeper; GRANT CREATE ON DATABASE "{target.name}" TO keeper; '
                   "ALTER TABLE child OWNER TO keeper; ALTER TABLE bystander OWNER TO keeper; "
                   "ALTER TABLE parent OWNER TO keeper; ALTER TABLE parent FORCE ROW LEVEL SECURITY; "
                   "ALTER TABLE parent ENABLE ROW LEVEL SECURITY")
    config = config_for(target, tmp_path, user="keeper", password="k")
    try:
        refused(programs.REFUSED, ["row level security", "1 problem"], target, "--postgres-config", config, good_dump)
    finally:
        target.execute("REASSIGN OWNED BY keeper TO CURRENT_USER; DROP OWNED BY keeper; DROP ROLE keeper")


def test_a_report_that_cannot_be_written(target: Database, good_dump: Path, tmp_path: Path) -> None:
    """Before the work, not after it."""
    refused(programs.IO, ["--report", "missing"], target,
            "--dsn", target.dsn, "--report", tmp_path / "missing" / "r.json", good_dump)


def test_somebody_is_connected(target: Database, good_dump: Path) -> None:
    before = target.contents()
    with contextlib.closing(target.server.connect(target.name)):
        programs.fail(programs.REFUSED, ["connected"], programs.REPLAY, "--dsn", target.dsn, good_dump)
    assert target.contents() == before


# ------------------------------------------------------------------------------------------------ the values


@pytest.mark.parametrize("kind, value, words", [
    ("bigint", "'text'", ["bigint", "text"]),
    ("bigint", "1.5", ["bigint", "1.5"]),
    ("bigint", "1e300", ["bigint"]),
    ("smallint", "32768", ["smallint", "32768"]),
    ("integer", "-2147483649", ["integer", "-2147483649"]),
    ("boolean", "2", ["boolean", "2"]),
    ("text", "CAST(x'610062' AS TEXT)", ["text", "NUL"]),
    ("text", "CAST(x'61ff' AS TEXT)", ["text", "UTF-8"]),
    ("text", "CAST(x'eda080' AS TEXT)", ["text", "UTF-8"]),     # a lone surrogate
    ("bytea", "1", ["bytea"]),
    ("jsonb", "'{\"a\":'", ["jsonb", "JSON"]),
    ("jsonb", "'{\"a\": \"\\u0000\"}'", ["jsonb"]),
    ("uuid", "'nonsense'", ["uuid"]),
    ("numeric(5,2)", "123456.78", ["numeric(5,2)"]),
    ("char(2)", "'abc'", ["character(2)"]),
    ("bit(3)", "'10101'", ["bit(3)", "10101"]),
    ("varbit(3)", "'10101'", ["bit varying(3)", "10101"]),
    ("integer[]", "'{1,x}'", ["integer[]", "{1,x}"]),
    ("timestamp(0)", "'2026-02-30'", ["timestamp(0)", "2026-02-30"]),
    ("bigint NOT NULL", "NULL", ["NULL"]),
])
def test_a_value_that_does_not_fit(target: Database, tmp_path: Path, kind: str, value: str, words: list[str]) -> None:
    dump = make_dump(tmp_path, f"CREATE TABLE misfit (id INTEGER PRIMARY KEY, v ANY); "
                               f"INSERT INTO misfit VALUES (777, {value});")
    target.execute(f"CREATE TABLE misfit (id bigint PRIMARY KEY, v {kind})")
    refused(programs.REFUSED, ["misfit", "777", *words], target, "--dsn", target.dsn, dump)


@pytest.mark.parametrize("constraint, words", [
    ("ALTER TABLE child ADD CHECK (v <> 200)", ["child"]),
    ("CREATE UNIQUE INDEX once ON child ((v / 2))", ["once"]),
    ("ALTER TABLE child ADD FOREIGN KEY (v) REFERENCES bystander_key", ["child"]),
], ids=["check", "unique", "foreign key"])
def test_rows_that_break_a_constraint(target: Database, good_dump: Path, constraint: str, words: list[str]) -> None:
    target.execute("CREATE TABLE bystander_key (id bigint PRIMARY KEY); " + constraint)
    refused(programs.REFUSED, words, target, "--dsn", target.dsn, good_dump)


def test_a_row_that_fails_while_it_is_loaded(target: Database, good_dump: Path) -> None:
    """What is true when it is tried, and not any more when something is loaded already: afterwards the target is as before."""
    target.execute("CREATE FUNCTION late(bigint) RETURNS boolean LANGUAGE sql AS"
                   " $$ SELECT $1 <> 200 OR to_regclass('pg_temp.child') IS NOT NULL $$; ALTER TABLE child ADD CHECK (late(v))")
    before = target.contents()
    programs.fail(programs.DATABASE, ["child"], programs.REPLAY, "--dsn", target.dsn, good_dump)
    if "valise" in {name for name, in target.query("SELECT nspname FROM pg_namespace")}:
        programs.succeed(programs.REPLAY, "--dsn", target.dsn, "--abort")
        target.execute("DROP SCHEMA IF EXISTS valise CASCADE")
    assert target.contents() == before


# --------------------------------------------------------------------------------------------- its own output


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_the_report_has_no_room(target: Database, good_dump: Path) -> None:
    target.settle()
    done = programs.run(programs.REPLAY, "--dsn", target.dsn, "--report", "/nowhere/report.json", good_dump)
    assert done.status == programs.IO and "/nowhere/report.json" in done.error, done
