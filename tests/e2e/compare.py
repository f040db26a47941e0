#!/usr/bin/python3
"""Compare a SQLite database with a PostgreSQL one, value by value, without any code of Valise.

Each table is a multiset of rows. Every value that SQLite holds is converted to what a column of the *target's* type
must then hold, and the rows of both sides are compared. What is in only one database is a difference as well,
unless a policy says otherwise (SYNAPSE is one).

    python3 tests/e2e/compare.py [--policy synapse] [--json] SNAPSHOT.db DSN        status 1 if anything differs
"""
from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

import conversion
import synapse_derived

Row = tuple[Any, ...]
EXAMPLES = 5      # rows shown of a table that differs


@dataclass(frozen=True)
class Policy:
    """What an application's move is allowed to do with its tables."""

    kept: frozenset[str] = frozenset()      # the target's own: not compared
    emptied: frozenset[str] = frozenset()   # must hold no row in the target
    derived: dict[str, Callable[[sqlite3.Connection, Any], list[tuple[str, list[Row], list[Row]]]]] = field(
        default_factory=dict)               # compared by a function that knows what must come out


SYNAPSE = Policy(
    kept=frozenset({"schema_version", "schema_compat_version", "applied_schema_deltas", "applied_module_schemas",
                    "background_updates", "instance_map"}),
    emptied=frozenset({"cache_invalidation_stream_by_instance", "worker_locks", "worker_read_write_locks",
                       "worker_read_write_locks_mode"}),
    derived={"event_search": synapse_derived.event_search,
             "user_directory_search": synapse_derived.user_directory_search})
POLICIES = {"none": Policy(), "synapse": SYNAPSE}


@dataclass
class TableResult:
    """One table: `how` is compared, kept, emptied or derived; `differences` is empty when all is well."""

    name: str
    how: str
    source_rows: int = 0
    target_rows: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------ both sides


def open_source(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = conversion.Text   # keeps text apart from blobs, and invalid UTF-8 as it is
    return connection


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def source_tables(source: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of every ordinary table. Shadow tables, virtual tables and SQLite's own are left out."""
    tables = {}
    for _, name, kind, *_ in source.execute("PRAGMA main.table_list").fetchall():
        table = name.decode()
        if kind == b"table" and not table.startswith("sqlite_"):
            columns = source.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
            tables[table] = [c[1].decode() for c in columns if c[6] != 1]
    return tables


def target_tables(target: Any, schema: str) -> dict[str, dict[str, str]]:
    """Type of every column of every table."""
    tables: dict[str, dict[str, str]] = {}
    with target.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod)
              FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              LEFT JOIN pg_type t ON t.oid = a.atttypid
             WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             ORDER BY c.relname, a.attnum""", (quoted(schema),))
        for table, column, kind in cursor:
            columns = tables.setdefault(table, {})
            if column is not None:
                columns[column] = kind
    return tables


def match_names(wanted: Iterable[str], offered: Iterable[str]) -> dict[str, str]:
    """For each name wanted the one offered: the same, or else the only one that differs in case alone."""
    exact, folded = set(offered), collections.defaultdict(list)
    for name in exact:
        folded[name.lower()].append(name)
    found = {}
    for name in wanted:
        if name in exact:
            found[name] = name
        elif len(folded[name.lower()]) == 1:
            found[name] = folded[name.lower()][0]
    return found


# ------------------------------------------------------------------------------------------------- multisets


def fingerprint(row: Row) -> int:
    return int.from_bytes(hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big")


def summary(rows: Iterable[Row]) -> tuple[int, int]:
    """(number of rows, sum of their fingerprints): equal for equal multisets, whatever the order."""
    count = total = 0
    for row in rows:
        count += 1
        total += fingerprint(row)
    return count, total


def show(row: Row) -> str:
    text = repr(row)
    return text if len(text) <= 300 else text[:300] + "..."


def explain(source: Iterable[Row], target: Iterable[Row]) -> list[str]:
    """Some of the rows that only one side has."""
    counts: collections.Counter[int] = collections.Counter()
    for row in source:
        counts[fingerprint(row)] += 1
    extra: list[str] = []
    for row in target:
        key = fingerprint(row)
        if counts[key] > 0:
            counts[key] -= 1
        elif len(extra) < EXAMPLES:
            extra.append(f"only in PostgreSQL: {show(row)}")
    left = +counts
    missing: list[str] = []
    for row in source:
        if left[fingerprint(row)] > 0 and len(missing) < EXAMPLES:
            left[fingerprint(row)] -= 1
            missing.append(f"only in SQLite: {show(row)}")
    return missing + extra


class Rows:
    """Rows that can be read more than once."""

    def __init__(self, read: Callable[[], Iterator[Row]]) -> None:
        self.read = read

    def __iter__(self) -> Iterator[Row]:
        return self.read()


def compare_rows(result: TableResult, source: Iterable[Row], target: Iterable[Row], what: str = "") -> None:
    (source_rows, source_sum), (target_rows, target_sum) = summary(source), summary(target)
    result.source_rows, result.target_rows = source_rows, target_rows
    if (source_rows, source_sum) != (target_rows, target_sum):
        result.differences.append(f"{what}{source_rows} rows in SQLite, {target_rows} in PostgreSQL, not the same")
        result.differences += explain(source, target)


# ---------------------------------------------------------------------------------------------------- tables


def source_rows(source: sqlite3.Connection, table: str, columns: list[str], kinds: list[str]) -> Iterator[Row]:
    converters = [conversion.converter(kind) for kind in kinds]
    names = ", ".join(quoted(column) for column in columns)
    for row in source.execute(f"SELECT {names} FROM {quoted(table)}"):
        yield tuple(convert(value) for convert, value in zip(converters, row))


def target_rows(target: Any, schema: str, table: str, columns: list[str], kinds: list[str]) -> Iterator[Row]:
    readers = [conversion.reader(kind) for kind in kinds]
    names = ", ".join(quoted(column) + conversion.cast(kind) for column, kind in zip(columns, kinds))
    with target.cursor(name="compare") as cursor:   # named: read in portions
        cursor.itersize = 5000
        cursor.execute(f"SELECT {names} FROM {quoted(schema)}.{quoted(table)}")
        for row in cursor:
            yield tuple(read(value) for read, value in zip(readers, row))


def count(connection: Any, table: str) -> int:
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


class Comparison:
    """One SQLite database, one schema of a PostgreSQL database, one policy."""

    def __init__(self, source: sqlite3.Connection, target: Any, policy: Policy, schema: str) -> None:
        self.source, self.target, self.policy, self.schema = source, target, policy, schema
        self.source_tables = source_tables(source)
        self.target_tables = target_tables(target, schema)
        self.names = match_names(self.source_tables, self.target_tables)

    def run(self) -> list[TableResult]:
        results = [self.table(name) for name in sorted(self.source_tables)]
        results += [self.only_in_target(name) for name in sorted(set(self.target_tables) - set(self.names.values()))]
        return sorted(results, key=lambda result: result.name)

    def in_target(self, table: str) -> str:
        return f"{quoted(self.schema)}.{quoted(table)}"

    def table(self, name: str) -> TableResult:
        target = self.names.get(name)
        if target in self.policy.kept:
            return TableResult(name, "kept", count(self.source, quoted(name)), count(self.target, self.in_target(target)))
        if target in self.policy.emptied:
            result = TableResult(name, "emptied", 0, count(self.target, self.in_target(target)))
            if result.target_rows:
                result.differences.append(f"must be empty, but has {result.target_rows} rows")
            return result
        result = TableResult(name, "compared", count(self.source, quoted(name)))
        if target is None:
            result.differences.append("is missing in PostgreSQL")
        else:
            self.columns(result, target)
        return result

    def columns(self, result: TableResult, target: str) -> None:
        kinds = self.target_tables[target]
        matched = match_names(self.source_tables[result.name], kinds)
        for column in self.source_tables[result.name]:
            if column not in matched:
                result.differences.append(f"column {column!r} is missing in PostgreSQL")
        for column in set(kinds) - set(matched.values()):
            result.differences.append(f"column {column!r} is missing in SQLite")
        pairs = sorted(matched.items())
        if not pairs:
            return
        here, there = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        types = [kinds[column] for column in there]
        compare_rows(result, Rows(lambda: source_rows(self.source, result.name, here, types)),
                     Rows(lambda: target_rows(self.target, self.schema, target, there, types)))
        result.values = result.source_rows * len(pairs)

    def only_in_target(self, name: str) -> TableResult:
        if name in self.policy.derived:
            result = TableResult(name, "derived")
            for what, expected, found in self.policy.derived[name](self.source, self.target):
                compare_rows(result, expected, found, what)
            return result
        rows = count(self.target, self.in_target(name))
        if name in self.policy.kept:
            return TableResult(name, "kept", 0, rows)
        how = "emptied" if name in self.policy.emptied else "compared"
        return TableResult(name, how, 0, rows, 0, [f"is only in PostgreSQL, with {rows} rows"] if rows else [])


def compare(snapshot: Path, dsn: str, policy: Policy = Policy(), schema: str = "public") -> list[TableResult]:
    """Compare all tables; a result per table, `differences` empty everywhere if nothing differs."""
    with contextlib.closing(open_source(snapshot)) as source, contextlib.closing(psycopg2.connect(dsn)) as target:
        target.set_session(isolation_level="REPEATABLE READ", readonly=True)
        return Comparison(source, target, policy, schema).run()


def differences(results: list[TableResult]) -> list[str]:
    """All that differs, one line each."""
    return [f"{result.name}: {line}" for result in results for line in result.differences]


# ---------------------------------------------------------------------------------------------- command line


def print_report(results: list[TableResult]) -> None:
    wrong = [result for result in results if result.differences]
    for result in wrong:
        print(f"{result.name}:")
        for line in result.differences:
            print(f"    {line}")
    tables = [result for result in results if result.how in ("compared", "derived")]
    print(f"{len(tables)} tables, {sum(r.source_rows for r in tables)} rows, {sum(r.values for r in tables)} values "
          f"compared; {len(wrong)} tables differ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=POLICIES, default="none")
    parser.add_argument("--json", action="store_true", help="print the result of every table as JSON")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("dsn")
    options = parser.parse_args()
    results = compare(options.snapshot, options.dsn, POLICIES[options.policy])
    if options.json:
        json.dump([dataclasses.asdict(result) for result in results], sys.stdout, indent=1)
    else:
        print_report(results)
    return 1 if differences(results) else 0


if __name__ == "__main__":
    sys.exit(main())
