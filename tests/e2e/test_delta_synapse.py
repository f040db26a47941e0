"""The documented move in two passes: a snapshot while the server runs, and a delta after it stopped."""
from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

import pytest

import compare
import homeserver
from conftest import Database
from programs import DUMP, REPLAY, succeed
from synapse_kit import snapshots
from synapse_kit.configuration import Installation
from synapse_kit.expectations import Expectations
from synapse_kit.mutate import Mutate
from synapse_kit.populate import Populate
from synapse_kit.process import snapshot


def make_chain(sources: list[Path], folder: Path) -> list[Path]:
    """A full dump of the first, and a delta for each of the others."""
    chain: list[Path] = []
    for number, source in enumerate(sources):
        target = folder / f"{number}.valise"
        succeed(DUMP, *(word for base in chain for word in ("--base", str(base))), "-o", target, source)
        chain.append(target)
    return chain


def replay(target: homeserver.Homeserver, database: Database, *words: str | Path) -> str:
    database.settle()
    return succeed(REPLAY, "--postgres-config", target.config, *words).out


def check(source: Path, database: Database) -> None:
    assert compare.differences(compare.compare(source, database.dsn, compare.SYNAPSE)) == []
    asserts = succeed("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database.dsn, "-f", homeserver.ASSERTS)
    assert asserts.out == "", asserts.out


def unpack(synapse: Installation, letter: str, folder: Path) -> Path:
    """A copy of a ready-made snapshot, as the installed Synapse would have it."""
    packed = homeserver.shared_snapshots() / f"homeserver-{letter}.db.zst"
    if not packed.exists():
        pytest.skip(f"{packed} is not there (VALISE_SHARED says where the snapshots are)")
    copy, scratch = folder / f"{letter}.db", folder / f"scratch-{letter}"
    scratch.mkdir()
    with copy.open("wb") as file:
        subprocess.run(["zstd", "-dcq", packed], check=True, stdout=file)
    current, facts = snapshots.current_facts(synapse, scratch), snapshots.facts_of(copy)
    if facts.deltas - current.deltas:
        pytest.skip(f"the snapshot is of a newer Synapse than the installed one: {sorted(facts.deltas - current.deltas)}")
    if facts.deltas != current.deltas or facts.pending:
        snapshots.upgrade(synapse, copy, scratch)
    return copy


def test_ready_made_snapshots(synapse: Installation, database: Database, tmp_path: Path) -> None:
    sources = [unpack(synapse, letter, tmp_path) for letter in "ABC"]
    chain = make_chain(sources, tmp_path)
    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    homeserver.unpack_media(target.folder)
    target.prepare()
    for dump, source in zip(chain, sources):
        replay(target, database, dump)
        check(source, database)
    replay(target, database, "--undo", chain[2])
    assert compare.differences(compare.compare(sources[1], database.dsn, compare.SYNAPSE)) == []
    replay(target, database, *chain)
    check(sources[2], database)
    target.check(homeserver.shared_snapshots() / "expect-C.json")
    shutil.rmtree(tmp_path, ignore_errors=True)   # large, and of no use when all is well


def happened(before: Expectations, after: Expectations) -> set[str]:
    """What became of the world between the passes; the server is asked about each of these."""
    found = set()
    for name, was in before.users.items():
        now = after.users[name]
        if now.password != was.password and not now.is_closed:
            found.add("a password changed")
        if now.is_closed and not was.is_closed:
            found.add("a user deactivated")
        for device, session in was.sessions.items():
            if session.is_alive and not now.sessions[device].is_alive and not now.is_closed:
                found.add("a device deleted")
            if now.sessions[device].one_time_keys < session.one_time_keys and now.sessions[device].is_alive:
                found.add("one-time keys used")
    if any(event.fate == "shown" and after.events[name].fate == "redacted" for name, event in before.events.items()):
        found.add("a message redacted")
    if any(room.fate == "live" and after.rooms[name].fate == "purged" for name, room in before.rooms.items()):
        found.add("a room purged")
    return found


EVENTS = {"a password changed", "a user deactivated", "a device deleted", "one-time keys used", "a message redacted", "a room purged"}


def test_two_passes(synapse: Installation, database: Database, tmp_path: Path) -> None:
    """Passwords changed, a user deactivated, messages redacted, a room purged: all after the first pass."""
    source = homeserver.on_sqlite(synapse, tmp_path / "sqlite")
    source.prepare()
    expectations = tmp_path / "expect.json"
    passes = [tmp_path / "first.db", tmp_path / "second.db"]
    with source.running() as client:
        world = Expectations()
        Populate(client, world, "spring", "1").run(120)
        snapshot(source.folder / "homeserver.db", passes[0])   # while it runs
        before = copy.deepcopy(world)
        Mutate(client, world, "autumn", "1").run(40)
        assert happened(before, world) == EVENTS
        world.save(expectations)
    snapshot(source.folder / "homeserver.db", passes[1])
    homeserver.copy_media(source.folder, tmp_path / "postgres")
    chain = make_chain(passes, tmp_path)
    target = homeserver.on_postgres(synapse, tmp_path / "postgres", database)
    target.prepare()
    for dump, file in zip(chain, passes):
        replay(target, database, dump)
        check(file, database)
    target.check(expectations)
