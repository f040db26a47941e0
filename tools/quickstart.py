"""The moving part of tools/quickstart: pack a database, unpack it into PostgreSQL, and compare every value.

Run by tools/quickstart, with a throwaway PostgreSQL in the environment.
"""
from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import compare
import psycopg2
import sample_database
from synapse_kit import configuration, installation, process, snapshots

BUILD = Path(os.environ["VALISE_BUILD_DIR"])
DUMP, REPLAY, VALISE = BUILD / "dump/valise-dump", BUILD / "replay/valise-replay", BUILD / "tools/valise"
ASSERTS = Path("tests/startup_asserts.sql")


class Stop(Exception):
    """The move can't be made, or went wrong; the text is for the person at the terminal."""


@dataclass
class Move:
    """A snapshot, a prepared target, and how valise-replay finds it."""

    snapshot: Path
    database: str
    target: list[str]
    policy: compare.Policy
    makes_schema: bool = False
    steps: list[tuple[str, float, str]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return f"dbname={self.database}"

    def step(self, name: str, work: Callable[[], str]) -> None:
        """Do one step of the work, which returns what it achieved."""
        began = time.monotonic()
        result = work()
        self.steps.append((name, time.monotonic() - began, result))
        print(f"  {name:<34} {self.steps[-1][1]:6.1f} s   {result}", flush=True)


def run(*command: str | Path) -> str:
    """Run a program; its output, or Stop with it."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        raise Stop(f"{shlex.join(words)}\nended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def create_database(name: str) -> None:
    run("createdb", "--encoding=UTF8", "--locale=C", "--template=template0", name)


def sample_move(folder: Path) -> Move:
    """A move of the sample database, which both sides are made for."""
    print("No database was given: using a small sample.\n")
    sample_database.make(folder / "sample.db")
    create_database("shop")
    with psycopg2.connect("dbname=shop") as connection, connection.cursor() as cursor:
        cursor.execute(sample_database.POSTGRESQL_SCHEMA)
    connection.close()
    return Move(folder / "sample.db", "shop", ["--dsn", "dbname=shop"], compare.Policy())


def other_move(database: Path, folder: Path, reason: str) -> Move:
    """A move of any application's database. Its PostgreSQL schema is made from the dump, once there is one."""
    copy = folder / "database.db"
    try:
        process.snapshot(database, copy)
    except sqlite3.Error as error:
        raise Stop(f"{database}: {error}") from error
    print(f"{reason}.\nSo its tables in PostgreSQL are made by valise schema; an application may want other ones.\n")
    create_database("application")
    return Move(copy, "application", ["--dsn", "dbname=application"], compare.Policy(), makes_schema=True)


def make_schema(move: Move, dump: Path, script: Path) -> str:
    """Create the tables of a dump."""
    run(VALISE, "schema", "-o", script, dump)
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", move.dsn, "-f", script)
    notes = script.read_text(encoding="utf-8").count("\n-- NOTE ")
    return f"valise schema made the tables, {notes} notes"


def synapse_move(homeserver: Path, folder: Path) -> Move:
    """A move of a homeserver's database. Its PostgreSQL schema is made by Synapse itself."""
    snapshots.facts_of(homeserver)   # not a homeserver's: say so before anything is downloaded
    synapse = installation.find()
    assert synapse.python is not None
    version = installation.version_of(synapse.python)
    copy = folder / "homeserver.db"
    process.snapshot(homeserver, copy)
    facts, current = snapshots.facts_of(copy), snapshots.current_facts(synapse, folder)
    print(f"{homeserver}: server {facts.server_name}, schema {facts.schema_version}; "
          f"using Synapse {version} of {synapse.python}\n")
    if facts.deltas - current.deltas:
        raise Stop(f"The database was used by a newer Synapse than {version} (it has {max(facts.deltas - current.deltas)}).\n"
                   "Set VALISE_SYNAPSE_PYTHON to the interpreter of that newer Synapse.")
    create_database("synapse")
    config = folder / "homeserver.yaml"
    section = {"name": "psycopg2", "args": {"host": os.environ["PGHOST"], "port": os.environ["PGPORT"],
                                            "user": os.environ["PGUSER"], "dbname": "synapse", "cp_min": 1, "cp_max": 5}}
    config.write_text(configuration.homeserver_yaml(section, str(folder), 0, facts.server_name), encoding="utf-8")
    move = Move(copy, "synapse", ["--postgres-config", str(config)], compare.SYNAPSE)
    if current.deltas - facts.deltas or facts.pending:
        missing = f"{len(current.deltas - facts.deltas)} schema changes, {len(facts.pending)} background updates pending"
        move.step("bring the copy up to this Synapse", lambda: done(snapshots.upgrade(synapse, copy, folder), missing))
    move.step("prepare PostgreSQL by Synapse", lambda: prepare(synapse, config))
    return move


def prepare(synapse: configuration.Installation, config: Path) -> str:
    process.prepare(synapse, config)
    return "an empty schema"


def done(_: object, result: str) -> str:
    """What a step achieved, once it is done."""
    return result


def move_of(database: Path, folder: Path) -> Move:
    try:
        return synapse_move(database, folder)
    except snapshots.NotSynapse as reason:
        return other_move(database, folder, str(reason))


def size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:,.1f} MB"


def check_file(dump: Path) -> str:
    run(VALISE, "verify", dump)
    run("zstd", "-t", "-q", dump)
    return "valise verify and zstd -t find it whole"


def replay(move: Move, dump: Path, report: Path) -> str:
    run(REPLAY, *move.target, "--report", report, dump)
    verified = json.loads(report.read_text(encoding="utf-8"))["verified"]
    return f"all {verified['rows']:,} rows of {verified['tables']} tables read back and compared"


def check_startup() -> str:
    found = run("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", "synapse", "-f", ASSERTS)
    if found.strip():
        raise Stop(f"Synapse would not be content with this database:\n{found}")
    return "sequences, positions and constraints are as Synapse wants them"


def make_move(move: Move, folder: Path) -> list[compare.TableResult]:
    """All steps from the snapshot to the comparison."""
    dump = folder / "database.valise"
    results: list[compare.TableResult] = []

    def compare_all() -> str:
        results.extend(compare.compare(move.snapshot, move.dsn, move.policy))
        return (f"{sum(r.values for r in results):,} values of {sum(r.source_rows for r in results):,} rows read by "
                f"another program")

    move.step("pack with valise-dump", lambda: done(
        run(DUMP, "-o", dump, move.snapshot), f"{size(move.snapshot)} -> {size(dump)}"))
    move.step("test the file", lambda: check_file(dump))
    if move.makes_schema:
        move.step("make tables in PostgreSQL", lambda: make_schema(move, dump, folder / "schema.sql"))
    move.step("unpack with valise-replay", lambda: replay(move, dump, folder / "report.json"))
    if move.policy is compare.SYNAPSE:
        move.step("check what Synapse asserts", check_startup)
    move.step("compare both databases", compare_all)
    return results


HOW = {"compared": "equal", "derived": "equal (search vectors)", "kept": "PostgreSQL's own", "emptied": "emptied (locks)"}


def print_tables(results: list[compare.TableResult]) -> None:
    """What became of each table that holds rows."""
    width = max(len(result.name) for result in results)
    print(f"\n  {'table':<{width}}  {'SQLite':>10}  {'PostgreSQL':>10}  result")
    for result in results:
        if result.source_rows or result.target_rows or result.differences:
            verdict = "DIFFERENT" if result.differences else HOW[result.how]
            print(f"  {result.name:<{width}}  {result.source_rows:>10,}  {result.target_rows:>10,}  {verdict}")
    empty = sum(not (r.source_rows or r.target_rows or r.differences) for r in results)
    if empty:
        print(f"  and {empty} {'table that is' if empty == 1 else 'tables that are'} empty on both sides")
    print()


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="valise-quickstart.", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        move = move_of(Path(sys.argv[1]), folder) if len(sys.argv) > 1 else sample_move(folder)
        results = make_move(move, folder)
    except installation.Unavailable as error:
        print(f"\nNOT DONE: a Synapse is needed to make its PostgreSQL schema, and none can be had.\n{error}\n"
              "Set VALISE_SYNAPSE_PYTHON to the interpreter of an installed one (with psycopg2).", file=sys.stderr)
        return 1
    except (Stop, SystemExit) as error:   # SystemExit: the kit's way to give up
        print(f"\nNOT DONE: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_tables(results)
    wrong = compare.differences(results)
    if wrong:
        print("\n".join(wrong) + "\n\nNOT VERIFIED: the databases differ.", file=sys.stderr)
        return 1
    tables = [result for result in results if result.how in ("compared", "derived")]
    print(f"VERIFIED: {len(tables)} tables, {sum(r.source_rows for r in tables):,} rows, {sum(r.values for r in tables):,} "
          "values; all equal.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
