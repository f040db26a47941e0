"""valise squash: what no delta touches is copied, and the result is what a dump of the newest state would be."""
from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from programs import BUILD, CORRUPT, DUMP, IO, REFUSED, VALISE, dump, fail, succeed
from random_database import RandomDatabase

RUN_ALONE = BUILD / "tests/bench/run_alone"


def execute(database: Path, *statements: str) -> Path:
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return database


def numbers(table: str, count: int, first: int = 1) -> str:
    """Rows that hardly compress."""
    return (f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n LIMIT {count})"
            f" INSERT INTO {table} SELECT i, hex(randomblob(100)) FROM n")


def make(database: Path, row_count: int = 70000) -> Path:
    return execute(database, *(statement for name in ("b", "d", "f") for statement in
                               (f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, t TEXT)", numbers(name, row_count))))


def delta(database: Path, target: Path, *chain: Path) -> Path:
    succeed(DUMP, *(word for base in chain for word in ("--base", base)), "-o", target, database)
    return target


def squash(target: Path, *chain: Path | str) -> Path:
    succeed(VALISE, "squash", "-o", target, *chain)
    succeed(VALISE, "verify", target)
    succeed("zstd", "-t", "-q", target)
    return target


def info(file: Path) -> dict:
    return json.loads(succeed(VALISE, "info", "--json", file).out)


def tables(file: Path) -> dict[str, dict]:
    return {table["name"]: table for table in info(file)["tables"]}


def test_what_no_delta_touches_keeps_its_frames(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    full = dump(database, tmp_path / "full", "--level", "12")
    execute(database, "UPDATE d SET t = 'changed' WHERE id = 50")
    change = delta(database, tmp_path / "delta", full)
    before, after = tables(full), tables(squash(tmp_path / "copied", full, change))
    assert before["b"]["blocks"] > 2
    for name in ("b", "f"):
        assert after[name]["packed_size"] == before[name]["packed_size"], name
    succeed(VALISE, "squash", "--level", "1", "-o", tmp_path / "anew", full, change)
    anew = tables(tmp_path / "anew")
    for name in ("b", "d", "f"):
        assert anew[name]["packed_size"] != before[name]["packed_size"], name
    assert info(tmp_path / "anew")["state"] == info(tmp_path / "copied")["state"] == info(change)["state"]


def test_tables_made_dropped_and_altered_move_the_others(tmp_path: Path) -> None:
    """Their blocks get other numbers and ordinals, and come out as a dump would write them."""
    database = make(tmp_path / "a.db")
    full = dump(database, tmp_path / "full")
    execute(database, "CREATE TABLE a(x)", "INSERT INTO a VALUES (1), (1), (NULL)", "CREATE TABLE e(x)")
    first = delta(database, tmp_path / "first", full)
    execute(database, "DROP TABLE b", "DELETE FROM a", "ALTER TABLE f ADD COLUMN more", "CREATE TABLE c(x)")
    second = delta(database, tmp_path / "second", full, first)
    direct = dump(database, tmp_path / "direct")
    assert squash(tmp_path / "squashed", full, first, second).read_bytes() == direct.read_bytes()
    squash(tmp_path / "deltas", first, second)
    assert squash(tmp_path / "again", full, tmp_path / "deltas").read_bytes() == direct.read_bytes()


def test_threads_make_no_difference(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    full = dump(database, tmp_path / "full")
    execute(database, "UPDATE d SET t = 'changed' WHERE id % 9000 = 1", numbers("f", 30000, 200000))
    change = delta(database, tmp_path / "delta", full)
    wanted = squash(tmp_path / "1", full, change).read_bytes()
    for threads in ("2", "7"):
        succeed(VALISE, "squash", "--threads", threads, "-o", tmp_path / threads, full, change)
        assert (tmp_path / threads).read_bytes() == wanted, threads


def test_a_chain_of_fifty(tmp_path: Path) -> None:
    """Also in parts: deltas alone, then with the full dump."""
    database = tmp_path / "a.db"
    source = RandomDatabase(str(database), 50)
    source.create(table_count=5, row_count=300)
    execute(database, "CREATE TABLE same(x)", "INSERT INTO same VALUES (1), (1), (1), (NULL), (NULL)")
    chain = [dump(database, tmp_path / "0")]
    for generation in range(1, 51):
        if generation % 10:
            source.edit(1)
        execute(database, "INSERT INTO same VALUES (1), (NULL)" if generation % 2 else
                "DELETE FROM same WHERE rowid = (SELECT min(rowid) FROM same WHERE x = 1)")
        if generation % 10 == 0:
            chain.append(delta(database, tmp_path / f"{generation}.more", *chain))
        chain.append(delta(database, tmp_path / str(generation), *chain))
    direct = info(dump(database, tmp_path / "direct"))["state"]
    assert info(squash(tmp_path / "squashed", *chain))["state"] == direct
    middle = len(chain) // 2
    parts = [squash(tmp_path / "part1", *chain[1:middle]), squash(tmp_path / "part2", *chain[middle:])]
    assert info(squash(tmp_path / "parts", *parts))["state"] == direct
    assert info(squash(tmp_path / "all", chain[0], *parts))["state"] == direct
    assert info(squash(tmp_path / "all2", chain[0], tmp_path / "parts"))["state"] == direct
    succeed(VALISE, "restore", "-o", tmp_path / "restored.db", chain[0], tmp_path / "parts")
    assert info(dump(tmp_path / "restored.db", tmp_path / "again"))["state"] == direct


def test_empty_deltas_change_nothing(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db", 10)
    full = dump(database, tmp_path / "full")
    empty = delta(database, tmp_path / "empty", full)
    assert info(squash(tmp_path / "idle", empty, empty))["unchanged"]
    assert squash(tmp_path / "same", full, empty, tmp_path / "idle").read_bytes() == full.read_bytes()


def test_damage_is_not_copied(tmp_path: Path) -> None:
    """Wherever a byte of a block is wrong, it is said, and there is no file."""
    database = make(tmp_path / "a.db", 20000)
    full = dump(database, tmp_path / "full")
    execute(database, "UPDATE d SET t = 'changed' WHERE id = 50")
    change = delta(database, tmp_path / "delta", full)
    sound = full.read_bytes()
    for step in range(1, 12):
        for file, whole in ((full, sound), (change, change.read_bytes())):
            damaged = bytearray(whole)
            damaged[len(whole) * step // 12] ^= 0x10
            file.write_bytes(damaged)
            fail(CORRUPT, [file.name], VALISE, "squash", "-o", tmp_path / "never", full, change)
            file.write_bytes(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "delta", "full"]


def test_a_killed_squash_leaves_no_dump(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    full = dump(database, tmp_path / "full")
    execute(database, "UPDATE d SET t = 'changed' WHERE id = 50")
    change = delta(database, tmp_path / "delta", full)
    for delay in (0.0, 0.02, 0.1):
        running = subprocess.Popen([VALISE, "squash", "--level", "19", "-o", tmp_path / "out", full, change])
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        assert running.wait() in (-signal.SIGKILL, 0)
        if running.returncode != 0:
            assert not (tmp_path / "out").exists()
    squash(tmp_path / "sound", full, change)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_noticed(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    full = dump(database, tmp_path / "full")
    with open("/dev/full", "wb") as file:
        fail(IO, ["space"], VALISE, "squash", "-o", "-", full, stdout=file)


def test_all_commands_count_the_same_blocks(tmp_path: Path) -> None:
    full = dump(make(tmp_path / "a.db", 1000), tmp_path / "full")
    count = info(full)["blocks"]
    assert f" {count} blocks" in succeed(VALISE, "squash", "-o", tmp_path / "copy", full).out
    assert f" {count} blocks" in succeed(VALISE, "verify", full).out
    assert json.loads(succeed(VALISE, "verify", "--json", full).out)["blocks"] == count


def test_only_a_chain_is_squashed(tmp_path: Path) -> None:
    """Out of order, twice, without the full dump in front, or of another database: nothing is written."""
    database = make(tmp_path / "a.db", 100)
    full = dump(database, tmp_path / "full")
    execute(database, "UPDATE d SET t = 'changed' WHERE id = 50")
    first = delta(database, tmp_path / "first", full)
    execute(database, "DELETE FROM d WHERE id = 50")
    second = delta(database, tmp_path / "second", full, first)
    other = dump(execute(tmp_path / "b.db", "CREATE TABLE d(id INTEGER PRIMARY KEY, t TEXT)"), tmp_path / "other")
    for chain in ((full, second), (full, second, first), (full, first, first), (other, first), (second, first)):
        fail(REFUSED, ["starts from state"], VALISE, "squash", "-o", tmp_path / "never", *chain)
    fail(REFUSED, ["only be the first"], VALISE, "squash", "-o", tmp_path / "never", first, full)
    assert not (tmp_path / "never").exists()
    fail(REFUSED, ["--force"], VALISE, "squash", "-o", full, full, first)
    before = info(second)["state"]
    succeed(VALISE, "squash", "--force", "-o", full, full, first, second)       # in the place of what it reads
    succeed(VALISE, "verify", full)
    assert info(full)["state"] == before


def test_rows_of_megabytes(tmp_path: Path) -> None:
    """Each ends a block; changed, removed and added ones, and what is beside them."""
    database = execute(tmp_path / "a.db", "CREATE TABLE h(id INTEGER PRIMARY KEY, b)", numbers("h", 30000),
                       "UPDATE h SET b = randomblob(3000000 * (id / 10000)) WHERE id % 10000 = 0")
    full = dump(database, tmp_path / "full")
    execute(database, "UPDATE h SET b = b || 'more' WHERE id % 10000 = 9999", "DELETE FROM h WHERE id = 20000")
    first = delta(database, tmp_path / "first", full)
    execute(database, "INSERT INTO h VALUES (20000, zeroblob(20000000))", "UPDATE h SET b = NULL WHERE id = 30000")
    second = delta(database, tmp_path / "second", full, first)
    direct = info(dump(database, tmp_path / "direct"))["state"]
    squashed = squash(tmp_path / "squashed", full, first, second)
    assert info(squashed)["state"] == direct
    succeed(VALISE, "squash", "--threads", "1", "-o", tmp_path / "one", full, first, second)
    assert (tmp_path / "one").read_bytes() == squashed.read_bytes()
    squash(tmp_path / "deltas", first, second)
    assert info(squash(tmp_path / "again", full, tmp_path / "deltas"))["state"] == direct


def peak(folder: Path, *command: Path | str) -> int:
    """Bytes that a program takes at most. By a small program: a process counts the memory of the one that it began as a copy of."""
    succeed(RUN_ALONE, folder / "usage", *command)
    return int((folder / "usage").read_text().split()[2]) * 1024


@pytest.mark.skipif(not RUN_ALONE.exists(), reason="built without the benchmark's programs")
@pytest.mark.parametrize("patched", [False, True], ids=["a full dump", "deltas alone"])
def test_one_long_value_at_a_time(tmp_path: Path, patched: bool) -> None:
    """Threads do not hold one each: memory is a few times the longest value, however many there are."""
    size = 16_000_000
    database = execute(tmp_path / "a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, w TEXT)",
                       *(f"INSERT INTO t VALUES({i}, randomblob({size}), '')" for i in range(5)))
    chain = [dump(database, tmp_path / "full")]
    for word in ("some", "others"):
        execute(database, f"UPDATE t SET w = '{word}' WHERE id < 4", f"UPDATE t SET v = randomblob({size}) WHERE id = 4")
        chain.append(delta(database, tmp_path / word, *chain))
    given = chain[1:] if patched else chain
    state = info(chain[-1])["state"]
    peaks = []
    for threads in (1, 4):
        target = tmp_path / f"squashed{threads}"
        peaks.append(peak(tmp_path, VALISE, "squash", "--threads", str(threads), "-o", target, *given))
        succeed(VALISE, "verify", *([chain[0]] if patched else []), target)
        assert info(target)["state"] == state
    assert peaks[0] < 9 * size + 25_000_000 and peaks[1] < 1.35 * peaks[0], peaks


def test_a_lone_full_dump_is_copied_byte_for_byte(tmp_path: Path) -> None:
    full = dump(make(tmp_path / "a.db"), tmp_path / "full")
    assert squash(tmp_path / "copy", full).read_bytes() == full.read_bytes()
