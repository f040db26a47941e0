"""Chains of dumps through restore and squash: random databases, random edits, every shape of units."""
from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import random_chain
import reference
from running import Run, snapshots, valise, valise_dump  # noqa: F401 (fixtures)

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_restore(valise: Run, tmp_path: Path, seed: int) -> None:
    paths, snapshots = random_chain.chain(tmp_path, seed, 4)
    for count, snapshot in enumerate(snapshots, 1):
        restored = tmp_path / f"restored{count}.db"
        valise("restore", "-o", restored, *paths[:count])
        assert reference.read(restored).state == snapshot.state


@pytest.mark.parametrize("seed", SEEDS)
def test_squash(valise: Run, tmp_path: Path, seed: int) -> None:
    """Any part of the chain may be squashed; the whole leads to the same state."""
    paths, snapshots = random_chain.chain(tmp_path, seed, 4)
    state = snapshots[-1].state.hex()
    for first, last in itertools.combinations(range(5), 2):
        squashed, restored = tmp_path / f"squashed{first}{last}", tmp_path / f"restored{first}{last}.db"
        if valise("squash", "-o", squashed, *paths[first:last], status=None).returncode == 9:
            assert snapshots[first - 1].state == snapshots[last - 1].state
            continue
        assert f"state {snapshots[last - 1].state.hex()}" in valise("verify", squashed).stdout.decode()
        said = valise("restore", "-o", restored, *paths[:first], squashed, *paths[last:]).stdout.decode()
        assert f"state {state}" in said
    assert reference.read(restored).state == snapshots[-1].state


@pytest.mark.parametrize("seed", [1, 2])
def test_squash_does_not_depend_on_threads(valise: Run, tmp_path: Path, seed: int) -> None:
    paths, _ = random_chain.chain(tmp_path, seed, 3)
    for threads in (1, 2, 7):
        valise("squash", "--threads", threads, "-o", tmp_path / f"by{threads}", *paths)
    assert (tmp_path / "by1").read_bytes() == (tmp_path / "by2").read_bytes() == (tmp_path / "by7").read_bytes()
    assert valise("squash", "-o", "-", *paths).stdout == (tmp_path / "by1").read_bytes()


def test_there_and_back(valise: Run, tmp_path: Path) -> None:
    """Deltas that undo each other are a delta that changes nothing."""
    import sqlite3
    db = sqlite3.connect(tmp_path / "source.db")
    db.executescript("CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 2), (1, 2), (3, 4)")
    before = reference.read(tmp_path / "source.db")
    db.executescript("DELETE FROM t WHERE rowid = 2; INSERT INTO t VALUES(5, 6)")
    between = reference.read(tmp_path / "source.db")
    db.executescript("DELETE FROM t WHERE a = 5; INSERT INTO t VALUES(1, 2)")
    after = reference.read(tmp_path / "source.db")
    db.close()
    (tmp_path / "full").write_bytes(reference.full(before))
    (tmp_path / "out").write_bytes(reference.delta(before, between, unit_counts={b"t": 1}))
    (tmp_path / "back").write_bytes(reference.delta(between, after, unit_counts={b"t": 1}))
    valise("squash", "-o", tmp_path / "both", tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "both").stat().st_size < 700
    valise("verify", tmp_path / "both")
    valise("restore", "-o", tmp_path / "restored.db", tmp_path / "full", tmp_path / "both")
    assert reference.read(tmp_path / "restored.db").state == before.state
    valise("squash", "-o", tmp_path / "idle", tmp_path / "both", tmp_path / "both")   # nothing changed on two days
    assert (tmp_path / "idle").read_bytes() == (tmp_path / "both").read_bytes()


def test_refusals(valise: Run, tmp_path: Path) -> None:
    paths, snapshots = random_chain.chain(tmp_path, 5, 4)
    assert len({snapshot.state for snapshot in snapshots}) == 4
    for wrong in ([paths[0], paths[2]], [paths[1], paths[0]], [paths[0], paths[0]], [paths[2], paths[1]]):
        said = valise("squash", "-o", tmp_path / "no", *wrong, status=9).stderr.decode()
        assert str(wrong[1]) in said
    valise("squash", "-o", tmp_path / "no", paths[0], tmp_path / "missing", status=4)
    valise("squash", "-o", tmp_path / "missing" / "no", paths[0], status=4)
    before = paths[0].read_bytes()
    said = valise("squash", "-o", paths[0], *paths[:2], status=9).stderr.decode()
    assert "exists" in said and paths[0].read_bytes() == before
    valise("squash", "--force", "-o", paths[0], *paths[:2])
    assert paths[0].read_bytes() != before
    valise("squash", paths[0], status=2)
    damaged = bytearray(paths[1].read_bytes())
    damaged[len(damaged) // 2] ^= 4
    paths[1].write_bytes(damaged)
    assert valise("squash", "-o", tmp_path / "no", *paths, status=None).returncode in (5, 6, 7)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("no")]


def test_a_homeserver(valise: Run, valise_dump: Run, tmp_path: Path, snapshots: dict[str, Path]) -> None:
    read = {name: reference.read(path) for name, path in snapshots.items()}
    valise_dump("-o", tmp_path / "full", snapshots["A"])
    units = {t.name: len(list(reference.chunks(t.rows, 1 << 23))) for t in read["A"].tables}
    (tmp_path / "AB").write_bytes(reference.delta(read["A"], read["B"], unit_counts=units))
    one = {t.name: 1 if len(t.rows) else 0 for t in read["B"].tables}
    (tmp_path / "BC").write_bytes(reference.delta(read["B"], read["C"], unit_counts=one))
    valise("squash", "-o", tmp_path / "C", *(tmp_path / name for name in ("full", "AB", "BC")))
    valise("verify", tmp_path / "C")
    valise("restore", "-o", tmp_path / "C.db", tmp_path / "C")
    assert reference.read(tmp_path / "C.db").state == read["C"].state


def test_info(valise: Run, tmp_path: Path) -> None:
    paths, snapshots = random_chain.chain(tmp_path, 5, 4)
    lines = valise("info", *paths).stdout.decode().splitlines()
    assert [line.split()[0].strip('"') for line in lines[1:]] == [str(path) for path in paths]
    assert [line.split()[-1] for line in lines[1:]] == [snapshot.state.hex()[:16] for snapshot in snapshots]
    read = json.loads(valise("info", "--json", *paths).stdout)
    assert [item["state"] for item in read] == [snapshot.state.hex() for snapshot in snapshots]
    assert [item["from_state"] for item in read] == [None, *(snapshot.state.hex() for snapshot in snapshots[:-1])]
    rows = [sum(len(t.rows) for t in snapshot.tables) for snapshot in snapshots]
    assert read[0]["added_rows"] == rows[0]
    said = valise("info", paths[0], paths[2], status=9)
    assert b"does not follow" in said.stdout and str(paths[2]) in said.stderr.decode()


@pytest.mark.parametrize("seed", range(5))
def test_verify(valise: Run, tmp_path: Path, seed: int) -> None:
    paths, snapshots = random_chain.chain(tmp_path, seed, 4)
    for first in (0, 1):
        said = valise("verify", *paths[first:]).stdout.decode()
        assert f"chain of {4 - first} dumps" in said and said.endswith(f"state {snapshots[-1].state.hex()}\n")


def test_verify_finds_what_one_dump_does_not_show(valise: Run, tmp_path: Path) -> None:
    """A delta that is sound, but does not lead from the state before it to its own."""
    paths, snapshots = random_chain.chain(tmp_path, 5, 2)
    writer = reference.Writer(2, snapshots[0].state)
    old, new = snapshots
    writer.block(reference.SCHEMA, old.identity + old.description)
    wrong = reference.Snapshot(old.encoding, old.identity, old.description, [
        reference.Table(t.name, t.kind, t.flags, t.columns, t.rows[1:]) for t in old.tables])
    for ordinal, table in enumerate(wrong.tables):
        writer.end(ordinal, reference.SAME, table, [])
    paths[1].write_bytes(writer.finish(wrong.state))
    valise("verify", paths[1])
    assert "their sums differ" in valise("verify", *paths, status=6).stderr.decode()
    valise("verify", paths[0], paths[0], status=9)
    valise("verify", paths[0], "-", status=2)
