#!/usr/bin/python3
"""Made-up databases, dumped by valise-dump and read by the oracle, hold what Python's sqlite3 reads from them.

    check_sqlite.py VALISE_DUMP VALISE LIST_DUMP

The seed is printed; VALISE_SEED repeats a failure. Exit status 77: something is missing.
"""

import os
import random
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

try:
    from primitives import BLOB, INTEGER, NULL, REAL, TEXT
    from read_dump import Dump
except ImportError as error:
    print(f"SKIP: {error} (Debian: python3-xxhash python3-zstandard)")
    sys.exit(77)

DATABASE_COUNT = 12
NAMES = ["plain", "select", 'quo"te', "two words", "Ünïcödé", "", "'", "x\ty", "%s"]
TYPES = ["", "TEXT", "INTEGER", "BIGINT", "REAL", "BLOB", "BOOLEAN", "NUMERIC", "VARCHAR(10)"]
VALUES = [None, 0, 1, -1, 2**63 - 1, -2**63, 2**31, 0.0, -0.0, 1.5, 1e308, 5e-324, float("inf"), float("-inf"), "", "text",
          "Ünïcödé ✓ 😀", "nul\0inside", "12", "1.0", "x" * 3000, b"", b"\0\xff", bytes(range(256)), b"z" * 5000]


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def make_table(source, name, database):
    column_count = random.choice([1, 2, 3, 8, 200])
    columns = [f"{quote(random.choice(NAMES) + str(i))} {random.choice(TYPES)}" for i in range(column_count)]
    is_keyed = random.random() < 0.3
    if is_keyed:
        columns = ["k TEXT PRIMARY KEY"] + columns
    if random.random() < 0.2:
        columns.append(f"generated INT GENERATED ALWAYS AS (1 + 1) {random.choice(['VIRTUAL', 'STORED'])}")
    source.execute(f"CREATE TABLE {quote(name)} ({', '.join(columns)}){' WITHOUT ROWID' if is_keyed else ''}")
    for row in range(random.choice([0, 1, 7, 200 if column_count < 20 else 9])):
        values = [random.choice(VALUES) if random.random() < 0.7 else random.randrange(1000) for _ in range(column_count)]
        if is_keyed:
            values = [f"key {row * 7919 % 100003}"] + values
        names = [info[1] for info in source.execute(f"PRAGMA table_xinfo({quote(name)})") if info[6] == 0]
        source.execute(f"INSERT INTO {quote(name)} ({', '.join(map(quote, names))}) VALUES ({', '.join('?' * len(values))})", values)
    if random.random() < 0.3 and not is_keyed:
        # Bytes that are no UTF-8; in a UTF-16 database they would be read in pairs.
        if database["encoding"] == "UTF-8":
            first = source.execute(f"PRAGMA table_xinfo({quote(name)})").fetchone()[1]
            source.execute(f"INSERT INTO {quote(name)} ({quote(first)}) VALUES (CAST(x'ff00c3' AS TEXT))")


def make_database(path):
    database = {"encoding": random.choice(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"])}
    source = sqlite3.connect(path, isolation_level=None)
    source.execute(f"PRAGMA encoding = '{database['encoding']}'")
    source.execute(f"PRAGMA page_size = {random.choice([512, 4096, 65536])}")
    source.execute(f"PRAGMA user_version = {random.randrange(-5, 5)}")
    source.execute("BEGIN")
    for number in range(random.choice([0, 1, 3, 6])):
        make_table(source, random.choice(NAMES) + str(number), database)
    source.execute("COMMIT")
    if random.random() < 0.3:
        source.execute("CREATE VIRTUAL TABLE search USING fts5(body)")
        source.execute("INSERT INTO search VALUES ('some words'), ('and more')")
    source.close()


def value_of(kind, value):
    """A value that sqlite3 returned, as the oracle has it."""
    if kind == "null":
        return NULL, None
    if kind == "integer":
        return INTEGER, value
    if kind == "real":
        return REAL, struct.unpack("<Q", struct.pack("<d", value))[0]
    return (TEXT if kind == "text" else BLOB), bytes(value)


def rows_of(source, name):
    """Every row as (class, value) pairs, sorted; TEXT as UTF-8 bytes, as it is stored."""
    columns = [info[1] for info in source.execute(f"PRAGMA table_xinfo({quote(name)})") if info[6] != 1]
    wanted = ", ".join(f"typeof({quote(column)}), {quote(column)}" for column in columns)
    source.text_factory = bytes
    rows = [[value_of(str(row[i], "ascii"), row[i + 1]) for i in range(0, len(row), 2)]
            for row in source.execute(f"SELECT {wanted} FROM {quote(name)}")]
    source.text_factory = str
    return sorted(map(repr, rows))


def compare(path, dump):
    source = sqlite3.connect(path)
    tables = [row[0] for row in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")]
    dumped = {name.decode(): kind for name, kind, _ in dump.tables}
    assert sorted(tables) == sorted(name for name, kind in dumped.items() if kind != 4), (tables, dumped)
    for name in tables:
        wanted, found = rows_of(source, name), sorted(repr(list(row)) for row in dump.rows.get(name.encode(), []))
        assert wanted == found, f"table {name!r}: {len(wanted)} rows in SQLite, {len(found)} in the dump, or they differ"
    source.close()
    return len(tables)


def main():
    valise_dump, valise, list_dump = sys.argv[1:4]
    seed = int(os.environ.get("VALISE_SEED", time.time()))
    print(f"VALISE_SEED={seed}")
    random.seed(seed)
    table_count = 0
    for number in range(DATABASE_COUNT):
        with tempfile.TemporaryDirectory() as folder:
            database, dumped = os.path.join(folder, "source.db"), os.path.join(folder, "dump")
            make_database(database)
            subprocess.run([valise_dump, "-o", dumped, database], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(dumped, "rb") as file:
                dump = Dump(file.read())
            table_count += compare(database, dump)
            listing = subprocess.run([list_dump, dumped], check=True, stdout=subprocess.PIPE).stdout.decode()
            assert listing == "\n".join(dump.lines) + "\n", f"database {number}: the oracle and list_dump differ"
            subprocess.run([valise, "verify", dumped], check=True, stdout=subprocess.DEVNULL)
    print(f"{DATABASE_COUNT} databases, {table_count} tables: SQLite, our modules and the oracle agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
