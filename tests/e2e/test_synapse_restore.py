"""A SQLite file that was restored from a dump and its deltas is one that a real Synapse runs on."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import homeserver
import programs
from synapse_kit import snapshots
from synapse_kit.configuration import Installation


@pytest.mark.parametrize("squashed", [False, True])
def test_synapse_runs_on_what_was_restored(synapse: Installation, tmp_path: Path, squashed: bool) -> None:
    facts = {}
    for letter in "ABC":
        packed = homeserver.shared_snapshots() / f"homeserver-{letter}.db.zst"
        if not packed.exists():
            pytest.skip(f"{packed} is not there (VALISE_SHARED says where the snapshots are)")
        with (tmp_path / f"{letter}.db").open("wb") as file:
            subprocess.run(["zstd", "-dcq", packed], check=True, stdout=file)
        facts[letter] = snapshots.facts_of(tmp_path / f"{letter}.db")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    current = snapshots.current_facts(synapse, scratch)
    if facts["C"].deltas - current.deltas:
        pytest.skip(f"the snapshot is of a newer Synapse than the installed one: {sorted(facts['C'].deltas - current.deltas)}")

    chain: list[Path] = []
    for letter in "ABC":
        bases = [word for dump in chain for word in ("--base", str(dump))]
        programs.succeed(programs.DUMP, *bases, "-o", tmp_path / letter, tmp_path / f"{letter}.db")
        chain.append(tmp_path / letter)
    if squashed:
        programs.succeed(programs.VALISE, "squash", "-o", tmp_path / "squashed", *chain)
        chain = [tmp_path / "squashed"]
    target = homeserver.on_sqlite(synapse, tmp_path / "restored")
    programs.succeed(programs.VALISE, "restore", "-o", target.folder / "homeserver.db", *chain)
    homeserver.unpack_media(target.folder)
    target.check(homeserver.shared_snapshots() / "expect-C.json")
    shutil.rmtree(tmp_path, ignore_errors=True)   # large, and of no use when all is well
