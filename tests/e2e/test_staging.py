"""A copy for staging: what the profile names is left out, once and by every later dump."""
from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

import homeserver
import programs
from conftest import Database
from programs import REPLAY
from synapse_kit.client import ApiError
from synapse_kit.configuration import Installation
from test_delta_synapse import unpack

PROFILE = """
profile: shop
title: Shop
format: 1
recognise: [person]
staging: [token, Mailbox, gone]
"""


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Path:
    """A dump of a database with what staging must not have, its profile beside it; the target is made."""
    (tmp_path / "shop.yaml").write_text(PROFILE)
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        db.executescript("""CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO person VALUES (1, 'a'), (2, 'b');
            CREATE TABLE token (id INTEGER PRIMARY KEY, person INTEGER); INSERT INTO token VALUES (10, 1), (11, 2);
            CREATE TABLE "Mailbox" (letter TEXT); INSERT INTO "Mailbox" VALUES ('x');""")
    database.execute("""CREATE TABLE person (id bigint PRIMARY KEY, name text);
        CREATE TABLE token (id bigint PRIMARY KEY, person bigint REFERENCES person); CREATE TABLE "Mailbox" (letter text);""")
    return programs.dump(tmp_path / "shop.db", tmp_path / "shop.valise")


def rows(database: Database) -> list[tuple[int, ...]]:
    return database.query('SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM token), (SELECT count(*) FROM "Mailbox")')


def options(database: Database, dump: Path, *more: str | Path) -> list[str | Path]:
    database.settle()
    return [REPLAY, "--dsn", database.dsn, "--profile", dump.parent / "shop.yaml", *more]


def test_full_dumps_and_deltas(database: Database, shop: Path) -> None:
    with contextlib.closing(sqlite3.connect(shop.parent / "shop.db")) as db:
        db.executescript("INSERT INTO person VALUES (3, 'c'); INSERT INTO token VALUES (12, 3); DELETE FROM token WHERE id = 10;"
                         "INSERT INTO Mailbox VALUES ('y')")
    delta = programs.dump(shop.parent / "shop.db", shop.parent / "delta.valise", "--base", str(shop))
    newer = programs.dump(shop.parent / "shop.db", shop.parent / "newer.valise")

    programs.succeed(*options(database, shop, "--staging", "--dry-run", shop))
    programs.succeed(*options(database, shop, "--staging", shop))
    assert rows(database) == [(2, 0, 0)]
    assert "already" in programs.succeed(*options(database, shop, "--staging", shop)).out.lower()
    for dump in (shop, delta, newer):   # a target is of one kind
        programs.fail(programs.REFUSED, ["for staging", "--staging"], *options(database, shop, dump))
    programs.succeed(*options(database, shop, "--staging", delta))
    assert rows(database) == [(3, 0, 0)]
    programs.succeed(*options(database, shop, "--staging", "--undo", delta))
    assert rows(database) == [(2, 0, 0)]
    programs.succeed(*options(database, shop, "--staging", newer))
    assert rows(database) == [(3, 0, 0)]


def test_a_whole_copy_does_not_become_staging(database: Database, shop: Path) -> None:
    programs.succeed(*options(database, shop, shop))
    assert rows(database) == [(2, 2, 1)]
    programs.fail(programs.REFUSED, ["not filled with --staging"], *options(database, shop, "--staging", shop))
    assert rows(database) == [(2, 2, 1)]


def test_an_abandoned_staging_may_become_anything(database: Database, shop: Path) -> None:
    """Refused before it began: nothing is remembered."""
    database.execute("INSERT INTO person VALUES (99, 'z')")
    programs.fail(programs.REFUSED, ["person"], *options(database, shop, "--staging", shop))
    database.execute("DELETE FROM person")
    programs.succeed(*options(database, shop, shop))
    assert rows(database) == [(2, 2, 1)]


def test_a_staging_that_fails_leaves_nothing(database: Database, shop: Path) -> None:
    """While it begins, as a foreign key that stays would take other rows along; and later, as a CHECK is met only while rows are loaded."""
    database.execute("""INSERT INTO person VALUES (99, 'z'); CREATE SCHEMA other; CREATE TABLE other.refs (person bigint REFERENCES public.person ON DELETE CASCADE);
        INSERT INTO other.refs VALUES (99); CREATE FUNCTION late(bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 <> 2 OR to_regclass('pg_temp.person') IS NOT NULL $$;
        ALTER TABLE person ADD CONSTRAINT too_late CHECK (late(id))""")
    before = database.contents()
    programs.fail(programs.REFUSED, ["other.refs"], *options(database, shop, "--staging", "--on-existing=replace", shop))
    assert database.contents() == before
    database.execute("DROP SCHEMA other CASCADE")
    before = database.contents()
    programs.fail(programs.DATABASE, ["too_late", "as it was before"], *options(database, shop, "--staging", "--on-existing=replace", shop))
    assert database.contents() == before
    database.execute("ALTER TABLE person DROP CONSTRAINT too_late")
    programs.succeed(*options(database, shop, "--on-existing=replace", shop))
    assert rows(database) == [(2, 2, 1)]


def test_without_a_profile_nobody_knows_what_to_leave_out(database: Database, shop: Path) -> None:
    database.settle()
    programs.fail(programs.USAGE, ["--staging needs a profile"], REPLAY, "--dsn", database.dsn, "--staging", shop)
    assert rows(database) == [(0, 0, 0)]


def test_a_real_synapse_runs_on_it(synapse: Installation, database: Database, tmp_path: Path) -> None:
    """Old sessions are gone, accounts and rooms are there, and nothing waits to be sent; by a dump and by a delta."""
    dump = programs.dump(unpack(synapse, "A", tmp_path), tmp_path / "monday.valise")
    delta = programs.dump(unpack(synapse, "B", tmp_path), tmp_path / "tuesday.valise", "--base", str(dump))
    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    target.prepare()
    database.settle()
    programs.succeed(REPLAY, "--postgres-config", target.config, "--staging", dump)
    database.settle()
    programs.succeed(REPLAY, "--postgres-config", target.config, "--staging", "--verify=full", delta)
    assert database.query("SELECT (SELECT count(*) FROM access_tokens) + (SELECT count(*) FROM pushers) + (SELECT count(*) FROM e2e_one_time_keys_json)"
                          " + (SELECT count(*) FROM refresh_tokens) + (SELECT count(*) FROM delayed_events)") == [(0,)]
    world = json.loads((homeserver.shared_snapshots() / "expect-B.json").read_text())
    name, user = next((name, user) for name, user in world["users"].items() if not user["is_closed"] and user["sessions"])
    token = next(iter(user["sessions"].values()))["token"]
    with target.running() as client:
        with pytest.raises(ApiError) as error:
            client.call("GET", "/_matrix/client/v3/account/whoami", token=token)
        assert error.value.code == "M_UNKNOWN_TOKEN"
        new = client.call("POST", "/_matrix/client/v3/login", {
            "type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": user["password"]})
        assert client.call("GET", "/_matrix/client/v3/joined_rooms", token=new["access_token"])["joined_rooms"]
    shutil.rmtree(tmp_path, ignore_errors=True)
