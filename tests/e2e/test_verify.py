"""valise verify: a flipped bit is named by block and table, and the other tables are said to be whole."""
from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import struct
from pathlib import Path

import pytest

import programs

MAGIC = 0xFD2FB528   # of a zstd frame


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
        for table in ("apples", "pears", "plums"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v BLOB)")
            db.executemany(f"INSERT INTO {table} (v) VALUES (?)", ((random.Random(n).randbytes(3000),) for n in range(200)))
        db.commit()
    return programs.dump(folder / "s.db", folder / "s.valise")


def block_of(dump: Path, table: str) -> int:
    """The offset of the middle of a table's rows: its blocks come in the order of the names, 600 kB each."""
    size = dump.stat().st_size
    return int(size * {"apples": 1, "pears": 3, "plums": 5}[table] / 6)


@pytest.mark.parametrize("table", ["apples", "pears", "plums"])
def test_a_flipped_bit_is_named(dump: Path, tmp_path: Path, table: str) -> None:
    data = bytearray(dump.read_bytes())
    data[block_of(dump, table)] ^= 0x10
    bad = tmp_path / "bad.valise"
    bad.write_bytes(data)
    done = programs.run(programs.VALISE, "verify", bad)
    assert done.status == programs.CORRUPT, done
    said = done.out + done.error
    damaged = [line for line in said.splitlines() if "damaged" in line and "block" in line]
    assert any(table in line for line in damaged), said
    whole = [line for line in said.splitlines() if "whole" in line]
    for other in {"apples", "pears", "plums"} - {table}:
        assert not any(other in line for line in damaged), said
        assert any(other in line for line in whole), said
    assert programs.run("zstd", "-t", "-q", bad).status != 0


def test_every_part_of_the_file_is_checked(dump: Path, tmp_path: Path) -> None:
    """A bit anywhere, header, frames and tail; a seeded choice (the property tests flip every bit of a small dump)."""
    data = dump.read_bytes()
    dice = random.Random(1)
    places = [*range(0, 128, 11), *(dice.randrange(128, len(data) - 128) for _ in range(15)),
              *range(len(data) - 128, len(data), 11)]
    bad = tmp_path / "bad.valise"
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << dice.randrange(8)
        bad.write_bytes(flipped)
        done = programs.run(programs.VALISE, "verify", bad)
        assert done.status in (programs.CORRUPT, programs.NOT_DUMP), f"byte {place}: {done}"


def test_the_frames_are_where_the_specification_says(dump: Path) -> None:
    data = dump.read_bytes()
    assert struct.unpack_from("<I", data, 128)[0] == MAGIC
    assert data[8:20] == bytes.fromhex("d656414c4953450d0a1a0a00") == data[-16:-4] and data[-4:] == b"TAIL"


def test_info(dump: Path) -> None:
    text = programs.succeed(programs.VALISE, "info", dump).out
    for table in ("apples", "pears", "plums"):
        assert table in text
    told = json.loads(programs.succeed(programs.VALISE, "info", "--json", dump).out)
    assert {table["name"]: table["rows"] for table in told["tables"]} == {"apples": 200, "pears": 200, "plums": 200}
    facts = programs.succeed(programs.VALISE, "info", "--columns", dump).out
    assert "3000" in facts, facts
