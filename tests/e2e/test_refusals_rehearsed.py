"""Every refusal twice, with --dry-run and without: the same status and the same words, and the target is as it was.

Each case makes a database that cannot take a dump, and returns what the replay is called with.
"""
from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

import programs
from conftest import Database, Server, serving

SOURCE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER, v);
CREATE TABLE line (a TEXT);
INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, 'name ' || i FROM n;
INSERT INTO child SELECT id, id, id FROM parent;
INSERT INTO line VALUES ('x'), ('x'), ('y');
"""
TARGET = """
CREATE TABLE parent (id bigint PRIMARY KEY, name text);
CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent ON DELETE CASCADE, v bigint);
CREATE TABLE line (a text);
CREATE TABLE bystander (a bigint);
"""


class World:
    """A target, and dumps for it."""

    def __init__(self, target: Database, folder: Path) -> None:
        self.target, self.folder, self.source = target, folder, folder / "s.db"
        self.execute, self.dsn, self.cleanup = target.execute, target.dsn, contextlib.ExitStack()
        target.execute(TARGET)
        self.edit(SOURCE)

    def edit(self, script: str) -> None:
        with contextlib.closing(sqlite3.connect(self.source)) as db:
            db.executescript(script or ";")

    def dump(self, name: str = "full", *bases: Path) -> Path:
        path = self.folder / f"{name}.valise"
        programs.succeed(programs.DUMP, "--force", *[word for base in bases for word in ("--base", base)], "-o", path, self.source)
        return path

    def replay(self, *words: str | Path) -> None:
        programs.succeed(programs.REPLAY, "--dsn", self.target.dsn, *words)
        self.target.settle()

    def delta(self, script: str) -> Path:
        """After a full dump was replayed."""
        full = self.dump()
        self.replay(full)
        self.edit(script)
        return self.dump("delta", full)

    def as_role(self, grants: str) -> None:
        """From here on as a role that may do only what is granted."""
        self.execute(f"CREATE ROLE limited LOGIN; {grants}")
        self.cleanup.callback(self.target.execute, "REASSIGN OWNED BY limited TO CURRENT_USER; DROP OWNED BY limited; DROP ROLE limited")
        self.dsn = self.target.dsn.replace("user=postgres", "user=limited")


Case = Callable[[World], list[str | Path]]
CASES: dict[str, tuple[int, list[str], Case]] = {}


def case(*words: str, status: int = programs.REFUSED) -> Callable[[Case], Case]:
    def add(made: Case) -> Case:
        CASES[made.__name__] = status, list(words), made
        return made
    return add


def simple(name: str, change: str, *words: str, source: str = "", options: tuple[str, ...] = ()) -> None:
    """A full dump, into a target of which something was changed."""
    def made(world: World) -> list[str | Path]:
        world.execute(change or "SELECT 1")
        world.edit(source)
        return [*options, world.dump()]
    made.__name__ = name
    case(*words)(made)


# ------------------------------------------------------------------------------------------------- a full dump

OTHER = "CREATE SCHEMA other; CREATE TABLE other.refs (id bigint REFERENCES public.parent {0}); "
ROWS = "INSERT INTO parent VALUES (1, 'a'); "

simple("no_table", "DROP TABLE child", '"child"', "does not exist in the target")
simple("no_column", "ALTER TABLE parent DROP COLUMN name", '"name"')
simple("a_column_without_source", "ALTER TABLE line ADD b text NOT NULL", '"b"')
simple("rows", ROWS, "1 row that no replay brought")
simple("rows_elsewhere", "INSERT INTO bystander VALUES (1)", "bystander")
simple("too_long", "ALTER TABLE parent ALTER name TYPE varchar(5)", "varying(5)")
simple("null", "ALTER TABLE line ALTER a SET NOT NULL", "NULL", source="INSERT INTO line VALUES (NULL)")
simple("no_number", "", "storage class", source="INSERT INTO child VALUES (999, 1, 'word')")
simple("a_check", "ALTER TABLE child ADD CONSTRAINT small CHECK (v < 150)", "small")
simple("a_unique_key", "CREATE UNIQUE INDEX once ON line (a)", "once")
simple("a_foreign_key", "", "child", source="INSERT INTO child VALUES (999, 998, 1)")
simple("a_view", "DROP TABLE line; CREATE VIEW line AS SELECT ''::text AS a", "is a view")
simple("another_schema", "CREATE SCHEMA mine; ALTER TABLE line SET SCHEMA mine", 'schema "mine"')
simple("a_schema_of_that_name", "CREATE SCHEMA valise", "no ledger")
simple("cascades_elsewhere", OTHER.format("ON DELETE CASCADE") + ROWS + "INSERT INTO other.refs VALUES (1)", "other.refs", "drop that key",
       options=("--on-existing=replace",))
simple("sets_null_elsewhere", OTHER.format("ON DELETE SET NULL") + ROWS, "other.refs", "drop that key", options=("--on-existing=replace",))
simple("event_trigger", "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'ask me'; END$$;"
       "CREATE EVENT TRIGGER rule ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE PROCEDURE no()", "ask me", "rule")


@case("default_transaction_read_only")
def read_only(world: World) -> list[str | Path]:
    world.execute(f"ALTER DATABASE {world.target.name} SET default_transaction_read_only = on")
    return [world.dump()]


@case("another session is connected")
def a_session(world: World) -> list[str | Path]:
    dump = world.dump()
    world.cleanup.callback(psycopg2.connect(world.target.dsn).close)
    return [dump]


ALL_TABLES = "".join(f"ALTER TABLE {name} OWNER TO limited;" for name in ("parent", "child", "line", "bystander"))
ALL_RIGHTS = ALL_TABLES + "GRANT ALL ON SCHEMA public TO limited;"


@case("may not create the ledger", "GRANT CREATE ON DATABASE")
def no_create(world: World) -> list[str | Path]:
    world.as_role(ALL_RIGHTS)
    return [world.dump()]


@case("may not create indexes", "GRANT CREATE ON SCHEMA")
def no_create_in_schema(world: World) -> list[str | Path]:
    world.as_role(ALL_TABLES + f"GRANT ALL ON DATABASE {world.target.name} TO limited; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    return [world.dump()]


@case("may not create temporary tables", "GRANT TEMPORARY ON DATABASE")
def no_temporary_tables(world: World) -> list[str | Path]:
    world.as_role(ALL_RIGHTS + f"GRANT CREATE ON DATABASE {world.target.name} TO limited;"
                  f"REVOKE TEMPORARY ON DATABASE {world.target.name} FROM PUBLIC; ALTER TABLE child ADD CHECK (v < 500)")
    return [world.dump()]


@case('"parent" belongs to "postgres"')
def not_the_owner(world: World) -> list[str | Path]:
    world.as_role(ALL_RIGHTS + f"ALTER TABLE parent OWNER TO postgres; GRANT ALL ON DATABASE {world.target.name} TO limited;"
                  "GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
    return [world.dump()]


@case("row level security")
def row_security(world: World) -> list[str | Path]:
    world.as_role(ALL_RIGHTS + f"GRANT ALL ON DATABASE {world.target.name} TO limited;"
                  "ALTER TABLE parent ENABLE ROW LEVEL SECURITY; ALTER TABLE parent FORCE ROW LEVEL SECURITY")
    return [world.dump()]


# ------------------------------------------------------------------------------------------------ the ledger


@case("written by a newer version", status=programs.UNSUPPORTED)
def a_newer_ledger(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("UPDATE valise.ledger SET version = 9")
    return [world.dump()]


@case("the ledger", 'belongs to "postgres"', '"limited" may not read it', "GRANT")
def a_ledger_of_another_role(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.as_role(ALL_RIGHTS + f"GRANT ALL ON DATABASE {world.target.name} TO limited;")
    return [world.dump()]


@case('"limited" may not write the ledger', "GRANT that role")
def a_ledger_that_is_only_read(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.as_role(ALL_RIGHTS + f"GRANT ALL ON DATABASE {world.target.name} TO limited; GRANT USAGE ON SCHEMA valise TO limited;"
                  "GRANT SELECT ON ALL TABLES IN SCHEMA valise TO limited")
    world.edit("UPDATE parent SET name = 'new' WHERE id = 1")
    return [world.dump("newer")]


@case("damaged, it lacks part, rejects", "new database")
def a_damaged_ledger(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("DROP TABLE valise.part, valise.rejects")
    return [world.dump()]


@case("200 rows that no replay brought", "3 rows that no replay brought")
def a_ledger_without_its_rows(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("DELETE FROM valise.replay")
    return [world.dump()]


@case("unfinished replay of another dump")
def unfinished(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("UPDATE valise.replay SET phase = 'load'")
    world.edit("INSERT INTO line VALUES ('new')")
    return [world.dump("other")]


@case("another version of this program", "--abort")
def parts_of_another_version(world: World) -> list[str | Path]:
    dump = world.dump()
    world.replay(dump)
    world.execute("UPDATE valise.replay SET phase = 'load'; DELETE FROM valise.table_state; UPDATE valise.part SET number = 7")
    return ["--verify=none", dump]


@case("was replayed on", "a newer one since")
def going_back(world: World) -> list[str | Path]:
    first = world.dump()
    world.replay(first)
    world.edit("INSERT INTO line VALUES ('new')")
    world.replay(world.dump("newer"))
    return [first]


@case('"line" holds 4 rows', "left 3")
def rows_since(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("INSERT INTO line VALUES ('mine')")
    world.edit("UPDATE parent SET name = 'new' WHERE id = 1")
    return [world.dump("newer")]


@case("a value was changed")
def values_since(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute("UPDATE line SET a = 'mine' WHERE a = 'y'")
    world.edit("UPDATE parent SET name = 'new' WHERE id = 1")
    return ["--verify=full", world.dump("newer")]


@case("other.refs", "drop that key")
def a_newer_dump_cascades_elsewhere(world: World) -> list[str | Path]:
    world.replay(world.dump())
    world.execute(OTHER.format("ON DELETE CASCADE") + "INSERT INTO other.refs VALUES (1)")
    world.edit("UPDATE parent SET name = 'new' WHERE id = 1")
    return [world.dump("newer")]


@case("not filled with --staging")
def staging(world: World) -> list[str | Path]:
    profile = world.folder / "profile.yaml"
    profile.write_text("profile: test\ntitle: Test\nformat: 1\nrecognise: [parent]\nstaging: [line]\n")
    dump = world.dump()
    world.replay("--profile", profile, dump)
    return ["--profile", profile, "--staging", dump]


# ------------------------------------------------------------------------------------------------- a delta


@case("nothing was replayed")
def a_delta_alone(world: World) -> list[str | Path]:
    full = world.dump()
    world.edit("INSERT INTO line VALUES ('new')")
    return [world.dump("delta", full)]


@case("starts from state", "are missing")
def a_delta_of_another_state(world: World) -> list[str | Path]:
    first = world.delta("INSERT INTO line VALUES ('new')")
    world.edit("INSERT INTO line VALUES ('newer')")
    return [world.dump("second", world.folder / "full.valise", first)]


@case('table "child"', "id = 7", "not as it was", "the delta is not applied")
def drift(world: World) -> list[str | Path]:
    delta = world.delta("UPDATE child SET v = 0 WHERE id < 20")
    world.execute("UPDATE child SET v = 1000 WHERE id = 7")
    return [delta]


@case('table "line"', "a = x", "are left 1")
def drift_without_a_key(world: World) -> list[str | Path]:
    delta = world.delta("DELETE FROM line WHERE a = 'x'")
    world.execute("DELETE FROM line WHERE ctid = (SELECT min(ctid) FROM line WHERE a = 'x')")
    return [delta]


@case('table "parent"', "id = 3", "refer to it")
def rows_that_would_go_along(world: World) -> list[str | Path]:
    return [world.delta("DELETE FROM parent WHERE id = 3")]


@case('"other"."refs" of another schema refers to it')
def a_delta_cascades_elsewhere(world: World) -> list[str | Path]:
    delta = world.delta("DELETE FROM child WHERE id = 3; DELETE FROM parent WHERE id = 3")
    world.execute(OTHER.format("ON DELETE CASCADE"))
    return [delta]


@case("violates foreign key", status=programs.DATABASE)
def a_delta_breaks_a_foreign_key(world: World) -> list[str | Path]:
    return [world.delta("INSERT INTO child VALUES (300, 300, 1)")]


@case("violates check constraint", "1 problem")
def a_delta_breaks_a_check(world: World) -> list[str | Path]:
    delta = world.delta("UPDATE child SET v = 777 WHERE id = 1")
    world.execute("ALTER TABLE child ADD CONSTRAINT small CHECK (v < 500)")
    return [delta]


@case("by the ledger it would have")
def rows_that_were_rejected(world: World) -> list[str | Path]:
    """A ledger that says something else than the delta."""
    delta = world.delta("INSERT INTO line VALUES ('z')")
    world.execute("UPDATE valise.part SET row_count = row_count - 1 WHERE table_name = 'line'; DELETE FROM line WHERE a = 'y'")
    return [delta]


# --------------------------------------------------------------------------------------------------- twice


def said(done: programs.Done) -> list[str]:
    """Process numbers apart, and what only a plan says."""
    return [re.sub(r"process \d+", "process N", line) for line in done.error.splitlines()]


def contents(target: Database) -> list[str]:
    """All of it, sequences too; another session may be there."""
    text = programs.succeed("pg_dump", "--dbname", target.dsn, "--no-sync").out
    return [line for line in text.splitlines() if "restrict " not in line]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    made = World(database, tmp_path)
    with made.cleanup:
        yield made
        if made.dsn == database.dsn:
            return
        database.execute(f"GRANT TEMPORARY ON DATABASE {database.name} TO PUBLIC")


@pytest.mark.parametrize("name", CASES)
def test_refused_alike(world: World, name: str) -> None:
    status, words, made = CASES[name]
    arguments = made(world)
    before = contents(world.target)
    results = [programs.fail(status, words, programs.REPLAY, "--dsn", world.dsn, *option, *arguments) for option in (["--dry-run"], [])]
    assert said(results[0]) == said(results[1])
    assert contents(world.target) == before


@pytest.fixture(scope="module")
def short_server() -> Iterator[Server]:
    with serving(VALISE_PG_SETTINGS="max_locks_per_transaction = 10\nmax_connections = 12") as server:
        yield server


def test_too_little_room_for_locks(short_server: Server, tmp_path: Path) -> None:
    """What is said to be set is enough."""
    database = Database(short_server, short_server.create())
    count = 200
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as db:
        for i in range(count):
            db.execute(f"CREATE TABLE t{i} (id INTEGER PRIMARY KEY, next INTEGER)")
            db.execute(f"INSERT INTO t{i} VALUES (1, 1)")
        db.commit()
    schema = "".join(f"CREATE TABLE t{i} (id bigint PRIMARY KEY, next bigint REFERENCES t{max(i - 1, 0)});\n" for i in range(count))
    for at in range(0, count, 20):
        database.execute("".join(schema.splitlines(keepends=True)[at:at + 20]))
    dump = programs.dump(tmp_path / "s.db", tmp_path / "s.valise")
    results = [programs.fail(programs.REFUSED, ["room for the locks", "max_locks_per_transaction is 10", "ALTER SYSTEM SET"],
                             programs.REPLAY, "--dsn", database.dsn, *option, dump) for option in (["--dry-run"], [])]
    assert said(results[0]) == said(results[1])
    assert database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'valise'") == [(0,)]
    assert database.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == [(count,)]
    [number] = re.findall(r"max_locks_per_transaction = (\d+)", results[0].error)
    with serving(VALISE_PG_SETTINGS=f"max_locks_per_transaction = {number}\nmax_connections = 12") as server:
        roomy = Database(server, server.create())
        roomy.execute(schema)
        programs.replay(roomy.dsn, dump)
        assert roomy.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == [(count,)]
