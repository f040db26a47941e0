"""Deltas of random databases over many generations: what they add up to is the newer snapshot, exactly.

VALISE_SEEDS says how many seeds are tried (50), VALISE_SEED names one; the seed of a failure is in its message.
"""
from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_adds_up(seed: int, tmp_path: Path) -> None:
    database = tmp_path / "random.db"
    source = RandomDatabase(str(database), seed)
    source.create(table_count=1 + seed % 7, row_count=[5, 100, 1000][seed % 3])
    chain = [full_dump(database, tmp_path / "0.valise")]
    for generation in range(1, GENERATIONS + 1):
        edits = source.edit(0 if generation == 3 else source.random.randrange(1, 8))
        direct = full_dump(database, tmp_path / f"full{generation}.valise")
        chain.append(delta_dump(database, tmp_path / f"{generation}.valise", chain))
        where = f"seed {seed}, generation {generation}, {edits}"
        assert state_of(chain[-1]) == state_of(direct), where
        succeed(VALISE, "verify", chain[-1])
        if not edits:
            assert chain[-1].stat().st_size < 64 * 1024, f"{where}: an empty delta is large"
        squashed = tmp_path / f"squashed{generation}.valise"
        succeed(VALISE, "squash", "-o", squashed, *chain)
        assert state_of(squashed) == state_of(direct), where
        succeed(VALISE, "verify", squashed)
    restored = tmp_path / "restored.db"
    succeed(VALISE, "restore", "-o", restored, *chain)
    assert state_of(full_dump(restored, tmp_path / "again.valise")) == state_of(chain[-1]), f"seed {seed}"


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
        source.edit_insert(source.connect())
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
