"""A dry run says what a replay will take, and changes nothing."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

import homeserver
import programs
from conftest import Database
from synapse_kit import snapshots
from synapse_kit.configuration import Installation

MEGABYTE = 1_000_000


def plan(folder: Path, *arguments: str | Path) -> tuple[str, dict[str, Any]]:
    """What the dry run prints, and its report."""
    report = folder / "plan.json"
    said = programs.succeed(programs.REPLAY, "--dry-run", "--report", report, *arguments).out
    told = json.loads(report.read_text())
    assert told["outcome"] == "planned"
    assert "Nothing was changed." in said
    return said, told


def size(database: Database) -> int:
    found: int = database.query("SELECT pg_database_size(current_database())")[0][0]
    return found


def lsn(database: Database) -> str:
    place: str = database.query("SELECT pg_current_wal_lsn()")[0][0]
    return place


def holds(database: Database, folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """Plan, replay, and compare: sizes are within what was said."""
    before, begun = size(database), lsn(database)
    _, told = plan(folder, *arguments)
    estimate: dict[str, Any] = told["estimate"]
    assert abs(estimate["database_bytes_now"] - before) < MEGABYTE   # the server's own caches come and go
    programs.succeed(programs.REPLAY, *arguments, timeout=900)
    database.settle()
    after = size(database)
    wal = int(database.query(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{begun}')")[0][0])
    print(f"database: {before} -> {after}, WAL {wal}; estimate {estimate}")
    assert estimate["database_bytes"]["min"] <= after <= estimate["database_bytes"]["max"]
    assert wal <= estimate["wal_bytes"]["max"]
    return estimate


def generate(folder: Path, amount: str) -> Path:
    source = folder / "generated.db"
    programs.succeed(programs.BUILD / "tests/bench/generate", "--size", amount, source, timeout=600)
    return source


@pytest.mark.parametrize("amount", ["2M", "20M"])
def test_a_generated_database(database: Database, tmp_path: Path, amount: str) -> None:
    source = generate(tmp_path, amount)
    programs.succeed("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", database.dsn, "-f", programs.ROOT / "tests/bench/schema.sql")
    dump = programs.dump(source, tmp_path / "generated.valise")
    database.settle()
    holds(database, tmp_path, "--dsn", database.dsn, dump)


HINTS = r"""
set -e
createdb hints
psql -qX -v ON_ERROR_STOP=1 -d hints -f "$1" >/dev/null
"$2" --dry-run --report "$4" --dsn dbname=hints "$3" >/dev/null
begun=$(psql -XAtc 'SELECT pg_current_wal_lsn()')
"$2" --dsn dbname=hints "$3" >/dev/null
psql -XAtc "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$begun')"
"""


def test_pages_that_are_logged_again_for_hints(tmp_path: Path) -> None:
    """With checksums, or wal_log_hints, who reads a new page first after a checkpoint writes it to the WAL."""
    dump = programs.dump(generate(tmp_path, "40M"), tmp_path / "generated.valise")
    maximum = {}
    for hints in ("off", "on"):
        report = tmp_path / f"{hints}.json"
        settings = f"wal_log_hints = {hints}\nmax_wal_size = 32MB\nmin_wal_size = 32MB"
        done = subprocess.run(
            [programs.ROOT / "tools/with_postgres.sh", "bash", "-c", HINTS, "hints", programs.ROOT / "tests/bench/schema.sql",
             programs.REPLAY, dump, report], env={**os.environ, "VALISE_PG_SETTINGS": settings}, capture_output=True, text=True,
            timeout=900, check=True)
        wal = int(done.stdout)
        estimate = json.loads(report.read_text())["estimate"]["wal_bytes"]
        print(f"wal_log_hints {hints}: WAL {wal}; estimate {estimate}")
        assert wal <= estimate["max"]
        maximum[hints] = estimate["max"]
    assert maximum["on"] > maximum["off"] + 20 * MEGABYTE


def test_a_homeserver(synapse: Installation, database: Database, tmp_path: Path) -> None:
    packed = homeserver.shared_snapshots() / "homeserver-B.db.zst"
    if not packed.exists():
        pytest.skip(f"{packed} is not there (VALISE_SHARED says where the snapshots are)")
    copy = tmp_path / "homeserver.db"
    with copy.open("wb") as file:
        subprocess.run(["zstd", "-dcq", packed], check=True, stdout=file)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    if snapshots.facts_of(copy).deltas - snapshots.current_facts(synapse, scratch).deltas:
        pytest.skip("the snapshot is of a newer Synapse than the installed one")
    snapshots.upgrade(synapse, copy, scratch)
    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    target.prepare()
    dump = programs.dump(copy, tmp_path / "homeserver.valise")
    database.settle()
    holds(database, tmp_path, "--postgres-config", target.config, dump)
    shutil.rmtree(tmp_path, ignore_errors=True)


SHOP = ("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE sale (id INTEGER PRIMARY KEY, item INTEGER)",
        "CREATE TABLE unsold (id INTEGER PRIMARY KEY)")


def shop(folder: Path, database: Database) -> Path:
    """Three tables on both sides; the third is empty."""
    path = folder / "shop.db"
    connection = sqlite3.connect(path)
    for statement in SHOP:
        connection.execute(statement)
    connection.executemany("INSERT INTO item VALUES (?, ?)", [(i, f"item {i}") for i in range(2000)])
    connection.executemany("INSERT INTO sale VALUES (?, ?)", [(i, i % 7) for i in range(3000)])
    connection.commit()
    connection.close()
    database.execute("CREATE TABLE item (id bigint PRIMARY KEY, name text); CREATE TABLE sale (id bigint PRIMARY KEY, item bigint);"
                     "CREATE TABLE unsold (id bigint PRIMARY KEY)")
    return path


def sell(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO sale VALUES (5000, 3)")
    connection.execute("UPDATE sale SET item = 9 WHERE id < 10")
    connection.execute("DELETE FROM sale WHERE id = 2999")
    connection.commit()
    connection.close()


def touched(told: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows that go and come, of each table that is touched."""
    return {table["name"]: (table["rows_removed"], table["rows_added"]) for table in told["tables"] if table["touched"]}


def test_which_tables_are_touched(database: Database, tmp_path: Path) -> None:
    source = shop(tmp_path, database)
    first = programs.dump(source, tmp_path / "first.valise")
    said, told = plan(tmp_path, "--dsn", database.dsn, first)
    assert touched(told) == {"item": (0, 2000), "sale": (0, 3000)}
    assert "touches      2 of 3 tables" in said
    programs.replay(database.dsn, first)

    sell(source)
    newer = programs.dump(source, tmp_path / "newer.valise")
    before = database.contents()
    said, told = plan(tmp_path, "--dsn", database.dsn, newer)
    assert touched(told) == {"sale": (0, 3000)}, "a newer full dump loads the tables that differ, whole"
    assert "touches      1 of 3 tables" in said

    delta = tmp_path / "delta.valise"
    programs.succeed(programs.DUMP, "--base", first, "-o", delta, source)
    said, told = plan(tmp_path, "--dsn", database.dsn, first, delta)
    assert touched(told) == {"sale": (11, 11)}
    assert "item" not in said.split("touches")[0].split(), "a table that the delta leaves alone is not listed"
    assert told["estimate"]["rows"] == 22
    assert database.contents() == before

    programs.succeed(programs.REPLAY, "--dsn", database.dsn, first, delta)
    assert "nothing to do" in programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--dry-run", first, delta).out


def test_undo(database: Database, tmp_path: Path) -> None:
    """Taking a delta back is rehearsed: what would go and come, and what stands in the way."""
    source = shop(tmp_path, database)
    first, delta, last = programs.dump(source, tmp_path / "first.valise"), tmp_path / "delta.valise", tmp_path / "last.valise"
    sell(source)
    programs.succeed(programs.DUMP, "--base", first, "-o", delta, source)
    with contextlib.closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("DELETE FROM sale WHERE id = 5")
    programs.succeed(programs.DUMP, "--base", first, "--base", delta, "-o", last, source)
    undo = ("--dsn", database.dsn, "--undo", "--dry-run")
    programs.replay(database.dsn, first)
    programs.fail(programs.REFUSED, ["there is nothing to take back"], programs.REPLAY, *undo, delta)
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, delta)
    between = database.query("SELECT * FROM sale ORDER BY id")
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, last)
    for words, dumps in ((["full dump"], [first]), (["only the last delta"], [delta])):
        programs.fail(programs.REFUSED, words, programs.REPLAY, *undo, *dumps)
    programs.fail(programs.USAGE, ["one delta"], programs.REPLAY, *undo, delta, last)

    before = database.contents()
    said, told = plan(tmp_path, *undo, last)
    assert touched(told) == {"sale": (0, 1)} and told["undo"] is True and told["estimate"]["rows"] == 1
    assert "The delta is still applied" in said
    assert database.contents() == before
    database.execute("INSERT INTO sale VALUES (5, 77)")
    programs.fail(programs.REFUSED, ["not taken back", "the target was changed"], programs.REPLAY, *undo, last)
    database.execute("DELETE FROM sale WHERE id = 5")
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--undo", last)
    assert database.query("SELECT * FROM sale ORDER BY id") == between
    _, told = plan(tmp_path, *undo, delta)
    assert touched(told) == {"sale": (11, 11)}


def test_the_disk(database: Database, tmp_path: Path) -> None:
    """Who may see where the server keeps its data is told how much room there is; others why not."""
    dump = programs.dump(shop(tmp_path, database), tmp_path / "d.valise")
    said, told = plan(tmp_path, "--dsn", database.dsn, dump)
    free = told["estimate"]["disk_free_bytes"]
    assert abs(free - shutil.disk_usage(told["estimate"]["disk_folder"]).free) < 2_000 * MEGABYTE
    assert "are free in /" in said
    database.server.execute("postgres", "DROP ROLE IF EXISTS seller")
    database.execute(f"CREATE ROLE seller LOGIN; ALTER DATABASE {database.name} OWNER TO seller; ALTER SCHEMA public OWNER TO seller;"
                     "ALTER TABLE item OWNER TO seller; ALTER TABLE sale OWNER TO seller; ALTER TABLE unsold OWNER TO seller")
    said, told = plan(tmp_path, "--dsn", database.dsn.replace(f"user={database.server.user}", "user=seller"), dump)
    assert told["estimate"]["disk_free_bytes"] is None and "GRANT pg_read_all_settings" in said


def test_too_small_a_disk(database: Database, tmp_path: Path) -> None:
    """A tablespace on a file system of its own, where the database cannot fit."""
    folder = Path(tempfile.mkdtemp(prefix="valise-small."))   # not below tmp_path, which the server's user cannot enter
    if programs.run("mount", "-t", "tmpfs", "-o", "size=12M", "tmpfs", folder).status != 0:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    name = "small_disk"
    server = database.server
    try:
        shutil.chown(folder, "postgres")
        server.execute("postgres", f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        server.execute("postgres", f"CREATE DATABASE {name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0 TABLESPACE {name}")
        small = Database(server, name)
        source = shop(tmp_path, small)
        dump = programs.dump(source, tmp_path / "d.valise")
        with sqlite3.connect(source) as connection:
            connection.executemany("INSERT INTO item VALUES (?, ?)", [(i, "x" * 300) for i in range(5000, 25000)])
        connection.close()
        large = programs.dump(source, tmp_path / "large.valise")
        said, told = plan(tmp_path, "--dsn", small.dsn, dump)
        assert told["estimate"]["disk_folder"] == str(folder) and "too small" not in said
        said, told = plan(tmp_path, "--dsn", small.dsn, large)
        assert any("disk may be too small" in note["text"] for note in told["notes"]) and "disk may be too small" in said
    finally:
        server.drop(name)
        server.execute("postgres", f"DROP TABLESPACE IF EXISTS {name}")
        programs.succeed("umount", folder)
        folder.rmdir()


def test_nobody_waits_behind_a_dry_run(database: Database, tmp_path: Path) -> None:
    """What another session holds is not waited for without end: who comes after would wait behind it."""
    source = shop(tmp_path, database)
    first = programs.dump(source, tmp_path / "first.valise")
    with contextlib.closing(database.server.connect(database.name)) as reader, reader.cursor() as cursor:
        cursor.execute("CREATE TRIGGER t BEFORE UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
        cursor.execute("BEGIN; LOCK TABLE sale IN ACCESS EXCLUSIVE MODE; ROLLBACK; BEGIN; LOCK TABLE sale IN SHARE ROW EXCLUSIVE MODE")
        programs.fail(programs.DATABASE, ["another session holds a lock"], programs.REPLAY, "--dsn", database.dsn, "--dry-run",
                      "--allow-sessions", first)
    database.settle()
    programs.replay(database.dsn, first)
