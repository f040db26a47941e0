"""What a replay reads of its dump, seen by strace: a table that is finished is not read again when a replay goes on."""
from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import zstandard

import programs
from conftest import Database

READ = re.compile(r", (\d+), (\d+)\)\s+= (\d+)$", re.MULTILINE)
INDEX_ENTRY = struct.Struct("<QIIIIII16s16sQ")   # SPEC 5.4
BLOCK_ROWS, BLOCK_INDEX = 2, 4
EARLY, LATE = 8000, 3000   # rows

TARGET = """
CREATE FUNCTION not_yet() RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN IF current_setting('shop.go', true) IS NULL AND to_regclass('valise.part') IS NOT NULL THEN PERFORM pg_sleep(600); END IF; RETURN 'now'; END $$;
CREATE TABLE early (id bigint PRIMARY KEY, data text); CREATE INDEX early_data ON early (left(data, 20));
CREATE TABLE late (id bigint PRIMARY KEY, data text, extra text DEFAULT not_yet());
"""


def blocks(dump: Path) -> dict[tuple[int, int], str]:
    """(offset, size) of every frame with rows, and the table that they are of."""
    names = [table["name"] for table in json.loads(programs.succeed(programs.VALISE, "info", "--json", dump).out)["tables"]]
    data, found = dump.read_bytes(), {}
    (at,) = struct.unpack_from("<Q", data, len(data) - 120)
    while at < len(data) - 128:
        decoder = zstandard.ZstdDecompressor().decompressobj()
        content = decoder.decompress(data[at:len(data) - 128])
        kind, _, count = struct.unpack_from("<III", content)
        assert kind == BLOCK_INDEX
        for entry in INDEX_ENTRY.iter_unpack(content[12:12 + count * INDEX_ENTRY.size]):
            if entry[3] == BLOCK_ROWS:
                found[(entry[0], entry[1])] = names[entry[4]]
        at = len(data) - 128 - len(decoder.unused_data)
    return found


def command(database: Database, dump: Path, log: Path) -> list[str | Path]:
    return ["strace", "-f", "-s", "0", "-e", "trace=pread64", "-o", log, programs.REPLAY, "--jobs", "1", "--dsn", database.dsn, dump]


def reads(dump: Path, log: Path) -> Counter[str]:
    """How many blocks of each table were read. The check of the file's SHA-256 reads it too, but not by blocks."""
    known = blocks(dump)
    return Counter(known[place] for size, offset, got in READ.findall(log.read_text())
                   if size == got and (place := (int(offset), int(size))) in known)


def waits(database: Database) -> bool:
    """Seen from another database: a replay refuses one that others use."""
    with contextlib.closing(database.server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'", [database.name])
        return bool(cursor.fetchone() != (0,))


def kill_after_a_table(database: Database, dump: Path, log: Path) -> None:
    """A replay that is killed while it loads table "late"."""
    with subprocess.Popen(command(database, dump, log), stderr=subprocess.PIPE, start_new_session=True) as process:
        while not waits(database):
            if process.poll() is not None:
                assert process.stderr
                error = process.stderr.read().decode()
                if "ptrace" in error and "not permitted" in error:
                    pytest.skip("strace may not trace here")
                raise AssertionError(f"ended before its time with {process.returncode}: {error}")
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    database.server.execute("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'")
    database.settle()


def test_a_finished_table_is_not_read_again(database: Database, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    source = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(source)) as connection:
        for name, count in (("early", EARLY), ("late", LATE)):
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, data TEXT)")
            connection.execute(f"INSERT INTO {name} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
                               "SELECT i, hex(randomblob(1000)) FROM n")
        connection.commit()
    dump = programs.dump(source, tmp_path / "shop.valise")
    all_blocks = Counter(blocks(dump).values())
    assert all_blocks["early"] >= 3 and all_blocks["late"] >= 1
    database.execute(TARGET)

    kill_after_a_table(database, dump, tmp_path / "first.log")
    assert database.query("SELECT table_name, sum(row_count) FROM valise.part GROUP BY table_name") == [("early", EARLY)]
    assert reads(dump, tmp_path / "first.log")["early"] >= all_blocks["early"], "what reads them must be seen"

    database.execute(f"ALTER DATABASE {database.name} SET shop.go = 'yes'")
    programs.succeed(*command(database, dump, tmp_path / "second.log"))
    second = reads(dump, tmp_path / "second.log")
    assert second["early"] == 0 and second["late"] >= all_blocks["late"]
    assert database.query("SELECT (SELECT count(*) FROM early), (SELECT count(*) FROM late)") == [(EARLY, LATE)]

    programs.succeed(*command(database, dump, tmp_path / "again.log"))
    assert reads(dump, tmp_path / "again.log") == Counter(), "nothing to do reads no block"
