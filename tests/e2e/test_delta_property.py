"""Deltas of random databases over many generations: what they add up to is the newer snapshot, exactly.

The same in PostgreSQL: a target that follows by deltas is what a fresh full replay makes of the last snapshot, and taking
the deltas back makes it what it was. VALISE_SEEDS says how many seeds are tried (50), VALISE_SEED names one; the seed of a
failure is in its message.
"""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Database, Server
from follower import Follower
from programs import DUMP, REFUSED, VALISE, fail, run, succeed
from random_database import RandomDatabase

GENERATIONS = 5
SEEDS = [int(os.environ["VALISE_SEED"])] if "VALISE_SEED" in os.environ else range(int(os.environ.get("VALISE_SEEDS", "50")))


def state_of(dump: Path) -> str:
    return json.loads(succeed(VALISE, "info", "--json", dump).out)["state"]


def full_dump(snapshot: Path, target: Path) -> Path:
    succeed(DUMP, "-o", target, snapshot)
    return target


def delta_dump(snapshot: Path, target: Path, base: list[Path]) -> Path:
    succeed(DUMP, *(word for file in base for word in ("--base", file)), "-o", target, snapshot)
    return target


def with_rows(contents: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Tables that the source did not have any more may be gone; they had no rows."""
    return {name: content for name, content in contents.items() if content[0] > 0}


@pytest.fixture(scope="module")
def pair(postgres: Server) -> Iterator[list[Database]]:
    """Two databases for all seeds: one that follows, and one for fresh replays."""
    names = [postgres.create() for _ in range(2)]
    yield [Database(postgres, name) for name in names]
    for name in names:
        postgres.drop(name)


@pytest.fixture
def followers(pair: list[Database], tmp_path: Path) -> Iterator[list[Follower]]:
    found = [Follower(database, tmp_path / "profile.yaml") for database in pair]
    for follower in found:
        follower.clear()
    yield found
    for follower in found:
        follower.close()


class Life:
    """A random database, its chain of dumps, and the target that follows."""

    def __init__(self, folder: Path, seed: int, target: Follower) -> None:
        self.folder, self.path, self.target, self.seed = folder, folder / "random.db", target, seed
        self.source = RandomDatabase(str(self.path), seed)
        self.source.create(table_count=1 + seed % 7, row_count=[5, 50, 200][seed % 3])
        self.random = self.source.random
        self.where = f"seed {seed}, generation 0"
        self.direct = full_dump(self.path, folder / "0.valise")
        self.chain = [self.direct]
        self.bases = [self.direct]
        self.waiting: list[Path] = []       # deltas that were not replayed
        self.replayed: list[Path] = []
        self.target.write_profile(self.source)
        for statements in self.target.take_statements(self.source, self.direct):
            self.target.execute(statements)
        self.succeed(self.direct)
        self.check()
        self.first = self.target.contents()

    def succeed(self, *words: str | Path) -> str:
        done = self.target.replay(*words)
        assert done.status == 0, f"{self.where}: {done}"
        return done.out

    def check(self) -> None:
        assert self.target.differences(self.path) == [], self.where

    def next(self, generation: int) -> None:
        """Edits, and a delta that leads to what a full dump of now holds."""
        count = 0 if generation == 3 else self.random.choice([1, 3, 8, 40])
        edits = self.source.edit(count, alters=self.seed % 2 == 1)     # without that, all can be taken back
        self.where = f"seed {self.seed}, generation {generation}, {edits}"
        self.direct = full_dump(self.path, self.folder / f"full{generation}.valise")
        delta = delta_dump(self.path, self.folder / f"{generation}.valise", self.bases)
        assert state_of(delta) == state_of(self.direct), self.where
        succeed(VALISE, "verify", delta)
        if not edits:
            assert delta.stat().st_size < 64 * 1024, f"{self.where}: an empty delta is large"
        self.chain.append(delta)
        self.bases.append(delta)
        if self.random.random() < 0.3:
            self.bases = [self.squash(self.chain, f"squashed{generation}")]
            assert state_of(self.bases[0]) == state_of(self.direct), self.where
        self.follow(delta)

    def squash(self, dumps: list[Path], name: str) -> Path:
        target = self.folder / f"{name}.valise"
        succeed(VALISE, "squash", "-o", target, *dumps)
        succeed(VALISE, "verify", target)
        return target

    def follow(self, delta: Path) -> None:
        self.target.write_profile(self.source)
        is_made_again = any(statement.startswith("DROP TABLE") for statement in self.source.statements) and self.source.made
        statements, indexes = self.target.take_statements(self.source, self.direct)
        if statements and self.waiting:
            self.replay_waiting()
        if statements and not is_made_again and self.attempt(delta):
            self.replayed.append(delta)
        else:
            self.waiting.append(delta)
        self.target.execute(statements)
        if indexes or self.random.random() < 0.6:
            self.replay_waiting()
            self.check()
        self.target.execute(indexes)

    def attempt(self, delta: Path) -> bool:
        """The target's schema is not the snapshot's yet: a replay does it all the same, or changes nothing."""
        before = self.target.contents()
        done = self.target.replay(delta)
        assert done.status in (0, REFUSED), f"{self.where}: {done}"
        assert done.status == 0 or self.target.contents() == before, f"{self.where}: {done}"
        return done.status == 0

    def replay_waiting(self) -> None:
        """One by one, several at once, or squashed."""
        if not self.waiting:
            return
        how = self.random.choice(["one by one", "at once", "squashed"]) if len(self.waiting) > 1 else "at once"
        self.where += f", {how}"
        if how == "squashed":
            self.waiting = [self.squash(self.waiting, f"deltas{len(self.chain)}")]
        for words in [[delta] for delta in self.waiting] if how == "one by one" else [self.waiting]:
            schema = self.target.schema()
            self.succeed(*words)
            assert self.target.schema() == schema, self.where
        self.replayed += self.waiting
        self.waiting = []

    def undo(self) -> bool:
        """Takes all deltas back; false if one has a table whole, which no delta can take back."""
        while self.replayed:
            delta = self.replayed[-1]
            before = self.target.contents()
            done = self.target.replay("--undo", delta)
            self.where = f"seed {self.seed}, undo of {delta.name}"
            if done.status == REFUSED and "there is nothing to take back" not in done.error:
                assert "cannot be taken back" in done.error or "cannot come back" in done.error, f"{self.where}: {done}"
                assert self.target.contents() == before, self.where
                return False
            assert done.status in (0, REFUSED), f"{self.where}: {done}"
            self.replayed.pop()
        return True


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_adds_up(seed: int, followers: list[Follower], tmp_path: Path) -> None:
    target, fresh = followers
    life = Life(tmp_path, seed, target)
    for generation in range(1, GENERATIONS + 1):
        life.next(generation)
    life.replay_waiting()
    life.check()
    squashed = life.squash(life.chain, "last")
    assert state_of(squashed) == state_of(life.direct), f"seed {seed}"
    restored = tmp_path / "restored.db"
    succeed(VALISE, "restore", "-o", restored, *life.chain)
    assert state_of(full_dump(restored, tmp_path / "again.valise")) == state_of(life.direct), f"seed {seed}"

    fresh.execute(target.statements)
    done = fresh.replay(life.random.choice([squashed, life.direct]))
    assert done.status == 0, f"seed {seed}, fresh: {done}"
    assert target.contents() == fresh.contents(), f"seed {seed}"
    assert target.schema() == fresh.schema(), f"seed {seed}"
    ahead = fresh.sequences()
    assert all(value >= ahead[name] for name, value in target.sequences().items()), f"seed {seed}"
    last = target.contents()
    undone = life.replayed[:]
    if life.undo():
        assert with_rows(target.contents()) == with_rows(life.first), f"seed {seed}"
    forth = undone[len(life.replayed):]
    if forth:
        life.succeed(*forth)
        assert target.contents() == last, f"seed {seed}"


def test_a_squashed_dump_is_a_base(tmp_path: Path) -> None:
    database = tmp_path / "random.db"
    source = RandomDatabase(str(database), 7)
    source.create(table_count=4, row_count=2000)
    first = full_dump(database, tmp_path / "0.valise")
    source.edit(10)
    second = delta_dump(database, tmp_path / "1.valise", [first])
    succeed(VALISE, "squash", "-o", tmp_path / "squashed.valise", first, second)
    source.edit(10)
    third = delta_dump(database, tmp_path / "2.valise", [tmp_path / "squashed.valise"])
    assert state_of(third) == state_of(full_dump(database, tmp_path / "direct.valise"))


def test_a_base_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "random.db"
    source = RandomDatabase(str(database), 11)
    source.create(table_count=3, row_count=200)
    dumps = [full_dump(database, tmp_path / "0.valise")]
    for generation in (1, 2):
        with source.opened() as db:
            source.edit_insert(db)
        dumps.append(delta_dump(database, tmp_path / f"{generation}.valise", dumps))
    target = tmp_path / "never.valise"
    fail(REFUSED, ["state", "1.valise"], DUMP, "--base", dumps[1], "-o", target, database)
    fail(REFUSED, ["state", "2.valise"], DUMP, "--base", dumps[0], "--base", dumps[2], "-o", target, database)
    assert not target.exists()


def test_an_unchanged_snapshot_gives_a_small_delta(tmp_path: Path) -> None:
    database = tmp_path / "random.db"
    source = RandomDatabase(str(database), 13)
    source.create(table_count=3, row_count=5000)
    first = full_dump(database, tmp_path / "0.valise")
    copy = tmp_path / "copy.db"
    shutil.copy(database, copy)
    second = delta_dump(copy, tmp_path / "1.valise", [first])
    assert state_of(second) == state_of(first)
    assert second.stat().st_size < 4096
    assert run(VALISE, "verify", second).status == 0
