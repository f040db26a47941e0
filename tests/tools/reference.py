"""An independent writer of dumps, from SPEC.md alone: Python's sqlite3, zstandard and xxhash, no code of Valise.

It is slow and plain. Tests make dumps with it, and compare states: two programs that were written from the same
document and agree are more likely right than one.

    python3 tests/tools/reference.py SNAPSHOT.db DUMP               a full dump; prints its state
    python3 tests/tools/reference.py --base OLD.db NEW.db DELTA     what changed from one database to the other
    python3 tests/tools/reference.py SNAPSHOT.db                    the state alone
"""
from __future__ import annotations

import argparse
import collections
import hashlib
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xxhash
import zstandard

MAGIC = bytes.fromhex("d656414c4953450d0a1a0a00")
SCHEMA, ROWS, TABLE_END, INDEX, UNITS = 1, 2, 3, 4, 5
ENTRY_TYPES = {b"table": 1, b"index": 2, b"trigger": 3, b"view": 4}
ENCODINGS = {"UTF-8": 1, "UTF-16le": 2, "UTF-16be": 3}
ORDINARY, SHADOW, INTERNAL, VIRTUAL = 1, 2, 3, 4
WHOLE, PATCH, SAME = 0, 1, 2
MOD = 1 << 128


def u32(n: int) -> bytes:
    return struct.pack("<I", n)


def u64(n: int) -> bytes:
    return struct.pack("<Q", n % (1 << 64))


def text(b: bytes) -> bytes:
    return u32(len(b)) + b


def xxh3(b: bytes) -> int:
    return xxhash.xxh3_128_intdigest(b)


def hash_bytes(n: int) -> bytes:
    return (n % MOD).to_bytes(16, "little")      # low half first, each half little-endian


# ------------------------------------------------------------------------------------------- reading SQLite


@dataclass
class Column:
    name: bytes
    type: bytes
    flags: int
    primary_key: int
    default: bytes | None


@dataclass
class Table:
    name: bytes
    kind: int
    flags: int
    columns: list[Column] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)     # canonical

    @property
    def sum(self) -> int:
        return sum(map(xxh3, self.rows)) % MOD


@dataclass
class Snapshot:
    encoding: int
    identity: bytes
    description: bytes
    tables: list[Table]

    @property
    def state(self) -> bytes:
        sha = hashlib.sha256(u64(len(self.identity)) + self.identity)
        for t in self.tables:
            if t.kind != VIRTUAL:
                sha.update(text(t.name) + u64(len(t.rows)) + hash_bytes(t.sum))
        return sha.digest()


def quoted(name: bytes) -> str:
    return '"' + name.decode().replace('"', '""') + '"'


def as_utf8(stored: bytes, encoding: int) -> bytes:
    """SPEC 4.1: what a database stores as TEXT, in generalised UTF-8."""
    if encoding == 1:
        return stored
    stored = stored[:len(stored) // 2 * 2]
    return stored.decode("utf-16-le" if encoding == 2 else "utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")


def canonical(row: tuple, encoding: int) -> bytes:
    """row: typeof and value alternate, a TEXT as the blob of its stored bytes."""
    out = bytearray()
    for kind, value in zip(row[::2], row[1::2]):
        if kind == b"null":
            out += b"\0"
        elif kind == b"integer":
            out += b"\1" + struct.pack("<q", value)
        elif kind == b"real":
            out += b"\2" + struct.pack("<d", value)
        elif kind == b"text":
            out += b"\3" + text(as_utf8(value, encoding))
        else:
            out += b"\4" + text(value)
    return bytes(out)


def read_columns(db: sqlite3.Connection, table: bytes) -> list[Column]:
    columns = []
    for _, name, kind, not_null, default, key, hidden in db.execute(f"PRAGMA main.table_xinfo({quoted(table)})"):
        if hidden != 1:
            flags = not_null | {0: 0, 2: 2, 3: 4}[hidden] | (8 if default is not None else 0)
            columns.append(Column(name, kind, flags, key, default))
    return columns


def read_rows(db: sqlite3.Connection, table: Table, encoding: int) -> list[bytes]:
    values = ", ".join(f"typeof({c}), CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END"
                       for c in (quoted(column.name) for column in table.columns))
    parts = [values]
    if len(table.columns) * 2 > 1000:
        raise ValueError("too many columns for this plain reader")
    return [canonical(row, encoding) for row in db.execute(f"SELECT {parts[0]} FROM main.{quoted(table.name)}")]


def describe(db: sqlite3.Connection, tables: list[Table], journal_mode: bytes) -> bytes:
    out = u32(db.execute("PRAGMA page_size").fetchone()[0])
    out += bytes([db.execute("PRAGMA auto_vacuum").fetchone()[0], journal_mode == b"wal"]) + u32(len(tables))
    for table in tables:
        out += text(table.name) + bytes([table.kind, table.flags]) + u32(len(table.columns))
        for c in table.columns:
            out += text(c.name) + text(c.type) + bytes([c.flags]) + u32(c.primary_key)
            out += text(c.default) if c.default is not None else b""
    return out


def read(path: Path | str) -> Snapshot:
    db = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)
    db.text_factory = bytes
    encoding = ENCODINGS[db.execute("PRAGMA encoding").fetchone()[0].decode()]
    identity = u32(encoding) + struct.pack("<ii", db.execute("PRAGMA user_version").fetchone()[0],
                                           db.execute("PRAGMA application_id").fetchone()[0])
    entries = sorted((ENTRY_TYPES[t], n, tbl, sql) for t, n, tbl, sql in db.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"))
    identity += u32(len(entries))
    for kind, name, tbl_name, sql in entries:
        identity += bytes([kind]) + text(name) + text(tbl_name)
        identity += b"\0" if sql is None else b"\1" + text(sql)
    tables = []
    for _, name, kind, _, without_rowid, strict in db.execute("PRAGMA main.table_list").fetchall():
        if kind == b"view" or name in (b"sqlite_schema", b"sqlite_temp_schema"):
            continue
        kind = VIRTUAL if kind == b"virtual" else SHADOW if kind == b"shadow" else \
            INTERNAL if name.lower().startswith(b"sqlite_") else ORDINARY
        tables.append(Table(name, kind, without_rowid | strict << 1, read_columns(db, name)))
    tables.sort(key=lambda t: t.name)
    for table in tables:
        if table.kind != VIRTUAL:
            table.rows = read_rows(db, table, encoding)
    description = describe(db, tables, db.execute("PRAGMA journal_mode").fetchone()[0])
    db.close()
    return Snapshot(encoding, identity, description, tables)


# --------------------------------------------------------------------------------------------------- writing


def parse(row: bytes) -> list[tuple[int, bytes]]:
    """A canonical row as (class, payload) of each value."""
    values, at = [], 0
    while at < len(row):
        kind, size = row[at], {0: 0, 1: 8, 2: 8}.get(row[at])
        at += 1
        if size is None:
            size = struct.unpack_from("<I", row, at)[0]
            at += 4
        values.append((kind, row[at:at + size]))
        at += size
    return values


def planes(numbers: list[bytes]) -> bytes:
    return b"".join(bytes(n[k] for n in numbers) for k in range(8))


def rows_body(ordinal: int, rows: list[bytes], removed: int, column_count: int) -> bytes:
    """Mode 0 strings and numbers of width 8 throughout: plain, and valid."""
    out = u32(ordinal) + u32(len(rows)) + u32(removed) + u32(column_count)
    parsed = [parse(row) for row in rows]
    for i in range(column_count):
        column = [row[i] for row in parsed]
        out += b"\5" + bytes(kind for kind, _ in column)
        integers = [struct.unpack("<Q", b)[0] for kind, b in column if kind == 1]
        if integers:
            signed = [(b - a) % (1 << 64) for a, b in zip(integers, integers[1:])]
            deltas = [d * 2 % (1 << 64) if d < 1 << 63 else ((1 << 64) - d) * 2 - 1 for d in signed]
            out += u64(integers[0]) + b"\x08" + planes([u64(d) for d in deltas])
        reals = [b for kind, b in column if kind == 2]
        out += planes(reals) if reals else b""
        strings = [b for kind, b in column if kind in (3, 4)]
        if strings:
            out += b"\0" + u32(0) + b"\x08" + planes([u64(len(s)) for s in strings]) + b"".join(strings)
    return out


def is_utf8(b: bytes) -> bool:
    try:
        b.decode()
        return True
    except UnicodeDecodeError:
        return False


def facts(rows: list[bytes], column_count: int) -> bytes:
    out = b""
    for column in zip(*map(parse, rows)) if rows else [()] * column_count:
        of = {k: [b for kind, b in column if kind == k] for k in range(5)}
        integers = [struct.unpack("<q", b)[0] for b in of[1]]
        reals = [struct.unpack("<d", b)[0] for b in of[2]]
        infinite = [r for r in reals if r in (float("inf"), float("-inf"))]
        fractional = [r for r in reals if r in infinite or r != int(r) or not -(1 << 63) <= int(r) < 1 << 63]
        lengths = [sum(c & 0xc0 != 0x80 for c in b) for b in of[3]]
        numbers = [len(of[k]) for k in range(5)] + [min(integers, default=0), max(integers, default=0)]
        numbers += [len(fractional), len(infinite), sum(b"\0" in b for b in of[3]),
                    sum(not is_utf8(b) for b in of[3]), max(map(len, of[3]), default=0), max(lengths, default=0),
                    max(map(len, of[4]), default=0)]
        out += b"".join(map(u64, numbers))
    return out


class Writer:
    """Blocks in the order of the file, then index and tail."""

    def __init__(self, kind: int, from_state: bytes = bytes(32)) -> None:
        head = struct.pack("<II", 0x184d2a5d, 120) + MAGIC + struct.pack("<IQQII", 1, 0, 0, kind, 0)
        head += from_state + bytes(32)
        self.out = bytearray(head + hash_bytes(xxh3(head)))
        self.entries: list[bytes] = []
        self.number = 0

    def block(self, kind: int, body: bytes, table: int = 0xffffffff, rows: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        raw = u32(kind) + u32(self.number) + body
        frame = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True).compress(raw)
        count, removed, total, cut = rows
        if kind != INDEX:
            self.entries.append(struct.pack("<QIIIIII", len(self.out), len(frame), len(raw), kind, table, count, removed)
                                + hash_bytes(total) + hash_bytes(xxh3(raw)) + u64(cut))
        self.out += frame
        self.number += 1

    def rows(self, ordinal: int, removed: list[bytes], added: list[bytes], column_count: int) -> None:
        rows = removed + added
        total = sum(map(xxh3, added)) - sum(map(xxh3, removed))
        self.block(ROWS, rows_body(ordinal, rows, len(removed), column_count), ordinal,
                   (len(rows), len(removed), total, xxh3(rows[-1])))

    def end(self, ordinal: int, change: int, table: Table, rows: list[bytes]) -> None:
        body = u32(ordinal) + u32(change) + u64(len(table.rows)) + hash_bytes(table.sum) + u64(sum(map(len, rows)))
        self.block(TABLE_END, body + u32(len(table.columns)) + facts(rows, len(table.columns)), ordinal)

    def finish(self, state: bytes) -> bytes:
        index_offset = len(self.out)
        self.block(INDEX, u32(len(self.entries)) + b"".join(self.entries))
        tail = struct.pack("<IIQQII", 0x184d2a5e, 120, index_offset, len(self.out) + 128, self.number, 1)
        tail += state + hashlib.sha256(self.out).digest()
        return bytes(self.out) + tail + hash_bytes(xxh3(tail)) + MAGIC + b"TAIL"


def chunks(rows: list[bytes], chunk_size: int) -> Iterator[list[bytes]]:
    """Rows in blocks of about chunk_size bytes."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        part.append(row)
        size += len(row)
        if size >= chunk_size:
            yield part
            part, size = [], 0
    if part:
        yield part


def full(new: Snapshot, chunk_size: int = 1 << 20) -> bytes:
    writer = Writer(1)
    writer.block(SCHEMA, new.identity + new.description)
    for ordinal, table in enumerate(new.tables):
        if table.kind == VIRTUAL:
            continue
        for part in chunks(table.rows, chunk_size):
            writer.rows(ordinal, [], part, len(table.columns))
        writer.end(ordinal, WHOLE, table, table.rows)
    return writer.finish(new.state)


def patch(writer: Writer, ordinal: int, old: Table, new: Table, unit_count: int) -> None:
    """One unit of everything."""
    was, now = collections.Counter(old.rows), collections.Counter(new.rows)
    removed, added = list((was - now).elements()), list((now - was).elements())
    writer.rows(ordinal, removed, added, len(new.columns))
    unit = u32(unit_count) + u32(1) + u32(1 if new.rows else 0)
    if new.rows:
        unit += u32(len(new.rows)) + hash_bytes(new.sum) + u64(xxh3(new.rows[-1]))
    writer.block(UNITS, u32(ordinal) + u32(1) + unit, ordinal)
    writer.end(ordinal, PATCH, new, added)


def delta(old: Snapshot, new: Snapshot, chunk_size: int = 1 << 20, unit_counts: dict[bytes, int] | None = None) -> bytes:
    """unit_counts: how many units the tables have in the old state; None: that of full(old, chunk_size)."""
    writer = Writer(2, old.state)
    writer.block(SCHEMA, new.identity + new.description)
    before = {t.name: t for t in old.tables if t.kind != VIRTUAL}
    for ordinal, table in enumerate(new.tables):
        was = before.get(table.name)
        if table.kind == VIRTUAL:
            continue
        if was is None or [c.name for c in was.columns] != [c.name for c in table.columns]:
            for part in chunks(table.rows, chunk_size):
                writer.rows(ordinal, [], part, len(table.columns))
            writer.end(ordinal, WHOLE, table, table.rows)
        elif collections.Counter(was.rows) == collections.Counter(table.rows):
            writer.end(ordinal, SAME, table, [])
        else:
            units = unit_counts[table.name] if unit_counts is not None else len(list(chunks(was.rows, chunk_size)))
            patch(writer, ordinal, was, table, units)
    return writer.finish(new.state)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--base", type=Path)
    arguments.add_argument("--chunk-size", type=int, default=1 << 20)
    arguments.add_argument("snapshot", type=Path)
    arguments.add_argument("dump", type=Path, nargs="?")
    given = arguments.parse_args()
    new = read(given.snapshot)
    if given.dump is not None:
        dump = full(new, given.chunk_size) if given.base is None else delta(read(given.base), new, given.chunk_size)
        given.dump.write_bytes(dump)
    print(new.state.hex())


if __name__ == "__main__":
    main()
