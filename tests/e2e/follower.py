"""A PostgreSQL schema that follows a random database: its tables are made by valise schema, its rows by replays."""
from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import compare
import programs
from conftest import Database
from random_database import RandomDatabase, quote

PROFILE = """profile: random
title: a random database
format: 1
tables:
"""


def statements_of(script: str) -> list[str]:
    """The statements of a script of valise schema, without its comments."""
    text = "".join(line for line in script.splitlines(keepends=True) if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


def is_of(statement: str, table: str) -> bool:
    name = re.escape(quote(table))
    return re.match(rf"(CREATE TABLE|ALTER TABLE|CREATE (UNIQUE )?INDEX (\"([^\"]|\"\")*\" )?ON) {name} ", statement) is not None


class Follower:
    """One database that is used again and again: clear() begins anew."""

    def __init__(self, database: Database, profile: Path) -> None:
        self.database, self.profile = database, profile
        self.statements: list[str] = []         # all that made the schema what it is
        self.nowhere: set[str] = set()
        self.connection = database.server.connect(database.name)

    def close(self) -> None:
        self.connection.close()

    def execute(self, statements: list[str]) -> None:
        with contextlib.closing(self.connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
        self.statements += statements

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connection.cursor()) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def clear(self) -> None:
        self.execute(["DROP SCHEMA IF EXISTS valise CASCADE", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"])
        self.statements, self.nowhere = [], set()

    def take_statements(self, source: RandomDatabase, dump: Path) -> tuple[list[str], list[str]]:
        """What the edits since the last call mean for this schema, before and after the rows of now are there; `dump` is a
        full one of now."""
        script = programs.succeed(programs.VALISE, "schema", *source.types(), dump).out
        made = [statement for statement in statements_of(script) for table in source.made if is_of(statement, table)]
        result = source.statements + made, [statement for _, statement in source.indexes]
        source.made, source.statements, source.indexes = [], [], []
        return result

    def write_profile(self, source: RandomDatabase) -> None:
        """Tables with values that no type holds go nowhere."""
        self.nowhere |= {table.name for table in source.tables.values() if table.is_any}
        text = PROFILE if self.nowhere else PROFILE.replace("tables:\n", "")
        for name in sorted(self.nowhere):
            escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            text += f'  "{escaped}": {{action: ignore}}\n'
        self.profile.write_text(text, encoding="utf-8")

    def replay(self, *words: str | Path) -> programs.Done:
        return programs.run(programs.REPLAY, "--dsn", self.database.dsn, "--allow-sessions", "--profile", self.profile, "-j", "2", *words)

    def contents(self) -> dict[str, tuple[int, str]]:
        """Of each table: its number of rows, and a hash of them."""
        names = [name for name, in self.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")]
        if not names:
            return {}
        selects = [f"SELECT {self.literal(name)}, count(*), md5(coalesce(string_agg(row, '|' ORDER BY row), '')) FROM"
                   f" (SELECT t::text COLLATE \"C\" AS row FROM {quote(name)} AS t) AS rows" for name in names]
        return {name: (count, found) for name, count, found in self.query(" UNION ALL ".join(selects))}

    def schema(self) -> list[tuple[Any, ...]]:
        return self.query("""
            SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text
              FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace
            ORDER BY 1, 2, 3""")

    def sequences(self) -> dict[str, int]:
        return {name: value for name, value in self.query(
            "SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'public'")}

    def differences(self, snapshot: Path) -> list[str]:
        """By an independent reader of both sides."""
        results = compare.compare(snapshot, self.database.dsn)
        return compare.differences([result for result in results if result.name not in self.nowhere])

    @staticmethod
    def literal(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"
