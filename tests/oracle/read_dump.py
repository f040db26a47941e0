#!/usr/bin/python3
"""A second reader of dumps, written from SPEC.md alone. For tests: it is slow, and holds the whole file in memory.

    read_dump.py FILE     checks every rule and prints what the dump holds, as tests/golden/list_dump does

Exit status 0, or 5 not a dump, 6 damaged, 7 newer than this.
"""

import hashlib
import struct
import sys

import zstandard

from primitives import (BLOB, INTEGER, NULL, REAL, TEXT, DumpError, Facts, Reader, canonical, must, quoted,
                        read_integers, read_strings_or_places, shown, stored, xxh3)

MAGIC = bytes.fromhex("d656414c4953450d0a1a0a00")
SCHEMA, ROWS, TABLE_END, INDEX, UNITS, UNCHANGED = 1, 2, 3, 4, 5, 6
NO_TABLE = 0xFFFFFFFF
FACTS = "<5Q2q7Q"


class Dump:
    def __init__(self, data):
        self.data, self.lines, self.tables, self.rows, self.ends = data, [], [], {}, {}
        self.is_unchanged = False
        self.read_header()
        self.read_tail()
        self.read_blocks()

    def read_header(self):
        data = self.data
        must(len(data) >= 20 and data[8:20] == MAGIC, "not a dump", 5)
        must(len(data) >= 128, "cut off in the header")
        must(stored(xxh3(data[:112])) == data[112:128], "the header's checksum")
        must(data[:8] == struct.pack("<II", 0x184D2A5D, 120), "the header's frame")
        self.version, required, _, self.kind, reserved = struct.unpack_from("<IQQII", data, 20)
        must(self.version <= 1, f"version {self.version}", 7)
        must(self.version != 0, "version 0")
        must(required == 0, f"features {required:x}", 7)
        must(self.kind in (1, 2) and reserved == 0 and not any(data[80:112]), "the header's kind or reserved bytes")
        self.from_state = data[48:80]
        must(self.kind == 2 or not any(self.from_state), "from_state of a full dump")
        self.lines.append(f"{'full' if self.kind == 1 else 'delta'} dump, version {self.version}")
        if self.kind == 2:
            self.lines.append(f"from {self.from_state.hex()}")

    def read_tail(self):
        data = self.data
        must(len(data) >= 256 and data[-16:] == MAGIC + b"TAIL", "truncated")
        tail = data[-128:]
        must(stored(xxh3(tail[:96])) == tail[96:112], "the tail's checksum")
        must(tail[:8] == struct.pack("<II", 0x184D2A5E, 120), "the tail's frame")
        self.index_offset, size, self.block_count, self.index_block_count = struct.unpack_from("<QQII", tail, 8)
        must(size == len(data), "the file's size")
        must(128 <= self.index_offset <= len(data) - 128, "the place of the index")
        must(0 < self.index_block_count < self.block_count, "the number of blocks")
        must(hashlib.sha256(data[:-128]).digest() == tail[64:96], "the digest")
        self.state_id = tail[32:64]
        self.lines.append(f"state {self.state_id.hex()}")

    def frames(self):
        """Every frame as (offset, size, content)."""
        at, end = 128, len(self.data) - 128
        while at < end:
            frame = self.data[at:end]
            try:
                content_size = zstandard.frame_content_size(frame)
                must(0 <= content_size <= 2**31, f"a content size of {content_size}")
                decoder = zstandard.ZstdDecompressor().decompressobj()
                content = decoder.decompress(frame)
                must(decoder.eof and len(content) == content_size, "a frame's content")
            except zstandard.ZstdError as error:
                must(False, f"the frame at {at}: {error}")
            size = len(frame) - len(decoder.unused_data)
            yield at, size, content
            at += size

    def read_blocks(self):
        found, entries, index_at, index_count = [], [], None, 0
        for number, (offset, size, content) in enumerate(self.frames()):
            body = Reader(content)
            kind = body.u32()
            must(body.u32() == number, f"the number of block {number}")
            if kind == INDEX:
                index_at = offset if index_at is None else index_at
                index_count += 1
                entries += self.read_index(body)
            else:
                must(index_at is None, "a block after the index")
                found.append((offset, size, len(content), kind, self.read_block(kind, number, body), stored(xxh3(content))))
                body.end()
        must(self.next_table() is None, "a table without an end")
        must((index_at, index_count) == (self.index_offset, self.index_block_count), "where the index is")
        must(len(found) + index_count == self.block_count and len(entries) == len(found), "the number of blocks")
        for entry, (offset, size, raw, kind, (table, rows, removed, total, cut), checksum) in zip(entries, found):
            table = entry[4] if table is None else table   # of an optional block nobody knows
            must(entry == (offset, size, raw, kind, table, rows, removed, total, checksum, cut), "an index entry")
        if not self.is_unchanged:
            self.check_state()

    def check_state(self):
        state = struct.pack("<Q", len(self.identity)) + self.identity
        for ordinal, (row_count, total) in sorted(self.ends.items()):
            name = self.tables[ordinal][0]
            state += struct.pack("<I", len(name)) + name + struct.pack("<Q", row_count) + total
        must(hashlib.sha256(state).digest() == self.state_id, "the state_id")

    @staticmethod
    def read_index(body):
        count = body.u32()
        must(1 <= count <= 65536, "the number of index entries")
        entries = [struct.unpack("<QIIIIII16s16sQ", body.bytes(72)) for _ in range(count)]
        body.end()
        return entries

    def next_table(self):
        """The ordinal of the table whose turn it is."""
        return next((i for i, table in enumerate(self.tables) if table[1] != 4 and i not in self.ends), None)

    def read_block(self, kind, number, body):
        """Returns what the index says of it: table, rows, removed, sum, cut."""
        must(not self.is_unchanged, "blocks in a dump without changes")
        if kind == UNCHANGED and number == 0:
            must(self.kind == 2 and self.from_state == self.state_id, "unchanged, but not so")
            self.is_unchanged = True
            self.lines.append("unchanged")
            return NO_TABLE, 0, 0, bytes(16), 0
        must((number == 0) == (kind == SCHEMA), "the place of the schema")
        if kind == SCHEMA:
            must(len(body.data) <= 2**28, "the size of the schema")
            self.read_schema(body)
            return NO_TABLE, 0, 0, bytes(16), 0
        if kind & 0x80000000:
            self.lines.append(f"optional block of type {kind:08x}")
            body.at = len(body.data)
            self.are_rows_over |= bool(self.blocks)
            return None, 0, 0, bytes(16), 0
        must(kind != UNCHANGED, "the place of an unchanged block")
        must(kind in (ROWS, TABLE_END, UNITS), f"block type {kind}", 7)
        table = body.u32()
        must(table == self.next_table(), f"block {number} is of table {table}")
        if kind == ROWS:
            return (table,) + self.read_rows(table, body)
        if kind == UNITS:
            self.read_units(table, body)
        else:
            self.read_end(table, body)
        return table, 0, 0, bytes(16), 0

    # --- bodies (5) ---

    def read_schema(self, body):
        start, encoding, version, application, count = body.at, body.u32(), body.i32(), body.i32(), body.u32()
        entries, lines = [], []
        must(encoding in (1, 2, 3), "encoding")
        for _ in range(count):
            kind, name, table, has_sql = body.u8(), body.text(), body.text(), body.u8()
            must(1 <= kind <= 4 and has_sql <= 1, "a schema entry")
            sql = f" sql {quoted(body.text())}" if has_sql else ""
            entries.append((kind, name))
            lines.append(f"entry: type {kind} {quoted(name)} on {quoted(table)}{sql}")
        must(entries == sorted(entries), "the order of entries")
        self.identity = body.data[start:body.at]
        page_size, vacuum, wal, count = body.u32(), body.u8(), body.u8(), body.u32()
        must(vacuum <= 2 and wal <= 1 and count <= 1000000, "the description")
        self.lines += [f"encoding {encoding}, user_version {version}, application_id {application}, page_size {page_size}, "
                       f"auto_vacuum {vacuum}, is_wal {wal}"] + lines
        for ordinal in range(count):
            name, kind, flags, column_count = body.text(), body.u8(), body.u8(), body.u32()
            must(1 <= kind <= 4 and flags <= 3 and column_count <= 32767 and (column_count or kind == 4), "a table")
            self.lines.append(f"table {ordinal}: {quoted(name)} kind {kind} without_rowid {flags & 1} strict {flags >> 1}")
            for column in range(column_count):
                self.read_column(column, body)
            self.tables.append((name, kind, column_count))
        names = [table[0] for table in self.tables]
        must(names == sorted(set(names)), "the order of tables")
        self.start_table()

    def read_column(self, number, body):
        name, declared, flags, key = body.text(), body.text(), body.u8(), body.u32()
        must(flags <= 15 and flags & 6 != 6, "a column's flags")
        default = f" default {quoted(body.text())}" if flags & 8 else ""
        self.lines.append(f"  column {number}: {quoted(name)} {quoted(declared)} not_null {flags & 1} "
                          f"generated {flags >> 1 & 3} key {key}{default}")

    def start_table(self):
        self.blocks, self.has_units, self.are_rows_over = [], False, False
        ordinal = self.next_table()
        self.facts = [Facts() for _ in range(self.tables[ordinal][2])] if ordinal is not None else []
        self.size = 0

    def read_rows(self, table, body):
        row_count, removed, column_count = body.u32(), body.u32(), body.u32()
        must(0 < row_count <= 2**24 and removed <= row_count and (removed == 0 or self.kind == 2), "the number of rows")
        must(column_count == self.tables[table][2] and not self.are_rows_over, "the columns, or the place, of rows")
        rows = list(zip(*[self.read_values(row_count, body) for _ in range(column_count)]))
        self.lines.append(f"rows of table {table}: {row_count}, {removed} removed")
        total, last = 0, 0
        for number, row in enumerate(rows):
            data = b"".join(canonical(*value) for value in row)
            last = xxh3(data)
            total += -last if number < removed else last
            self.lines.append(f"  {'-' if number < removed else '+'} " + " | ".join(shown(*value) for value in row))
            if number >= removed:
                self.size += len(data)
                self.rows.setdefault(self.tables[table][0], []).append(row)
                for facts, value in zip(self.facts, row):
                    facts.observe(*value)
        self.blocks.append((row_count - 2 * removed, total))
        return row_count, removed, stored(total), last & (2**64 - 1)

    def read_values(self, count, body):
        kind = body.u8()
        must(kind <= 5, f"class {kind}")
        kinds = list(body.bytes(count)) if kind == 5 else [kind] * count
        must(max(kinds) <= 4, "the class of a row")
        integers, reals, strings = iter(()), iter(()), iter(())
        if INTEGER in kinds:
            integers = iter(read_integers(kinds.count(INTEGER), body))
        if REAL in kinds:
            reals = iter(body.planes(kinds.count(REAL), 8))
        if TEXT in kinds or BLOB in kinds:
            strings = iter(read_strings_or_places(kinds.count(TEXT) + kinds.count(BLOB), body))
        source = {NULL: iter(lambda: None, 0), INTEGER: integers, REAL: reals, TEXT: strings, BLOB: strings}
        return [(kind, next(source[kind])) for kind in kinds]

    def read_units(self, table, body):
        must(self.kind == 2 and not self.has_units, "units")
        self.are_rows_over = self.has_units = True
        units = [(body.u32(), body.u32(), [(body.u32(), body.bytes(16), body.u64()) for _ in range(body.u32())])
                      for _ in range(body.u32())]
        self.lines.append(f"units of table {table}: {len(units)}")
        for sources, blocks, chunks in units:
            must(blocks or chunks or sources == 1, "a unit without chunks and blocks")
            self.lines.append(f"  unit: sources {sources} blocks {blocks} chunks {len(chunks)}")
            self.lines += [f"    chunk: rows {rows} sum {total.hex()} cut {cut:016x}" for rows, total, cut in chunks]
        must(sum(unit[1] for unit in units) == len(self.blocks), "the blocks of the units")

    def read_end(self, table, body):
        change, row_count, total, size, column_count = body.u32(), body.u64(), body.bytes(16), body.u64(), body.u32()
        must(change <= (2 if self.kind == 2 else 0) and column_count == self.tables[table][2], "change or columns")
        must(change != 0 or (row_count, total) == (sum(b[0] for b in self.blocks), stored(sum(b[1] for b in self.blocks))),
             "the rows of a table, or their sum")
        must(change != 2 or not self.blocks, "rows of an unchanged table")
        must((change == 1) == self.has_units, "units")
        self.lines.append(f"end of table {table}: change {change}, rows {row_count}, sum {total.hex()}, size {size}")
        for number, facts in enumerate(self.facts):
            said = struct.unpack(FACTS, body.bytes(struct.calcsize(FACTS)))
            must(said == facts.numbers(), f"the facts of column {number}")
            self.lines.append(f"  facts {number}: " + " ".join(map(str, said)))
        must(size == self.size, "the size of the rows")
        self.ends[table] = (row_count, total)
        self.start_table()


def main():
    try:
        with open(sys.argv[1], "rb") as file:
            dump = Dump(file.read())
    except DumpError as error:
        print(f"read_dump.py: {error}", file=sys.stderr)
        return error.status
    print("\n".join(dump.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
