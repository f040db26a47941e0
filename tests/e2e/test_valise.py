"""valise info and valise verify, on a real dump, whole and damaged."""
from __future__ import annotations

import json
import resource
import sqlite3
from pathlib import Path

import pytest

from programs import CORRUPT, DUMP, IO, NOT_DUMP, USAGE, VALISE, dump, fail, run, succeed

ESCAPE = "\x1b[31mred\u202e"


@pytest.fixture(name="packed")
def packed_fixture(tmp_path: Path) -> Path:
    """A dump with hostile names, NUL and bytes that are no UTF-8, and a table of several blocks."""
    source = sqlite3.connect(tmp_path / "source.db")
    source.execute(f'CREATE TABLE "{ESCAPE}" (a, "b""c" TEXT)')
    source.execute(f"""INSERT INTO "{ESCAPE}" VALUES (1, 'x' || char(0)), (NULL, CAST(x'ff' AS TEXT)), (1.5, NULL)""")
    source.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, body BLOB)")
    source.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
                   "INSERT INTO large SELECT i, randomblob(1000) FROM n")
    source.execute("CREATE TABLE \"zero\" (x)")
    source.commit()
    source.close()
    return dump(tmp_path / "source.db", tmp_path / "packed")


def test_info_shows_everything_and_nothing_harmful(packed: Path) -> None:
    """The table for people: all names, escaped, and what will not fit into PostgreSQL."""
    text = succeed(VALISE, "info", "--columns", packed).out
    assert "\x1b" not in text and "\u202e" not in text
    assert '"\\x1b[31mred\\u{202e}"' in text
    assert "large" in text and "12000" in text and "zero" in text
    assert '"b""c"' in text
    assert "1 texts contain a NUL byte" in text and "1 texts are not valid UTF-8" in text


def test_info_as_json(packed: Path) -> None:
    """The same for programs, exact."""
    info = json.loads(succeed(VALISE, "info", "--json", packed).out)
    assert info["kind"] == "full" and info["size"] == packed.stat().st_size and info["encoding"] == "UTF-8"
    tables = {table["name"]: table for table in info["tables"]}
    assert set(tables) == {ESCAPE, "large", "zero"}
    assert tables["large"]["rows"] == 12000 and tables["large"]["blocks"] > 1
    first, second = tables[ESCAPE]["columns"]
    assert (first["null"], first["integer"], first["real"], first["fractional"]) == (1, 1, 1, 1)
    assert (second["text"], second["with_nul"], second["invalid_utf8"]) == (2, 1, 1)


def test_verify_names_block_and_table(packed: Path) -> None:
    """A flipped bit in the large table: its block is named, the other tables are whole."""
    whole = json.loads(succeed(VALISE, "verify", "--json", packed).out)
    assert whole["whole"] and not whole["damages"] and set(whole["whole_tables"]) == {ESCAPE, "large", "zero"}
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 4
    packed.write_bytes(data)
    done = fail(CORRUPT, ["1 block", "2 of 3 tables are whole"], VALISE, "verify", packed)
    assert 'table "large"' in done.out and "damaged block" in done.out
    found = json.loads(run(VALISE, "verify", "--json", packed).out)
    assert [damage["table"] for damage in found["damages"]] == ["large"]
    assert found["damaged_tables"] == ["large"] and set(found["whole_tables"]) == {ESCAPE, "zero"}


def test_verify_reads_standard_input_and_what_is_left(packed: Path) -> None:
    """Through a pipe; and the table before the cut survives without tail and index."""
    data = packed.read_bytes()
    assert succeed("sh", "-c", f"cat '{packed}' | '{VALISE}' verify -").out.endswith("\nwhole\n")
    packed.write_bytes(data[: len(data) // 2])
    done = fail(CORRUPT, ["tail", "1 of 3 tables are whole"], VALISE, "verify", packed)
    assert 'damaged tables: "large", "zero"' in done.out
    fail(CORRUPT, ["truncated"], VALISE, "info", packed)


def test_what_is_no_dump(tmp_path: Path) -> None:
    """Every kind of wrong file, its status and its words."""
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("SQLite format 3, or anything else that is long enough")
    (tmp_path / "database").write_bytes(b"SQLite format 3\0" + bytes(4080))
    for command in ("info", "verify"):
        fail(NOT_DUMP, ["not a valise dump", "0 bytes"], VALISE, command, tmp_path / "empty")
        fail(NOT_DUMP, ["a sqlite database", "valise-dump"], VALISE, command, tmp_path / "database")
        fail(NOT_DUMP, ["not a valise dump"], VALISE, command, tmp_path / "text")
        fail(IO, ["no such file"], VALISE, command, tmp_path / "missing")
        fail(IO, ["folder"], VALISE, command, tmp_path)
        fail(USAGE, ["file is missing"], VALISE, command)
        fail(USAGE, ["--nonsense"], VALISE, command, "--nonsense", tmp_path / "empty")
    fail(USAGE, ["there is no command"], VALISE, "nonsense")


def test_a_full_disk_is_noticed(packed: Path) -> None:
    """Output that cannot be written is a failure, not silence."""
    for command in ("info", "verify"):
        with open("/dev/full", "wb") as full:
            fail(IO, ["no space left"], VALISE, command, packed, stdout=full)


@pytest.mark.parametrize("limit", range(4, 8))
def test_too_few_open_files(packed: Path, limit: int) -> None:
    """Not damage: what ran out is said, and how to get more; no number of files makes it crash."""
    delta = packed.with_name("delta")
    succeed(DUMP, "--base", packed, "-o", delta, packed.with_name("source.db"))

    def restrict() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    for dumps in ([packed], [packed, delta]):
        done = run(VALISE, "verify", "--threads", "2", *dumps, preexec_fn=restrict)
        assert done.status in (0, IO) and "damaged" not in done.out + done.error, done
        if done.status == IO:
            assert "Too many open files" in done.error and f"may have {limit}" in done.error and "ulimit -n" in done.error, done
    assert limit > 4 or done.status == IO
