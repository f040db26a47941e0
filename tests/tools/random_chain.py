"""Random databases that change, and their chains of dumps, cut into units in every way that SPEC 7.2 allows."""
from __future__ import annotations

import collections
import random
import sqlite3
from pathlib import Path

import reference
from reference import Snapshot, Table

Units = dict[bytes, list[list[bytes]]]      # of each table: the rows of its units


def random_value(rng: random.Random) -> object:
    return rng.choice([None, rng.randrange(-3, 4), rng.randrange(-1 << 63, 1 << 63), rng.random() * 10, 1.0, "", "a", "ä" * rng.randrange(9),
                       "x" * rng.randrange(2000), b"", b"\0\xff", rng.randbytes(rng.randrange(50))])


SCHEMAS = ["{n}(i INTEGER PRIMARY KEY, a, b TEXT, c REAL)", "{n}(a, b, c)", "{n}(a TEXT, b, c, PRIMARY KEY(a, b)) WITHOUT ROWID",
           "{n}(a, b INTEGER, c UNIQUE)", "{n}(i INTEGER PRIMARY KEY AUTOINCREMENT, a, b, c)"]


def edit(db: sqlite3.Connection, rng: random.Random) -> None:
    """One random change of the database."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    what = rng.randrange(12)
    if not tables or what == 0:
        db.execute("CREATE TABLE " + rng.choice(SCHEMAS).format(n=f"t{rng.randrange(1000)}_{len(tables)}"))
        return
    table = rng.choice(tables)
    if what == 1 and len(tables) > 2:
        db.execute(f"DROP TABLE {table}")
    elif what == 2:
        db.execute(f"ALTER TABLE {table} ADD COLUMN c{rng.randrange(10 ** 9)} DEFAULT 5")
    elif what == 3:
        db.execute(f"CREATE INDEX i{rng.randrange(10 ** 9)} ON {table}(b)")
    elif what == 4:
        db.execute(f"DELETE FROM {table} WHERE random() % {rng.randrange(1, 5)} = 0")
    elif what == 5:
        db.execute(f"UPDATE OR IGNORE {table} SET b = ? WHERE random() % 3 = 0", (random_value(rng),))
    elif what == 6:
        db.commit()
        db.execute("VACUUM")
    elif what == 7:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if not row[5] or row[2] != "INTEGER"]
        db.execute(f"INSERT OR IGNORE INTO {table}({', '.join(columns)}) SELECT {', '.join(columns)} FROM {table} LIMIT 20")
    else:
        for _ in range(rng.randrange(1, 40)):
            db.execute(f"INSERT OR REPLACE INTO {table}(a, b, c) VALUES(?, ?, ?)", [random_value(rng) or 0, random_value(rng) or 0, random_value(rng)])


def split(rng: random.Random, items: list, count: int) -> list[list]:
    """Into count parts, some perhaps empty."""
    cuts = [0, *sorted(rng.randrange(len(items) + 1) for _ in range(count - 1)), len(items)]
    return [items[a:b] for a, b in zip(cuts, cuts[1:])]


def encode_units(ordinal: int, units: list[tuple[int, int, list[list[bytes]]]]) -> bytes:
    body = reference.u32(ordinal) + reference.u32(len(units))
    for source_count, block_count, chunks in units:
        body += reference.u32(source_count) + reference.u32(block_count) + reference.u32(len(chunks))
        for chunk in chunks:
            body += reference.u32(len(chunk)) + reference.hash_bytes(sum(map(reference.xxh3, chunk)))
            body += reference.u64(reference.xxh3(chunk[-1]))
    return body


Group = tuple[list[list[bytes]], list[bytes]]       # old units, and the rows that they become


def groups_at_random(old: list[list[bytes]], rows: list[bytes], rng: random.Random) -> list[Group]:
    count = rng.randrange(1, len(old) + 2)
    return list(zip(split(rng, old, count), split(rng, rows, count)))


def groups_in_place(old: list[list[bytes]], rows: list[bytes]) -> list[Group]:
    """Every unit stays, less its removed rows; what was added stands in the last one."""
    was, now = collections.Counter(row for unit in old for row in unit), collections.Counter(rows)
    gone, added = was - now, now - was
    groups = []
    for unit in old:
        target = []
        for row in unit:
            if gone[row]:
                gone[row] -= 1
            else:
                target.append(row)
        groups.append(([unit], target))
    groups[-1][1].extend(added.elements())
    return groups


def without_nothing(groups: list[Group]) -> list[Group]:
    """A unit without rows has one source; so what has none, or several empty ones, joins another."""
    kept: list[Group] = []
    waiting: list[list[bytes]] = []
    for source, target in groups:
        source, waiting = waiting + source, []
        if target or any(source):
            kept.append((source, target))
        else:
            waiting = source
    kept[-1] = (kept[-1][0] + waiting, kept[-1][1])
    return kept


def patch(writer: reference.Writer, ordinal: int, table: Table, old: list[list[bytes]], rng: random.Random) -> list[list[bytes]]:
    groups = without_nothing(groups_at_random(old, table.rows, rng) if rng.random() < 0.5 else groups_in_place(old, table.rows))
    units: list[tuple[int, int, list[list[bytes]]]] = []
    added_rows: list[bytes] = []
    for source, target in groups:
        was, now = collections.Counter(row for unit in source for row in unit), collections.Counter(target)
        removed, added = list((was - now).elements()), list((now - was).elements())
        added_rows += added
        if not removed and not added and len(source) == 1:
            units.append((1, 0, []))
            continue
        pieces = rng.randrange(1, 3)
        blocks = [(r, a) for r, a in zip(split(rng, removed, pieces), split(rng, added, pieces)) if r or a]
        for r, a in blocks:
            writer.rows(ordinal, r, a, len(table.columns))
        units.append((len(source), len(blocks), [c for c in split(rng, target, rng.randrange(1, 3)) if c]))
    writer.block(reference.UNITS, encode_units(ordinal, units), ordinal)
    writer.end(ordinal, reference.PATCH, table, added_rows)
    return [target for _, target in groups]


def delta(old: Snapshot, new: Snapshot, units: Units, rng: random.Random) -> tuple[bytes, Units]:
    writer = reference.Writer(2, old.state)
    writer.block(reference.SCHEMA, new.identity + new.description)
    before = {t.name: t for t in old.tables}
    after: Units = {}
    for ordinal, table in enumerate(new.tables):
        was = before.get(table.name)
        columns = [c.name for c in table.columns]
        if was is None or [c.name for c in was.columns] != columns or not units[table.name] or not table.rows or rng.random() < 0.1:
            after[table.name] = list(reference.chunks(table.rows, rng.choice([50, 500, 5000])))
            for part in after[table.name]:
                writer.rows(ordinal, [], part, len(table.columns))
            writer.end(ordinal, reference.WHOLE, table, table.rows)
        elif collections.Counter(was.rows) == collections.Counter(table.rows):
            after[table.name] = units[table.name]
            writer.end(ordinal, reference.SAME, table, [])
        else:
            after[table.name] = patch(writer, ordinal, table, units[table.name], rng)
    return writer.finish(new.state), after


def full(new: Snapshot, rng: random.Random) -> tuple[bytes, Units]:
    writer, units = reference.Writer(1), {}
    writer.block(reference.SCHEMA, new.identity + new.description)
    for ordinal, table in enumerate(new.tables):
        units[table.name] = list(reference.chunks(table.rows, rng.choice([50, 500, 5000])))
        for part in units[table.name]:
            writer.rows(ordinal, [], part, len(table.columns))
        writer.end(ordinal, reference.WHOLE, table, table.rows)
    return writer.finish(new.state), units


def chain(folder: Path, seed: int, length: int) -> tuple[list[Path], list[Snapshot]]:
    """A full dump and length - 1 deltas, and the snapshots that they lead to."""
    rng = random.Random(seed)
    path = folder / "source.db"
    db = sqlite3.connect(path)
    paths, snapshots, units = [], [], Units()
    for i in range(length):
        for _ in range(rng.randrange(1, 20) if i == 0 else rng.randrange(1, 6)):
            edit(db, rng)
        db.commit()
        snapshots.append(reference.read(path))
        paths.append(folder / f"dump{i}")
        dump, units = full(snapshots[0], rng) if i == 0 else delta(snapshots[-2], snapshots[-1], units, rng)
        paths[-1].write_bytes(dump)
    db.close()
    return paths, snapshots
