"""A random SQLite database and random edits of it, from a seed; and what a PostgreSQL schema needs to follow.

Everything that makes deltas hard is in here: equal rows, NULLs in keys, every storage class, keys of one and several
columns, reused rowids and values that must be unique and move from row to row, INSERT OR REPLACE, VACUUM, tables
without rowid, foreign keys whose actions take rows along, generated columns, names that must be quoted, partial and
expression indexes, and tables made, dropped, made anew and altered between two snapshots.
"""
from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from random_values import KEYED, KINDS, TYPED, Kind

NAMES = ["a", "b b", 'quo"te', "select", "ü", "rowid_", "c1", "C2", "c.3", "x=y", "new\nline", "%s", "it's", "ctid_", "z" * 60]
ACTIONS = ["CASCADE", "CASCADE", "SET NULL", "NO ACTION", "RESTRICT"]


@dataclass
class Column:
    name: str
    kind_name: str
    declared: str
    is_nullable: bool = True
    expression: str | None = None       # of a generated column
    is_fixed: bool = False              # an index, key or expression stands on it

    @property
    def kind(self) -> Kind:
        return KINDS[self.kind_name]


@dataclass
class Reference:
    columns: list[Column]
    parent: str
    parent_columns: list[Column]
    on_delete: str
    on_update: str


@dataclass
class Table:
    name: str
    columns: list[Column]
    form: str                           # of the key: none, rowid, primary, loose, unique
    key: list[Column]
    uniques: list[list[Column]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    has_rowid: bool = True

    @property
    def is_any(self) -> bool:
        return self.columns[0].kind_name == "any"

    @property
    def written(self) -> list[Column]:
        return [column for column in self.columns if column.expression is None]

    def is_unique(self, column: Column) -> bool:
        return column in self.key or any(column in unique for unique in self.uniques)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def listed(columns: list[Column]) -> str:
    return ", ".join(quote(column.name) for column in columns)


@dataclass
class RandomDatabase:
    """A database at `path`. `statements`, then making the tables in `made`, then `indexes` do to a PostgreSQL schema
    what the edits did to this one; who follows it empties all three."""

    path: str
    seed: int
    any_part: float = 0.15              # of the tables: those that no type of PostgreSQL holds
    tables: dict[str, Table] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    indexes: list[tuple[str, str]] = field(default_factory=list)    # by table; when the tables are made
    number: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = OFF")
            yield db

    def types(self) -> list[str]:
        """The options that tell valise schema what it cannot guess."""
        return [word for table in self.tables.values() for column in table.columns if column.kind.is_named
                for word in ("--type", f"{table.name}.{column.name}={column.kind.target}")]

    # ---------------------------------------------------------------------------------------------- rows

    def value(self, table: Table, column: Column) -> object:
        if column.is_nullable and self.random.random() < 0.15:
            return None
        if table.is_unique(column):
            assert column.kind.key is not None
            return column.kind.key(self.random)
        return column.kind.value(self.random)

    def row(self, db: sqlite3.Connection, table: Table) -> list[object]:
        values = {column.name: self.value(table, column) for column in table.written}
        for reference in table.references:
            rows = db.execute(f"SELECT {listed(reference.parent_columns)} FROM {quote(reference.parent)} LIMIT 50").fetchall()
            own = [tuple(values[column.name] for column in reference.parent_columns)] if reference.parent == table.name else []
            found = self.random.choice(rows + own) if rows + own and self.random.random() < 0.8 else [None] * len(reference.columns)
            values.update((column.name, value) for column, value in zip(reference.columns, found))
        return [values[column.name] for column in table.written]

    def insert(self, db: sqlite3.Connection, table: Table, count: int, verb: str = "INSERT OR IGNORE") -> None:
        marks = ", ".join("?" for _ in table.written)
        rows = [self.row(db, table) for _ in range(count)]
        rows += rows[: count // 10] if table.form == "none" else []
        for row in rows:
            with contextlib.suppress(sqlite3.IntegrityError):
                db.execute(f"{verb} INTO {quote(table.name)} ({listed(table.written)}) VALUES ({marks})", row)

    # -------------------------------------------------------------------------------------------- tables

    def column(self, name: str, kind: str) -> Column:
        return Column(name, kind, self.random.choice(KINDS[kind].declared))

    def new_table(self, name: str, is_any: bool) -> Table:
        columns = [self.column(name, "any" if is_any else self.random.choice(TYPED))
                   for name in self.random.sample(NAMES, self.random.randrange(1, 7))]
        table = Table(name, columns, self.random.choice(["none", "none", "rowid", "rowid", "primary", "primary", "loose", "unique"]), [])
        self.choose_key(table, is_any)
        for column in table.columns:
            column.is_nullable = column.is_nullable and (table.form == "loose" or self.random.random() < 0.9)
        if not is_any:
            self.choose_uniques(table)
            self.choose_references(table)
            self.choose_generated(table)
        self.random.shuffle(table.columns)
        return table

    def choose_key(self, table: Table, is_any: bool) -> None:
        if table.form == "none":
            return
        count = 1 if table.form in ("rowid", "loose") else min(len(table.columns), self.random.choice([1, 1, 2, 3]))
        table.key = table.columns[:count]
        for column in table.key:
            kind = "any" if is_any else "integer" if table.form == "rowid" else "text" if table.form == "loose" else self.random.choice(KEYED)
            column.kind_name, column.declared, column.is_fixed = kind, self.random.choice(KINDS[kind].declared), True
            column.is_nullable = table.form in ("loose", "unique")
            column.declared = "INTEGER" if table.form == "rowid" else column.declared
        if table.form == "primary":
            table.has_rowid = self.random.random() < 0.5
        if table.form == "primary" and [column.declared for column in table.key] == ["INTEGER"]:
            table.key[0].declared = "BIGINT"

    def choose_uniques(self, table: Table) -> None:
        for column in table.columns:
            if column.kind_name in KEYED and column not in table.key and self.random.random() < 0.25:
                table.uniques.append([column])
                column.is_fixed = True

    def choose_references(self, table: Table) -> None:
        parents = [other for other in self.tables.values() if other.form in ("rowid", "primary") and not other.is_any]
        parents += [table] if table.form in ("rowid", "primary") else []
        if not parents or self.random.random() < 0.4:
            return
        for number in range(self.random.choice([1, 1, 2])):
            parent = self.random.choice(parents)
            columns = [Column(f"to{number}_{i}", column.kind_name, column.declared, is_fixed=True) for i, column in enumerate(parent.key)]
            table.columns += columns
            table.references.append(Reference(columns, parent.name, parent.key, self.random.choice(ACTIONS),
                                              self.random.choice(["NO ACTION", "CASCADE"])))

    def choose_generated(self, table: Table) -> None:
        sources = [column for column in table.columns if column.kind_name == "small"]
        if sources:
            sources[0].is_fixed = True
            table.columns.append(Column("made", "integer", "INTEGER", expression=f"{quote(sources[0].name)} * 2", is_fixed=True))

    def create_table(self, db: sqlite3.Connection, name: str, row_count: int, is_any: bool | None = None) -> None:
        chance = bool(self.tables) and self.random.random() < self.any_part
        table = self.new_table(name, chance if is_any is None else is_any)
        parts = [self.definition(table, column) for column in table.columns]
        if table.form in ("primary", "loose"):
            parts.append(f"PRIMARY KEY ({listed(table.key)})")
        parts += [f"UNIQUE ({listed(unique)})" for unique in table.uniques + ([table.key] if table.form == "unique" else [])]
        parts += [f"FOREIGN KEY ({listed(r.columns)}) REFERENCES {quote(r.parent)} ({listed(r.parent_columns)})"
                  f" ON DELETE {r.on_delete} ON UPDATE {r.on_update}" for r in table.references]
        db.execute(f"CREATE TABLE {quote(name)} ({', '.join(parts)}){'' if table.has_rowid else ' WITHOUT ROWID'}")
        self.tables[name] = table
        if not table.is_any:
            self.made.append(name)
        self.insert(db, table, row_count)

    def definition(self, table: Table, column: Column) -> str:
        words = [quote(column.name), column.declared]
        if table.form == "rowid" and column in table.key:
            words.append("PRIMARY KEY" + self.random.choice(["", " AUTOINCREMENT"]))
        elif not column.is_nullable:
            words.append("NOT NULL")
        if column.expression is not None:
            words.append(f"GENERATED ALWAYS AS ({column.expression}) {self.random.choice(['STORED', 'VIRTUAL'])}")
        return " ".join(words)

    def create(self, table_count: int, row_count: int) -> None:
        with self.opened() as db:
            db.execute("BEGIN")
            for _ in range(table_count):
                self.create_table(db, self.new_name(), self.random.randrange(row_count))
            self.show_nulls(db)
            db.execute("COMMIT")

    def show_nulls(self, db: sqlite3.Connection) -> None:
        """That a key may hold NULL must be seen in the rows when the target's table is made of them."""
        for table in self.tables.values():
            if table.form == "loose" and table.name in self.made:
                db.execute(f"INSERT INTO {quote(table.name)} ({listed(table.key)}) VALUES (NULL)")

    def new_name(self) -> str:
        self.number += 1
        return self.random.choice(['t {}"', "T{}", "t.{}", "Ü{}'", "order{}", "t{}\nx"]).format(self.number)

    # --------------------------------------------------------------------------------------------- edits

    def edit(self, count: int, alters: bool = True) -> list[str]:
        """Makes `count` random edits; returns what they were."""
        edits = {self.edit_insert: 6, self.edit_replace: 4, self.edit_update: 6, self.edit_delete: 5, self.edit_swap: 3,
                 self.edit_vacuum: 1, self.edit_empty: 0.5, self.edit_schema: 1.5 if alters else 0}
        done = []
        with self.opened() as db:
            for _ in range(count):
                edit = self.random.choices(list(edits), list(edits.values()))[0]
                with contextlib.suppress(sqlite3.IntegrityError):
                    edit(db)
                done.append(edit.__name__)
            self.mend_references(db)
            self.show_nulls(db)
        return done

    def mend_references(self, db: sqlite3.Connection) -> None:
        """INSERT OR REPLACE into a table that refers to itself may leave rows that refer to nothing."""
        db.execute("PRAGMA foreign_keys = OFF")
        while broken := {table for table, *_ in db.execute("PRAGMA foreign_key_check")}:
            for table in broken:
                db.execute(f"DELETE FROM {quote(table)}")

    def some_table(self) -> Table:
        return self.random.choice(list(self.tables.values()))

    def where(self, table: Table) -> str:
        column = quote(self.random.choice(table.columns).name)
        return self.random.choice([f"{column} IS NULL", f"{column} > 40", f"typeof({column}) = 'text'",
                                   f"{column} = {self.random.randrange(50)}", f"length({column}) % 5 = {self.random.randrange(5)}"])

    def edit_insert(self, db: sqlite3.Connection) -> None:
        self.insert(db, self.some_table(), self.random.choice([1, 10, 100]))

    def edit_replace(self, db: sqlite3.Connection) -> None:
        self.insert(db, self.some_table(), self.random.choice([1, 30]), "INSERT OR REPLACE")

    def edit_update(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        column = self.random.choice(table.written)
        if any(column in reference.columns for reference in table.references):
            return
        verb = self.random.choice(["UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE"])
        db.execute(f"{verb} {quote(table.name)} SET {quote(column.name)} = ? WHERE {self.where(table)}", [self.value(table, column)])

    def edit_delete(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        db.execute(f"DELETE FROM {quote(table.name)} WHERE {self.where(table)}")

    def edit_swap(self, db: sqlite3.Connection) -> None:
        """Two rows exchange a value that must be unique."""
        table = self.some_table()
        columns = [column for column in table.written if table.is_unique(column) and (table.form != "rowid" or column not in table.key)]
        if not columns or not table.has_rowid:
            return
        column = self.random.choice(columns)
        rows = db.execute(f"SELECT _rowid_, {quote(column.name)} FROM {quote(table.name)} LIMIT 30").fetchall()
        if len(rows) < 2:
            return
        (first, one), (second, other) = self.random.sample(rows, 2)
        db.execute("BEGIN")
        try:
            for value, row in [(self.value(table, column), first), (one, second), (other, first)]:
                db.execute(f"UPDATE {quote(table.name)} SET {quote(column.name)} = ? WHERE _rowid_ = ?", [value, row])
            db.execute("COMMIT")
        except sqlite3.IntegrityError:
            db.execute("ROLLBACK")

    def edit_empty(self, db: sqlite3.Connection) -> None:
        db.execute(f"DELETE FROM {quote(self.some_table().name)}")

    def edit_vacuum(self, db: sqlite3.Connection) -> None:
        db.execute("VACUUM")

    # -------------------------------------------------------------------------------------------- schema

    def edit_schema(self, db: sqlite3.Connection) -> None:
        self.random.choice([self.schema_create, self.schema_drop, self.schema_again, self.schema_add_column, self.schema_drop_column,
                            self.schema_rename_column, self.schema_index, self.schema_index])(db)

    def tell(self, table: Table, statement: str) -> None:
        """A table that is still to be made will be made as it is then."""
        if not table.is_any and table.name not in self.made:
            self.statements.append(statement)

    def droppable(self) -> list[Table]:
        parents = {reference.parent for table in self.tables.values() for reference in table.references if reference.parent != table.name}
        return [table for table in self.tables.values() if table.name not in parents]

    def schema_create(self, db: sqlite3.Connection) -> None:
        self.create_table(db, self.new_name(), 50)

    def drop(self, db: sqlite3.Connection, table: Table, is_told: bool) -> None:
        db.execute(f"DROP TABLE {quote(table.name)}")       # foreign keys may forbid it
        del self.tables[table.name]
        if is_told:
            self.tell(table, f"DROP TABLE {quote(table.name)} CASCADE")
        if table.name in self.made:
            self.made.remove(table.name)
        self.indexes = [(name, statement) for name, statement in self.indexes if name != table.name]

    def schema_drop(self, db: sqlite3.Connection) -> None:
        """The target's table may stay: it is emptied."""
        if len(self.droppable()) > 1:
            self.drop(db, self.random.choice(self.droppable()), self.random.random() < 0.5)

    def schema_again(self, db: sqlite3.Connection) -> None:
        """Another table of the same name."""
        table = self.random.choice(self.droppable())
        self.drop(db, table, True)
        self.create_table(db, table.name, 50, table.is_any)

    def schema_add_column(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        column = self.column(f"added {len(table.columns)}", "any" if table.is_any else self.random.choice(TYPED))
        if any(other.name == column.name for other in table.columns):
            return
        db.execute(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {column.declared}")
        table.columns.append(column)
        self.tell(table, f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {column.kind.target}")

    def loose_columns(self, table: Table) -> list[Column]:
        return [column for column in table.columns if not column.is_fixed]

    def schema_drop_column(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        if len(table.columns) < 2 or not self.loose_columns(table):
            return
        column = self.random.choice(self.loose_columns(table))
        db.execute(f"ALTER TABLE {quote(table.name)} DROP COLUMN {quote(column.name)}")
        table.columns.remove(column)
        self.tell(table, f"ALTER TABLE {quote(table.name)} DROP COLUMN {quote(column.name)}")

    def schema_rename_column(self, db: sqlite3.Connection) -> None:
        table = self.some_table()
        if not self.loose_columns(table):
            return
        column = self.random.choice(self.loose_columns(table))
        name = f"renamed {self.number}"
        if any(other.name == name for other in table.columns):
            return
        db.execute(f"ALTER TABLE {quote(table.name)} RENAME COLUMN {quote(column.name)} TO {quote(name)}")
        self.tell(table, f"ALTER TABLE {quote(table.name)} RENAME COLUMN {quote(column.name)} TO {quote(name)}")
        column.name = name

    def schema_index(self, db: sqlite3.Connection) -> None:
        """An index that both sides understand; a unique one only where the rows allow it."""
        table = self.some_table()
        keyed = [column for column in table.columns if column.kind_name in KEYED or table.is_any]
        if not keyed:
            return
        column = self.random.choice(keyed)
        self.number += 1
        name, what, where = quote(f"i {self.number}"), quote(column.name), quote(self.random.choice(table.columns).name)
        texts = [f"CREATE INDEX {name} ON {quote(table.name)} ({what})",
                 f"CREATE INDEX {name} ON {quote(table.name)} ({what}) WHERE {where} IS NOT NULL"]
        if table.is_unique(column):
            texts.append(f"CREATE UNIQUE INDEX {name} ON {quote(table.name)} ({what}) WHERE {where} IS NULL")
        if column.kind_name == "text":
            texts.append(f"CREATE INDEX {name} ON {quote(table.name)} (lower({what}))")
        if column.kind_name == "text" and table.is_unique(column):
            texts.append(f"CREATE UNIQUE INDEX {name} ON {quote(table.name)} (lower({what}))")
        text = self.random.choice(texts)
        db.execute(text)
        column.is_fixed = True
        next(other for other in table.columns if quote(other.name) == where).is_fixed = True
        if not table.is_any and (table.name not in self.made or " WHERE " in text or "lower(" in text):
            self.indexes.append((table.name, text))
