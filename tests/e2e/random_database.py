"""A random SQLite database and random edits of it, from a seed.

Everything that makes deltas hard is in here: equal rows, NULLs in keys, every storage class in any column, reused
rowids, INSERT OR REPLACE, VACUUM, tables without rowid, tables made, dropped and altered between two snapshots.
"""
from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass, field

NAMES = ["a", "b b", 'quo"te', "select", "ü", "rowid_", "c1", "c2", "c3", "c4"]
WORDS = ["", "x", "hello", "ÜNÏ", "a\0b", "line\nbreak", "'", "\\N", "0", "1"]


@dataclass
class Table:
    name: str
    columns: list[str]
    key: str  # none, rowid, unique or without_rowid


@dataclass
class RandomDatabase:
    """A database at `path`; every method changes it through one connection that is closed again."""

    path: str
    seed: int
    tables: dict[str, Table] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    # ------------------------------------------------------------------------------------------ values

    def value(self) -> object:
        pick = self.random.randrange(12)
        if pick == 0:
            return None
        if pick <= 3:
            return self.random.randrange(-5, 50)
        if pick == 4:
            return self.random.choice([2**63 - 1, -(2**63), 0, 2**31])
        if pick == 5:
            return self.random.choice([0.5, -0.0, float("inf"), 1e300, 3.0])
        if pick <= 8:
            return self.random.choice(WORDS)
        if pick == 9:
            return "t" * self.random.randrange(300)
        return self.random.randbytes(self.random.choice([0, 1, 8, 100]))

    def row(self, table: Table, number: int) -> list[object]:
        values = [self.value() for _ in table.columns]
        if table.key in ("unique", "without_rowid"):
            values[0] = number if self.random.random() < 0.8 else f"k{number}"
        if table.key == "rowid":
            values[0] = number
        return values

    # ------------------------------------------------------------------------------------------ tables

    def create_table(self, db: sqlite3.Connection) -> None:
        self.made += 1
        columns = self.random.sample(NAMES, self.random.randrange(1, 7))
        table = Table(f't {self.made}"', columns, self.random.choice(["none", "none", "rowid", "unique", "without_rowid"]))
        types = ["", "INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]
        definitions = [f"{quote(c)} {self.random.choice(types)}" for c in columns]
        if table.key == "rowid":
            definitions[0] = f"{quote(columns[0])} INTEGER PRIMARY KEY"
        elif table.key == "unique":
            definitions[0] = f"{quote(columns[0])} UNIQUE"
        elif table.key == "without_rowid":
            definitions[0] = f"{quote(columns[0])} PRIMARY KEY NOT NULL"
        suffix = " WITHOUT ROWID" if table.key == "without_rowid" else ""
        db.execute(f"CREATE TABLE {quote(table.name)} ({', '.join(definitions)}){suffix}")
        self.tables[table.name] = table

    def some_table(self) -> Table:
        return self.random.choice(list(self.tables.values()))

    def insert(self, db: sqlite3.Connection, table: Table, count: int, verb: str = "INSERT OR IGNORE") -> None:
        names = ", ".join(quote(c) for c in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        rows = [self.row(table, self.random.randrange(10 * count + 100)) for _ in range(count)]
        rows += rows[: count // 10] if table.key == "none" else []
        db.executemany(f"{verb} INTO {quote(table.name)} ({names}) VALUES ({marks})", rows)

    # ------------------------------------------------------------------------------------------- edits

    def create(self, table_count: int, row_count: int) -> None:
        with self.connect() as db:
            db.execute("BEGIN")
            for _ in range(table_count):
                self.create_table(db)
            for table in self.tables.values():
                self.insert(db, table, self.random.randrange(row_count))
            db.execute("COMMIT")
        db.close()

    def edit(self, count: int) -> list[str]:
        """Makes `count` random edits; returns what they were."""
        done = []
        db = self.connect()
        for _ in range(count):
            edit = self.random.choices(
                [self.edit_insert, self.edit_replace, self.edit_update, self.edit_delete, self.edit_vacuum,
                 self.edit_schema, self.edit_empty],
                [6, 3, 6, 5, 1, 1.5, 0.5])[0]
            edit(db)
            done.append(edit.__name__)
        db.close()
        return done

    def edit_insert(self, db: sqlite3.Connection) -> None:
        self.insert(db, self.some_table(), self.random.choice([1, 10, 200]))

    def edit_replace(self, db: sqlite3.Connection) -> None:
        self.insert(db, self.some_table(), self.random.choice([1, 30]), "INSERT OR REPLACE")

    def where(self, table: Table) -> str:
        column = quote(self.random.choice(table.columns))
        return self.random.choice(
            [f"{column} IS NULL", f"{column} > 40", f"typeof({column}) = 'text'", f"{column} = {self.random.randrange(50)}"])

    def edit_update(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        column = table.columns[-1]
        if table.key != "none" and len(table.columns) == 1:
            return
        db.execute(f"UPDATE {quote(table.name)} SET {quote(column)} = ? WHERE {self.where(table)}", [self.value()])

    def edit_delete(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        db.execute(f"DELETE FROM {quote(table.name)} WHERE {self.where(table)}")

    def edit_empty(self, db: sqlite3.Connection) -> None:
        db.execute(f"DELETE FROM {quote(self.some_table().name)}")

    def edit_vacuum(self, db: sqlite3.Connection) -> None:
        db.execute("VACUUM")

    def edit_schema(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        pick = self.random.randrange(4)
        if pick == 0:
            self.create_table(db)
            self.insert(db, self.tables[f't {self.made}"'], 50)
        elif pick == 1 and len(self.tables) > 2:
            db.execute(f"DROP TABLE {quote(table.name)}")
            del self.tables[table.name]
        elif pick == 2:
            name = f"added{self.made}_{len(table.columns)}"
            db.execute(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(name)} DEFAULT {self.random.randrange(9)}")
            table.columns.append(name)
        else:
            db.execute(f"CREATE INDEX IF NOT EXISTS i{self.made} ON {quote(table.name)} ({quote(table.columns[0])})")


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
