"""The whole path: a real homeserver.db becomes a PostgreSQL database that a real Synapse runs on."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import compare
import homeserver
import programs
from conftest import Database
from synapse_kit import snapshots
from synapse_kit.configuration import Installation
from synapse_kit.expectations import Expectations
from synapse_kit.mutate import Mutate
from synapse_kit.populate import Populate
from synapse_kit.process import snapshot

MESSAGES = 120


def move(snapshot_file: Path, target: homeserver.Homeserver, database: Database, folder: Path) -> None:
    """Pack, unpack into a prepared database, and compare everything before the first start writes to it."""
    dump = programs.dump(snapshot_file, folder / "homeserver.valise")
    report = folder / "report.json"
    database.settle()
    programs.succeed(programs.REPLAY, "--postgres-config", target.config, "--report", report, dump)
    told = json.loads(report.read_text())
    assert (told["outcome"], told["exit_status"], told["problems"]) == ("done", 0, [])
    assert told["profile"] and told["verified"]["level"] == "full" and told["verified"]["rows"] > 1000
    results = compare.compare(snapshot_file, database.dsn, compare.SYNAPSE)
    assert compare.differences(results) == []
    assert sum(result.source_rows for result in results) > 1000
    asserts = programs.succeed("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database.dsn,
                               "-f", homeserver.ASSERTS)
    assert asserts.out == "", asserts.out
    unknown = database.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
                             "AND reltuples < 0")
    assert {name for name, in unknown} <= compare.SYNAPSE.kept, "tables that were not analysed"


def test_a_homeserver_of_our_own(synapse: Installation, database: Database, tmp_path: Path) -> None:
    source = homeserver.on_sqlite(synapse, tmp_path / "sqlite")
    source.prepare()
    expectations = tmp_path / "expect.json"
    with source.running() as client:
        world = Expectations()
        Populate(client, world, "spring", "1").run(MESSAGES)
        Mutate(client, world, "autumn", "1").run(40)
        world.save(expectations)
        snapshot(source.folder / "homeserver.db", tmp_path / "snapshot.db")   # while it runs
        homeserver.copy_media(source.folder, tmp_path / "postgres")

    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    target.prepare()
    move(tmp_path / "snapshot.db", target, database, tmp_path)
    target.check(expectations)


@pytest.mark.parametrize("letter", ["A", "B", "C"])
def test_a_ready_made_snapshot(synapse: Installation, database: Database, tmp_path: Path, letter: str) -> None:
    packed = homeserver.shared_snapshots() / f"homeserver-{letter}.db.zst"
    if not packed.exists():
        pytest.skip(f"{packed} is not there (VALISE_SHARED says where the snapshots are)")
    copy = tmp_path / "homeserver.db"
    with copy.open("wb") as file:
        subprocess.run(["zstd", "-dcq", packed], check=True, stdout=file)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    current = snapshots.current_facts(synapse, scratch)
    facts = snapshots.facts_of(copy)
    if facts.deltas - current.deltas:
        pytest.skip(f"the snapshot is of a newer Synapse than the installed one: {sorted(facts.deltas - current.deltas)}")
    if facts.deltas != current.deltas or facts.pending:
        facts = snapshots.upgrade(synapse, copy, scratch)
    assert (facts.deltas, facts.pending) == (current.deltas, ())

    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    homeserver.unpack_media(target.folder)
    target.prepare()
    move(copy, target, database, tmp_path)
    target.check(homeserver.shared_snapshots() / f"expect-{letter}.json")
    shutil.rmtree(tmp_path, ignore_errors=True)   # large, and of no use when all is well
