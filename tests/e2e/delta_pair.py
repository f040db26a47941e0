"""A SQLite database and the PostgreSQL database that follows it by deltas."""
from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import compare
from conftest import Database
from programs import DUMP, REPLAY, fail, succeed


class Pair:
    """A SQLite database and its dumps, and the PostgreSQL database that follows."""

    def __init__(self, folder: Path, database: Database, sqlite_schema: str, postgres_schema: str | None = None) -> None:
        self.folder, self.database, self.source = folder, database, folder / "source.db"
        self.chain: list[Path] = []
        self.snapshots: list[Path] = []
        self.edit(sqlite_schema)
        database.execute(postgres_schema or sqlite_schema)
        self.schema = self.described()

    def edit(self, script: str) -> None:
        with contextlib.closing(sqlite3.connect(self.source)) as connection:
            connection.executescript(script)

    def dump(self) -> Path:
        """A full dump, or a delta on all dumps before; the snapshot is kept."""
        target = self.folder / f"{len(self.chain)}.valise"
        bases = [word for base in self.chain for word in ("--base", str(base))]
        succeed(DUMP, *bases, "-o", target, self.source)
        self.chain.append(target)
        self.snapshots.append(self.folder / f"{len(self.snapshots)}.db")
        self.snapshots[-1].write_bytes(self.source.read_bytes())
        return target

    def replay(self, *words: str | Path) -> str:
        return succeed(REPLAY, "--dsn", self.database.dsn, *words).out

    def refuse(self, status: int, words: list[str], *arguments: str | Path) -> None:
        fail(status, words, REPLAY, "--dsn", self.database.dsn, *arguments)

    def check(self, at: int = -1) -> None:
        """The target is the snapshot, and its schema is what it was."""
        assert compare.differences(compare.compare(self.snapshots[at], self.database.dsn)) == []
        assert self.described() == self.schema

    def described(self) -> list[tuple[str, ...]]:
        return self.database.query("""
            SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), ''
              FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace
            UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text
              FROM pg_trigger WHERE NOT tgisinternal
            ORDER BY 1, 2, 3""")


def follow(pair: Pair, edits: str) -> None:
    """Full dump, edits, delta: applied, taken back, applied again."""
    full = pair.dump()
    pair.replay(full)
    pair.edit(edits)
    delta = pair.dump()
    pair.replay(delta)
    pair.check(1)
    pair.replay("--undo", delta)
    pair.check(0)
    pair.replay(full, delta)
    pair.check(1)


KEYED = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BIGINT);"
